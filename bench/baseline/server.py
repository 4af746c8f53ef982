"""A recognition server of the common kind: a WebSocket per call, one model, a thread pool, every message decoded.

The first message is JSON, `{"sample_rate": …, "phrases": […]}`; every further one is 16-bit audio and is answered with
Vosk's own JSON, a partial or, at the end of an utterance, a final.

    python -m bench.baseline.server MODEL
"""

import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from vosk import KaldiRecognizer, Model, SetLogLevel
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Data


def answer(recognizer: Any, chunk: Data) -> str:
    """In the pool: decode, and say what has been heard."""
    found: str = recognizer.Result() if recognizer.AcceptWaveform(chunk) else recognizer.PartialResult()
    return found


async def main() -> None:
    SetLogLevel(-1)
    model = Model(sys.argv[1])
    pool = ThreadPoolExecutor(os.cpu_count())
    loop = asyncio.get_running_loop()

    async def hear(socket: ServerConnection) -> None:
        wanted = json.loads(await socket.recv())
        recognizer = KaldiRecognizer(model, wanted["sample_rate"], json.dumps([*wanted["phrases"], "[unk]"]))
        async for chunk in socket:
            await socket.send(await loop.run_in_executor(pool, answer, recognizer, chunk))

    async with serve(hear, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(json.dumps({"event": "ready", "url": f"ws://127.0.0.1:{port}"}), flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
