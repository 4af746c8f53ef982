"""The ring is a bounded deque that two sides share, under any interleaving; three slots force the wrap all the time."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from engine.audio.format import FRAME_BYTES
from engine.audio.ring import (
    GAP_PLACES,
    HEADER_WORDS,
    Gap,
    ReaderState,
    RingReader,
    RingWriter,
    ring_bytes,
    ring_memory,
)
from tests.support.speech import new_ring


def frame(number: int) -> bytes:
    """A frame that says which one it is."""
    return number.to_bytes(4, "little") * (FRAME_BYTES // 4)


class RingMachine(RuleBasedStateMachine):
    """One writer and one reader, which dies and is replaced now and then; the model keeps every frame ever written."""

    readers = Bundle("readers")

    @initialize(target=readers, slots=st.integers(3, 5), keep=st.integers(0, 2))
    def start(self, slots: int, keep: int) -> RingReader:
        self.slots, self.room = slots, slots - keep
        self.memory = new_ring(slots)
        self.writer = RingWriter(self.memory, keep)
        self.forget()
        self.reader = RingReader(self.memory)
        return self.reader

    def forget(self) -> None:
        self.frames: list[bytes] = []
        self.arrivals: list[int] = []
        self.gaps: list[Gap] = []
        self.state = ReaderState(0, 0, 0, 0, 0)

    @rule(count=st.integers(0, 7), now_ns=st.integers(0, 2**40))
    def write(self, count: int, now_ns: int) -> None:
        head = len(self.frames)
        chunk = [frame(head + i) for i in range(count)]
        taken = min(count, self.room - (head - self.state.tail))
        assert self.writer.write(memoryview(b"".join(chunk)), now_ns) == count - taken
        self.frames += chunk[:taken]
        self.arrivals += [now_ns] * taken

    @rule(missing=st.integers(1, 1000))
    def mark_gap(self, missing: int) -> None:
        self.writer.mark_gap(missing)
        if len(self.gaps) - self.state.gaps_seen < GAP_PLACES:
            self.gaps.append(Gap(len(self.frames), missing))
        else:
            self.gaps[-1] = Gap(self.gaps[-1].at, self.gaps[-1].frames + missing)

    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        tail = data.draw(st.integers(self.state.tail, len(self.frames)))
        seen = data.draw(st.integers(self.state.gaps_seen, len(self.gaps)))
        self.state = ReaderState(tail, data.draw(st.integers(0, tail)), tail // 2, seen, 7 * seen)
        self.reader.publish(self.state)

    @rule(target=readers)
    def replace_the_reader(self) -> RingReader:
        self.reader = RingReader(self.memory)
        return self.reader

    @rule()
    def clear(self) -> None:
        self.writer.clear()
        self.forget()

    @invariant()
    def counts_agree(self) -> None:
        oldest = max(0, len(self.frames) - self.slots)
        assert self.writer.head == self.reader.head == len(self.frames)
        assert self.reader.oldest == oldest <= self.state.tail, "what was not read is never overwritten"
        assert self.reader.state == self.state

    @rule(reader=readers, data=st.data())
    def what_is_left_reads_as_written(self, reader: RingReader, data: st.DataObject) -> None:
        oldest, head = reader.oldest, reader.head
        start = data.draw(st.integers(oldest, head))
        stop = data.draw(st.integers(start, head))
        runs = reader.runs(start, stop)
        assert all(len(run) and run.flags.c_contiguous and run.base is not None for run in runs)
        assert b"".join(run.tobytes() for run in runs) == b"".join(self.frames[start:stop])
        assert reader.arrivals_ns(start, stop) == self.arrivals[start:stop]
        if start < head:
            assert reader.arrival_ns(start) == self.arrivals[start]
            assert reader.arrival_ns(oldest - 1) == self.arrivals[oldest], "the oldest stands for what is gone"

    @rule(reader=readers, ahead=st.integers(0, GAP_PLACES))
    def gaps_come_in_order(self, reader: RingReader, ahead: int) -> None:
        seen = self.state.gaps_seen + ahead
        assert reader.gap(seen) == (self.gaps[seen] if seen < len(self.gaps) else None)


TestRing = RingMachine.TestCase
TestRing.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_several_rings_share_one_buffer() -> None:
    size = ring_bytes(3)
    buffer = memoryview(bytearray(2 * size))
    first, second = (ring_memory(buffer, at, 3) for at in (0, size))
    RingWriter(first).write(memoryview(frame(1) * 3), 1)
    assert not second.header.any()
    RingWriter(second).write(memoryview(frame(2) * 3), 2)
    assert bytes(first.frames) == frame(1) * 3
    assert bytes(second.frames) == frame(2) * 3
    assert size % 8 == 0, "the next ring's words stay aligned"


def test_views_are_the_buffer_and_keep_it_alive() -> None:
    buffer = bytearray(ring_bytes(3))
    memory = ring_memory(memoryview(buffer), 0, 3)
    RingWriter(memory).write(memoryview(frame(7)), 1)
    assert frame(7) in buffer
    run = RingReader(memory).runs(0, 1)[0]
    assert np.shares_memory(run, memory.frames), "no copy"
    with pytest.raises(BufferError):
        buffer.extend(b"grow")


def test_no_frames_no_runs() -> None:
    assert RingReader(new_ring(3)).runs(0, 0) == []


def test_kept_slots_are_history_for_a_pre_roll() -> None:
    memory = new_ring(5)
    writer, reader = RingWriter(memory, keep=2), RingReader(memory)
    assert writer.write(memoryview(b"".join(map(frame, range(5)))), 0) == 2
    reader.publish(ReaderState(3, 1, 0, 0, 0))
    assert writer.write(memoryview(b"".join(map(frame, range(3, 8)))), 0) == 2
    assert b"".join(run.tobytes() for run in reader.runs(1, 6)) == b"".join(map(frame, range(1, 6)))


def test_the_last_gap_takes_what_has_no_place() -> None:
    memory = new_ring(3)
    writer, reader = RingWriter(memory), RingReader(memory)
    for missing in (1, 2, 3, 4, 5):
        writer.mark_gap(missing)
    assert [reader.gap(seen) for seen in range(4)] == [Gap(0, 1), Gap(0, 2), Gap(0, 12), None]


def test_header_has_room_for_every_word() -> None:
    assert len(new_ring(1).header) == HEADER_WORDS
