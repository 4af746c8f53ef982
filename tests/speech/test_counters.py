import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech.counters import Counters
from engine.stats import CELL_COUNT, LATENCY_BOUNDS_S, Cell

NOW_NS = 10**12


def histogram(counters: Counters) -> list[float]:
    return counters.cells[Cell.LATENCY_FIRST :].tolist()


def test_it_counts_into_the_cells_it_was_given() -> None:
    cells = np.zeros(CELL_COUNT)
    counters = Counters(cells)
    counters.add(Cell.UTTERANCES, 1)
    counters.add(Cell.UTTERANCES, 2)
    counters.set(Cell.RECOGNIZERS, 7)
    counters.set(Cell.RECOGNIZERS, 3)
    assert cells[Cell.UTTERANCES] == 3
    assert cells[Cell.RECOGNIZERS] == 3
    assert np.count_nonzero(cells) == 2


def test_without_cells_it_has_its_own() -> None:
    first, second = Counters(), Counters()
    first.add(Cell.FRAMES, 1)
    assert not second.cells.any()


def test_each_frame_is_voiced_unvoiced_or_refused() -> None:
    counters = Counters()
    for flag in (True, True, False, None):
        counters.verdict(flag)
    assert counters.cells[Cell.VOICED_S] == pytest.approx(0.04)
    assert counters.cells[Cell.UNVOICED_S] == pytest.approx(0.02)
    assert counters.cells[Cell.FRAMES_REJECTED] == 1


@given(st.lists(st.integers(0, 8_000_000_000), max_size=20))
def test_latencies_fall_below_their_bounds(latencies_ns: list[int]) -> None:
    counters = Counters()
    counters.taken([NOW_NS - latency for latency in latencies_ns], NOW_NS)
    assert counters.cells[Cell.FRAMES] == len(latencies_ns)
    assert counters.cells[Cell.LATENCY_SUM_S] == pytest.approx(sum(latencies_ns) / 1e9)
    cumulative = np.cumsum(histogram(counters))
    for index, bound in enumerate(LATENCY_BOUNDS_S):
        assert cumulative[index] == sum(latency / 1e9 <= bound for latency in latencies_ns)
    assert cumulative[-1] == len(latencies_ns)


def test_frames_of_one_message_are_counted_together() -> None:
    counters = Counters()
    counters.taken([NOW_NS - 4_000_000] * 5, NOW_NS)
    assert counters.cells[Cell.LATENCY_SUM_S] == pytest.approx(0.02)
    assert histogram(counters)[2] == 5  # up to 5 ms
    assert sum(histogram(counters)) == counters.cells[Cell.FRAMES] == 5


def test_a_latency_on_a_bound_belongs_to_it() -> None:
    counters = Counters()
    counters.taken([NOW_NS - 1_000_000], NOW_NS)
    assert histogram(counters)[0] == 1


def test_no_frames_count_nothing() -> None:
    counters = Counters()
    counters.taken([], NOW_NS)
    assert not counters.cells.any()
