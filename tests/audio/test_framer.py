"""Whatever the cuts, the same frames leave, and no sample is ever shifted."""

from itertools import cycle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.format import FRAME_BYTES
from engine.audio.framer import Framer
from engine.audio.ring import RingReader, RingWriter
from tests.support.speech import new_ring

SAMPLES = np.arange(40 * 160 + 100, dtype="<i2").tobytes()  # 40 frames and most of another; each sample is its number


class Line:
    """A framer with a ring behind it."""

    def __init__(self, slots: int) -> None:
        memory = new_ring(slots)
        self.framer = Framer(RingWriter(memory))
        self.reader = RingReader(memory)

    def written(self) -> bytes:
        return b"".join(run.tobytes() for run in self.reader.runs(0, self.reader.head))


@given(st.lists(st.binary(max_size=1000), max_size=12))
def test_any_cuts_give_the_same_frames(chunks: list[bytes]) -> None:
    line, whole = Line(64), b"".join(chunks)
    lost = [line.framer.push(chunk, 0) for chunk in chunks]
    assert not any(lost)
    assert line.written() == whole[: len(whole) // FRAME_BYTES * FRAME_BYTES]
    assert len(line.framer._carry) == len(whole) % FRAME_BYTES


@pytest.mark.parametrize(
    "sizes", [(1,), (319,), (320,), (321,), (10_000,), (1, 319, 321, 10_000), (7, 333, 1, 2), (0, 641)]
)
def test_awkward_sizes(sizes: tuple[int, ...]) -> None:
    line, at = Line(64), 0
    for size in cycle(sizes):
        line.framer.push(SAMPLES[at : at + size], 0)
        at += size
        if at >= len(SAMPLES):
            break
    assert line.reader.head == 40
    assert np.array_equal(np.frombuffer(line.written(), "<i2"), np.arange(40 * 160))


def test_a_chunk_may_be_longer_than_the_ring() -> None:
    line = Line(3)
    assert line.framer.push(SAMPLES[: 5 * FRAME_BYTES + 10], 0) == 2
    assert line.written() == SAMPLES[: 3 * FRAME_BYTES]
    assert line.framer.push(SAMPLES[5 * FRAME_BYTES + 10 : 6 * FRAME_BYTES], 0) == 1, "the carry outlives a full ring"


def test_a_dropped_carry_is_not_glued_to_what_comes_next() -> None:
    line = Line(4)
    line.framer.push(b"\xff" * 319, 0)
    line.framer.drop_carry()
    line.framer.push(SAMPLES[:320], 0)
    assert line.written() == SAMPLES[:320]


def test_arrival_is_that_of_the_chunk_that_completed_the_frame() -> None:
    line = Line(4)
    line.framer.push(SAMPLES[:300], 5)
    line.framer.push(SAMPLES[300:650], 9)
    assert line.reader.arrivals_ns(0, line.reader.head) == [9, 9]
