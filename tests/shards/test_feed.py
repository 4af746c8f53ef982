import asyncio
import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.arena import Arena
from engine.audio.format import FRAME_BYTES
from engine.audio.ring import Gap, RingReader
from engine.shards.doorbell import Doorbell
from engine.shards.feed import HISTORY_FRAMES, RingFeed

SLOTS = 32


class Channel:
    """A feed into a ring of 32 slots, a reader on it, and what was lost."""

    def __init__(self, slots: int = SLOTS) -> None:
        self.arena = Arena.create(1, slots)
        self.bell = Doorbell()
        self.lost = 0
        self.feed = RingFeed(self.arena.ring(0), self.bell, self.count)
        self.reader = RingReader(self.arena.ring(0))

    def count(self, frames: int) -> None:
        self.lost += frames

    def content(self) -> bytes:
        return b"".join(run.tobytes() for run in self.reader.runs(0, self.reader.head))

    def rung(self) -> bool:
        with suppress(BlockingIOError):
            return os.eventfd_read(self.bell.fd) > 0
        return False

    def close(self) -> None:
        self.bell.close()
        self.arena.close()


@pytest.fixture
async def channel():
    channel = Channel()
    yield channel
    channel.close()


@given(st.lists(st.binary(max_size=700), max_size=8))
def test_chunks_of_any_length_come_out_as_frames(chunks):
    async def check():
        channel = Channel()
        for chunk in chunks:
            channel.feed.push(chunk)
        whole = b"".join(chunks)
        assert channel.content() == whole[: len(whole) // FRAME_BYTES * FRAME_BYTES]
        assert channel.feed.queue_depth_frames == len(whole) // FRAME_BYTES
        assert channel.lost == 0
        channel.close()

    asyncio.run(check())


async def test_a_push_rings_the_bell(channel):
    channel.feed.push(b"\1" * FRAME_BYTES)
    await asyncio.sleep(0)
    assert channel.rung()


async def test_a_gap_rings_the_bell_and_drops_the_carry(channel):
    channel.feed.push(b"\1" * (FRAME_BYTES + 7))
    await asyncio.sleep(0)
    assert channel.rung()
    channel.feed.mark_gap(1010)
    await asyncio.sleep(0)
    assert channel.rung()
    assert channel.reader.gap(0) == Gap(at=1, frames=51)
    channel.feed.push(b"\2" * FRAME_BYTES)
    assert channel.content() == b"\1" * FRAME_BYTES + b"\2" * FRAME_BYTES


async def test_what_does_not_fit_is_lost_and_counted_and_history_is_kept(channel):
    channel.feed.push(b"\1" * (FRAME_BYTES * 2 * SLOTS))
    assert channel.lost == SLOTS + SLOTS // 4
    assert channel.feed.queue_depth_frames == SLOTS - SLOTS // 4


async def test_history_never_takes_more_than_it_needs():
    channel = Channel(slots=1024)
    channel.feed.push(b"\1" * (FRAME_BYTES * 1024))
    assert channel.lost == HISTORY_FRAMES
    channel.close()


async def test_a_closed_feed_takes_nothing(channel):
    channel.feed.close()
    channel.feed.push(b"\1" * FRAME_BYTES)
    channel.feed.mark_gap(20)
    await asyncio.sleep(0)
    assert channel.reader.head == 0
    assert channel.reader.gap(0) is None
    assert not channel.rung()


async def test_a_new_feed_finds_its_ring_empty(channel):
    channel.feed.push(b"\1" * FRAME_BYTES)
    channel.feed.mark_gap(20)
    channel.feed.close()
    feed = RingFeed(channel.arena.ring(0), channel.bell, channel.count)
    assert feed.queue_depth_frames == 0
    assert channel.reader.gap(0) is None


async def test_lost_frames_are_a_gap_so_that_positions_stay_true(channel):
    channel.feed.push(bytes(FRAME_BYTES * (SLOTS + 3)))
    gap = channel.reader.gap(0)
    assert gap is not None
    assert gap.at + gap.frames == SLOTS + 3
    assert gap.frames == channel.lost
