"""One audio message of the real-time socket: by the session, and by the two library calls that it can't do without.

The messages differ: on one and the same the processor learns base64's branches by heart, sometimes, and is twice as fast.
"""

import base64
from typing import Any

import orjson
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measuring import measure
from engine.audio.format import FRAME_BYTES
from engine.genesys.realtime import AudioReceived, RealtimeSession

MESSAGES = 500  # ten seconds


def chunks_of(samples: bytes) -> list[bytes]:
    """One of 20 ms for each message."""
    return [samples[start : start + FRAME_BYTES] for start in range(0, MESSAGES * FRAME_BYTES, FRAME_BYTES)]


def message_of(chunk: bytes) -> bytes:
    """As it comes from the socket."""
    return orjson.dumps({"type": "audio", "audio": base64.b64encode(chunk).decode()})


def listening_session() -> RealtimeSession:
    """A session that has got as far as audio."""
    session = RealtimeSession("conversation", "token")
    for text in ('{"type":"connected"}', '{"type":"subscribed"}'):
        session.receive(text)
    return session


def test_session_receive_audio(benchmark: BenchmarkFixture, talk: bytes) -> None:
    """A message of 20 ms becomes its samples."""
    messages = list(map(message_of, chunks_of(talk)))

    def receive_all(session: RealtimeSession) -> list[Any]:
        return [session.receive(message) for message in messages]

    events = measure(benchmark, receive_all, lambda: (listening_session(),), operations=MESSAGES)
    assert events == [(AudioReceived(chunk),) for chunk in chunks_of(talk)]


def test_base64_and_json_alone(benchmark: BenchmarkFixture, talk: bytes) -> None:
    """The floor under it: orjson and binascii."""
    messages = list(map(message_of, chunks_of(talk)))

    def decode_all() -> list[bytes]:
        return [base64.b64decode(orjson.loads(message)["audio"]) for message in messages]

    assert measure(benchmark, decode_all, operations=MESSAGES) == chunks_of(talk)
