"""A worker's turn with fifty rings, the real VAD behind them: with nothing to hear, and with a frame of silence in each."""

import os

from pytest_benchmark.fixture import BenchmarkFixture

from bench.measuring import measure
from bench.turns import RINGS, SLOTS, Stage
from engine.audio.format import FRAME_BYTES
from engine.audio.ring import RingReader, RingWriter
from engine.speech.pipeline import BATCH_FRAMES
from engine.stats import Cell

TURNS = 50


def test_idle_turn(benchmark: BenchmarkFixture, stage: Stage) -> None:
    """Nothing came in time: look at every ring, say that we live."""
    measure(benchmark, stage.work, lambda: (TURNS,), operations=TURNS)
    assert stage.arena.cells[Cell.HEARTBEAT_NS] > 0
    assert stage.arena.cells[Cell.FRAMES] == 0


def test_busy_turn(benchmark: BenchmarkFixture, stage: Stage) -> None:
    """The bell rang: a batch of each ring."""
    batch = memoryview(bytes(BATCH_FRAMES * FRAME_BYTES))
    writers = [RingWriter(ring) for ring in stage.rings()]

    def setup() -> tuple[int]:
        for writer in writers:
            assert writer.write(batch, 1) == 0
        os.eventfd_write(stage.bell.fd, 1)
        return (1,)

    measure(benchmark, stage.work, setup, operations=1)
    assert {RingReader(ring).state.tail for ring in stage.rings()} == {writers[0].head}
    assert writers[0].head > SLOTS // 2
    assert stage.arena.cells[Cell.FRAMES] == RINGS * writers[0].head
    assert not stage.told()
