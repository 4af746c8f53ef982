"""A look at all rings, on a real arena with real writers and readers."""

import pytest

from engine.audio.arena import Arena
from engine.audio.format import FRAME_BYTES
from engine.audio.ring import Gap, ReaderState, RingReader, RingWriter
from engine.live.rings import ShardRings
from engine.live.spans import Bounds

MS = 1_000_000
S = 1000 * MS
FRAME = memoryview(bytes(FRAME_BYTES))


class Shard:
    """Four rings of eight slots, and how they look."""

    def __init__(self) -> None:
        self.arena = Arena.create(4, 8)
        self.rings = ShardRings(self.arena)

    def writer(self, ring: int) -> RingWriter:
        return RingWriter(self.arena.ring(ring))

    def says(self, ring: int, **words: int) -> None:
        """Its reader says so."""
        reader = RingReader(self.arena.ring(ring))
        names = ("tail", "safe", "utterance", "gaps_seen", "gap_frames")
        before = {name: getattr(reader.state, name) for name in names}
        reader.publish(ReaderState(**(before | words)))


@pytest.fixture
def shard():
    shard = Shard()
    yield shard
    shard.arena.close()


def test_nothing_is_news_where_nothing_is_leased(shard):
    shard.writer(1).write(FRAME, 0)
    shard.says(1, utterance=1)
    look = shard.rings.look(S)
    assert (look.bounds, look.late, shard.rings.queue_frames, shard.rings.speaking) == ([], [], 0, 0)


def test_bounds_are_news_once(shard):
    shard.rings.take(1, 0)
    shard.rings.take(3, 0)
    shard.says(3, utterance=1 + 2, safe=2)
    assert shard.rings.look(S).bounds == [3]
    assert shard.rings.speaking == 1
    assert shard.rings.bounds(3) == Bounds(3, 2, [], 0)
    assert shard.rings.look(S).bounds == []
    shard.says(3, utterance=0, safe=7)
    assert shard.rings.look(S).bounds == [3]
    assert shard.rings.bounds(3) == Bounds(0, 7, [], 0)
    assert shard.rings.speaking == 0


def test_gaps_are_told_with_their_places(shard):
    shard.rings.take(0, 0)
    writer = shard.writer(0)
    writer.write(FRAME, 0)
    writer.mark_gap(50)
    shard.rings.look(S)
    assert shard.rings.look(S).bounds == []  # not before the reader has crossed it
    shard.says(0, tail=1, safe=1, gaps_seen=1, gap_frames=50)
    assert shard.rings.look(S).bounds == [0]
    assert shard.rings.bounds(0) == Bounds(0, 1, [Gap(1, 50)], 50)
    writer.mark_gap(5)
    writer.write(FRAME, 0)
    writer.mark_gap(6)
    shard.says(0, tail=2, safe=2, gaps_seen=3, gap_frames=61)
    assert shard.rings.look(S).bounds == [0]
    assert shard.rings.bounds(0).gaps == [Gap(1, 5), Gap(2, 6)]
    assert shard.rings.look(S).bounds == []


def test_of_many_gaps_at_once_only_those_still_told_of(shard):
    shard.rings.take(0, 0)
    writer = shard.writer(0)
    for frames in (1, 2, 3, 4, 5):
        writer.mark_gap(frames)
        shard.says(0, gaps_seen=frames, gap_frames=frames * (frames + 1) // 2)
    shard.rings.look(S)
    assert shard.rings.bounds(0) == Bounds(0, 0, [Gap(0, 3), Gap(0, 4), Gap(0, 5)], 15)


def test_lateness_is_that_of_the_oldest_frame_and_news_at_its_steps(shard):
    shard.rings.take(2, 0)
    writer = shard.writer(2)
    writer.write(FRAME, 1000 * MS)
    writer.write(FRAME, 1020 * MS)
    assert shard.rings.look(1099 * MS).late == []
    assert (shard.rings.late_ms[2], shard.rings.queue_frames) == (99, 2)
    assert shard.rings.look(1100 * MS).late == [2]
    assert shard.rings.look(1180 * MS).late == []
    assert shard.rings.late_ms[2] == 180
    assert shard.rings.look(3000 * MS).late == [2]
    shard.says(2, tail=1)
    assert shard.rings.look(3020 * MS).late == []  # 2000 ms still: the step is the same
    shard.says(2, tail=2)
    assert shard.rings.look(3040 * MS).late == [2]
    assert (shard.rings.late_ms[2], shard.rings.queue_frames) == (0, 0)


def test_lateness_is_found_where_the_ring_has_wrapped(shard):
    shard.rings.take(1, 0)
    writer = shard.writer(1)
    for number in range(11):
        writer.write(FRAME, number * MS)
        shard.says(1, tail=max(0, number - 1))
    shard.rings.look(500 * MS)  # frames 9 and 10 wait; slot 1 holds frame 9
    assert (shard.rings.late_ms[1], shard.rings.queue_frames) == (491, 2)


def test_silence_counts_from_the_last_frame_or_the_lease(shard):
    shard.rings.take(0, 5 * S)
    shard.rings.take(1, 5 * S)
    shard.writer(1).write(FRAME, 8 * S)
    shard.rings.look(8 * S)
    assert shard.rings.silent(5 * S - 1).tolist() == []
    assert shard.rings.silent(5 * S).tolist() == [0]
    assert shard.rings.silent(8 * S).tolist() == [0, 1]
    shard.rings.end(0)
    assert shard.rings.silent(8 * S).tolist() == [1]


def test_a_ring_leased_anew_begins_anew(shard):
    shard.rings.take(0, 0)
    writer = shard.writer(0)
    writer.write(FRAME, 0)
    shard.says(0, utterance=1)
    shard.rings.look(9 * S)
    assert shard.rings.frames(0) == 1
    shard.rings.end(0)
    writer.clear()
    shard.rings.take(0, 9 * S)
    look = shard.rings.look(9 * S)
    assert (look.bounds, look.late, shard.rings.speaking, shard.rings.late_ms[0]) == ([], [], 0, 0)
