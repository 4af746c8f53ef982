"""Gates on what has no noise: calls, copies, objects left. A limit is what it costs today; README says why.

Where a change makes a figure smaller, lower its limit with it, so that it stays.
"""

from collections.abc import Callable
from functools import partial

import pytest

from bench.audio import new_ring
from bench.counting import blocks_left, bytes_at_once, calls
from bench.test_realtime import listening_session, message_of
from bench.turns import Stage
from engine.audio.format import FRAME_BYTES
from engine.audio.ring import ReaderState, RingReader, RingWriter
from engine.shards.feed import HISTORY_FRAMES, RingFeed
from engine.speech.counters import Counters
from engine.speech.hearing import Hearing

CALLS_PER_MESSAGE = 9  # RealtimeSession.receive; the ninth is the len that tells whether a subscription is named
CALLS_PER_CHUNK = 13  # RingFeed.push of a frame, into the ring
CALLS_PER_SILENT_FRAME = {1: 36, 3: 17, 25: 9}  # Pipeline.drain, by frames per drain
BYTES_AT_ONCE = 3000  # views and small objects: far less than the audio that is passed on
BLOCKS_LEFT = 50  # after a thousand frames: one in twenty may leave an object, by the interpreter's own caches

NOW_NS = 1


def lost(frames: int) -> None:
    """Nothing may be."""
    raise AssertionError(frames)


def pusher(stage: Stage, chunk: bytes) -> Callable[[], None]:
    """Push the chunk through a feed into a ring that is always empty."""
    memory = new_ring(256)
    feed, reader = RingFeed(memory, stage.bell, lost), RingReader(memory)

    def push() -> None:
        reader.publish(ReaderState(reader.head, reader.head, 0, 0, 0))
        feed.push(chunk)

    return push


def silence(hearing: Hearing, frames: int, drains: int) -> Callable[[], None]:
    """Write that many frames of silence and drain them, over and over; nothing may come of it."""
    memory = new_ring(256)
    writer, pipeline = RingWriter(memory, HISTORY_FRAMES), hearing.open("external", RingReader(memory), Counters())
    data = memoryview(bytes(frames * FRAME_BYTES))

    def hear() -> None:
        for _ in range(drains):
            assert writer.write(data, NOW_NS) == 0
            assert pipeline.drain(frames) == []
            pipeline.publish()

    return hear


def test_calls_per_message(talk: bytes) -> None:
    session, message = listening_session(), message_of(talk[:FRAME_BYTES])
    receive = partial(session.receive, message)
    receive()
    assert sum(calls(receive).values()) <= CALLS_PER_MESSAGE


def test_calls_per_chunk(stage: Stage, talk: bytes) -> None:
    feed = RingFeed(new_ring(256), stage.bell, lost)
    push = partial(feed.push, talk[:FRAME_BYTES])
    push()  # has marked the bell for this turn
    assert sum(calls(push).values()) <= CALLS_PER_CHUNK


@pytest.mark.parametrize("frames", CALLS_PER_SILENT_FRAME)
def test_calls_per_frame_of_silence(hearing: Hearing, frames: int) -> None:
    memory = new_ring(256)
    pipeline = hearing.open("external", RingReader(memory), Counters())
    RingWriter(memory).write(memoryview(bytes(100 * FRAME_BYTES)), NOW_NS)

    def drain() -> None:
        pipeline.drain(frames)
        pipeline.publish()

    drain()
    assert sum(calls(drain).values()) / frames <= CALLS_PER_SILENT_FRAME[frames]


def test_a_chunk_of_whole_frames_is_copied_once_into_the_ring(stage: Stage, talk: bytes) -> None:
    assert bytes_at_once(pusher(stage, talk[: 100 * FRAME_BYTES])) <= BYTES_AT_ONCE


def test_a_chunk_of_odd_length_is_copied_once_more(stage: Stage, talk: bytes) -> None:
    chunk = talk[: 100 * FRAME_BYTES + 1]
    assert len(chunk) < bytes_at_once(pusher(stage, chunk)) <= len(chunk) + FRAME_BYTES + BYTES_AT_ONCE


def test_silence_is_not_copied(hearing: Hearing) -> None:
    assert bytes_at_once(silence(hearing, frames=25, drains=1)) <= BYTES_AT_ONCE


def test_a_chunk_leaves_nothing_behind(stage: Stage, talk: bytes) -> None:
    push = pusher(stage, talk[:FRAME_BYTES])

    def push_all() -> None:
        for _ in range(1000):
            push()

    assert blocks_left(push_all) <= BLOCKS_LEFT


def test_silence_leaves_nothing_behind(hearing: Hearing) -> None:
    assert blocks_left(silence(hearing, frames=1, drains=1000)) <= BLOCKS_LEFT
