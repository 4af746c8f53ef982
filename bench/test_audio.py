"""Intake's side of a ring and the worker's: bytes of any length in, views of frames out."""

from itertools import pairwise

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.audio import filled_ring, new_ring
from bench.measuring import measure
from engine.audio.format import FRAME_BYTES
from engine.audio.framer import Framer
from engine.audio.ring import ReaderState, RingReader, RingWriter

FRAMES = 200
SLOTS = 256
NOW_NS = 1


def cut(samples: bytes, sizes: list[int]) -> list[bytes]:
    """Cut into chunks of these sizes, over and over."""
    edges = [0]
    while edges[-1] < len(samples):
        edges.append(edges[-1] + sizes[len(edges) % len(sizes)])
    return [samples[start:stop] for start, stop in pairwise(edges)]


@pytest.mark.parametrize(
    "sizes", [[FRAME_BYTES], [319, 321, 1, 639], [3 * FRAME_BYTES]], ids=["320 bytes", "odd sizes", "960 bytes"]
)
def test_framer_push(benchmark: BenchmarkFixture, talk: bytes, sizes: list[int]) -> None:
    """A chunk into the ring; the samples lie there in order."""
    samples = talk[: FRAMES * FRAME_BYTES]
    chunks = cut(samples, sizes)

    def setup() -> tuple[Framer, RingReader]:
        memory = new_ring(SLOTS)
        return Framer(RingWriter(memory)), RingReader(memory)

    def push_all(framer: Framer, reader: RingReader) -> RingReader:
        for chunk in chunks:
            framer.push(chunk, NOW_NS)
        return reader

    reader = measure(benchmark, push_all, setup, operations=len(chunks))
    assert b"".join(run.tobytes() for run in reader.runs(0, reader.head)) == samples


def test_ring_write(benchmark: BenchmarkFixture, talk: bytes) -> None:
    """One frame."""
    frame = memoryview(talk[:FRAME_BYTES])

    def write_all(writer: RingWriter) -> int:
        return sum(writer.write(frame, NOW_NS) for _ in range(FRAMES)) + writer.head

    assert measure(benchmark, write_all, lambda: (RingWriter(new_ring(SLOTS)),), operations=FRAMES) == FRAMES


@pytest.mark.parametrize("run", [1, 25], ids=["1 frame", "25 frames"])
def test_ring_read(benchmark: BenchmarkFixture, talk: bytes, run: int) -> None:
    """A run of frames as views, and the word that it is done with."""
    reader = RingReader(filled_ring(talk[: FRAMES * FRAME_BYTES], NOW_NS))
    starts = [*range(0, FRAMES, run)] * (run // 2 or 1)

    def read_all() -> tuple[int, int]:
        seen = 0
        for start in starts:
            seen += sum(map(len, reader.runs(start, start + run)))
            reader.publish(ReaderState(start + run, start, 0, 0, 0))
        return seen, reader.state.tail

    assert measure(benchmark, read_all, operations=len(starts)) == (len(starts) * run, FRAMES)
