"""How a tutorial does it: a process per call, one loop that blocks; every message decoded, a partial after each.

    python -m bench.baseline.tutorial MODEL CONVERSATION WEBHOOK PHRASE…

with GENESYS_LOGIN_URL, GENESYS_REALTIME_URL, GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET in the environment. Added to what
a tutorial shows: it waits for a line before it connects, and at its end it prints when each message had been decoded.
"""

import base64
import json
import os
import signal
import sys
import time
import urllib.request
from typing import Any

from vosk import KaldiRecognizer, Model, SetLogLevel
from websockets.sync.client import connect

BYTES_PER_MS = 16
TIMEOUT_S = 10


def post(url: str, body: bytes, **headers: str) -> bytes:
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        answer: bytes = response.read()
    return answer


def login() -> str:
    client = f"{os.environ['GENESYS_CLIENT_ID']}:{os.environ['GENESYS_CLIENT_SECRET']}"
    basic = "Basic " + base64.b64encode(client.encode()).decode()
    url = os.environ["GENESYS_LOGIN_URL"] + "/oauth/token"
    token: str = json.loads(post(url, b"grant_type=client_credentials", Authorization=basic))["access_token"]
    return token


def heard(recognizer: Any, chunk: bytes) -> tuple[str, bool]:
    """What has been said in this utterance, and whether it is over."""
    if recognizer.AcceptWaveform(chunk):
        return json.loads(recognizer.Result())["text"], True
    return json.loads(recognizer.PartialResult())["partial"], False


def follow(
    recognizer: Any, conversation: str, webhook: str, phrases: list[str], decoded: list[tuple[int, int]]
) -> None:
    """Until the call is over; `decoded` gets a pair for each message: bytes of audio so far, monotonic time."""
    size, fired = 0, set()
    with connect(os.environ["GENESYS_REALTIME_URL"]) as socket:
        socket.send(json.dumps({"type": "connect", "apiVersion": "v2", "token": login()}))
        voice = {"type": "conversation", "mediaType": "voice", "audio": {"format": "pcm", "sampleRate": 8000}}
        request = {**voice, "conversationId": conversation}
        socket.send(json.dumps({"type": "subscribe", "id": "1", "request": request}))
        for text in socket:
            message = json.loads(text)
            if message["type"] != "audio":
                continue
            chunk = base64.b64decode(message["audio"])
            said, is_over = heard(recognizer, chunk)
            size += len(chunk)
            decoded.append((size, time.monotonic_ns()))
            for phrase in phrases:
                if phrase in said and phrase not in fired:
                    fired.add(phrase)
                    place = {"conversation_id": conversation, "phrase": phrase, "phrase_end_ms": size // BYTES_PER_MS}
                    post(webhook, json.dumps({"id": f"{conversation}/{size}", "data": place}).encode())
            if is_over:
                fired.clear()


def main() -> None:
    model, conversation, webhook, *phrases = sys.argv[1:]
    SetLogLevel(-1)
    recognizer = KaldiRecognizer(Model(model), 8000, json.dumps([*phrases, "[unk]"]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print('{"event": "ready"}', flush=True)
    input()
    decoded: list[tuple[int, int]] = []
    try:
        follow(recognizer, conversation, webhook, phrases, decoded)
    finally:
        print(json.dumps({"event": "done", "decoded": decoded}), flush=True)


if __name__ == "__main__":
    main()
