"""One audio message of the real-time socket: by the session, and by the two library calls that it can't do without."""

import base64
from typing import Any

import orjson
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measuring import measure
from engine.audio.format import FRAME_BYTES
from engine.genesys.realtime import AudioReceived, RealtimeSession

MESSAGES = 500


def message_of(chunk: bytes) -> str:
    """As the platform sends it."""
    return orjson.dumps({"type": "audio", "audio": base64.b64encode(chunk).decode()}).decode()


def listening_session() -> RealtimeSession:
    """A session that has got as far as audio."""
    session = RealtimeSession("conversation", "token")
    for text in ('{"type":"connected"}', '{"type":"subscribed"}'):
        session.receive(text)
    return session


def test_session_receive_audio(benchmark: BenchmarkFixture, talk: bytes) -> None:
    """A message of 20 ms becomes its samples."""
    chunk = talk[:FRAME_BYTES]
    message = message_of(chunk)

    def receive_all(session: RealtimeSession) -> Any:
        for _ in range(MESSAGES):
            events = session.receive(message)
        return events

    events = measure(benchmark, receive_all, lambda: (listening_session(),), operations=MESSAGES)
    assert events == (AudioReceived(chunk),)


def test_base64_and_json_alone(benchmark: BenchmarkFixture, talk: bytes) -> None:
    """The floor under it: orjson and binascii."""
    chunk = talk[:FRAME_BYTES]
    message = message_of(chunk)

    def decode_all() -> bytes:
        for _ in range(MESSAGES):
            decoded = base64.b64decode(orjson.loads(message)["audio"])
        return decoded

    assert measure(benchmark, decode_all, operations=MESSAGES) == chunk
