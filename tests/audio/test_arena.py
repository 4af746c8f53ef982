"""Shared memory without a name: another process that is handed the descriptor sees the same counters and rings."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.audio.arena import Arena
from engine.audio.format import FRAME_BYTES
from engine.audio.ring import ReaderState, RingReader, RingWriter, Word
from engine.stats import Cell

OTHER = """
import sys
from engine.audio.arena import Arena
from engine.audio.ring import ReaderState, RingReader
from engine.stats import Cell
arena = Arena(int(sys.argv[1]), 3, 8)
reader = RingReader(arena.ring(2))
assert b"".join(run.tobytes() for run in reader.runs(0, reader.head)) == b"x" * 640
reader.publish(ReaderState(2, 1, 2, 0, 0))
arena.cells[Cell.FRAMES] += 2
"""


@pytest.fixture
def arena() -> Iterator[Arena]:
    made = Arena.create(3, 8)
    yield made
    made.close()


def test_a_new_arena_is_all_zero(arena: Arena) -> None:
    assert not arena.cells.any()
    assert not any(arena.ring(index).header.any() for index in range(3))


def test_rings_and_cells_do_not_overlap(arena: Arena) -> None:
    for index in range(3):
        RingWriter(arena.ring(index)).write(memoryview(bytes([index + 1]) * (8 * FRAME_BYTES)), index)
    arena.cells[:] = 1.5
    for index in range(3):
        memory = arena.ring(index)
        assert (memory.frames == index + 1).all()
        assert (memory.arrivals_ns == index).all()
        assert memory.header[0] == 8
    assert (arena.cells == 1.5).all()


def test_one_word_of_every_ring_at_once(arena: Arena) -> None:
    heads, gaps = arena.words(Word.HEAD), arena.words(Word.GAPS)
    assert (heads.tolist(), gaps.tolist()) == ([0, 0, 0], [0, 0, 0])
    RingWriter(arena.ring(1)).write(memoryview(bytes(5 * FRAME_BYTES)), 1)
    RingWriter(arena.ring(2)).mark_gap(7)
    assert (heads.tolist(), gaps.tolist()) == ([0, 5, 0], [0, 0, 1])


@pytest.mark.parametrize("index", [-1, 3, 100])
def test_no_ring_outside(arena: Arena, index: int) -> None:
    with pytest.raises(IndexError, match=f"ring {index} of 3"):
        arena.ring(index)


def test_another_process_reads_and_counts(arena: Arena) -> None:
    RingWriter(arena.ring(2)).write(memoryview(b"x" * 640), 1)
    subprocess.run([sys.executable, "-c", OTHER, str(arena.fd)], pass_fds=[arena.fd], check=True, timeout=60)
    assert RingReader(arena.ring(2)).state == ReaderState(2, 1, 2, 0, 0)
    assert arena.cells[Cell.FRAMES] == 2


def test_views_outlive_the_arena() -> None:
    made = Arena.create(1, 8)
    memory = made.ring(0)
    fd = made.fd
    made.close()
    del made
    gc.collect()
    RingWriter(memory).write(memoryview(b"y" * 320), 3)
    assert bytes(memory.frames[0]) == b"y" * 320
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_nothing_stands_in_the_file_system(arena: Arena) -> None:
    assert str(Path(f"/proc/self/fd/{arena.fd}").readlink()).startswith("/memfd:cueline-arena")
    assert not os.get_inheritable(arena.fd), "children get it only when handed it"
