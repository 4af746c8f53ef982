import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.search import Search


def searched(first: int, most: int, holds_up_to: int, hiccups: set[int] = frozenset()) -> tuple[Search, list[int]]:
    """Search a machine that holds so many calls, and fails once at each of `hiccups` though it could hold them."""
    search, tried, left = Search(first, most), [], set(hiccups)
    while (calls := search.next()) is not None:
        tried.append(calls)
        search.note(calls, calls <= holds_up_to and calls not in left)
        left.discard(calls)
        assert len(tried) < 100
    return search, tried


def test_up_by_half_then_halving():
    search, tried = searched(40, 400, 70)
    assert tried == [40, 60, 90, 90, 75, 75, 67, 71, 71, 69]
    assert (search.holds, search.breaks) == (69, 71), "67 and 71 are further apart than 5 %"


def test_a_hiccup_is_no_limit():
    search, tried = searched(40, 60, 100, hiccups={40})
    assert tried[:2] == [40, 40]
    assert search.holds == 60


def test_the_first_guess_may_be_too_much():
    search, tried = searched(80, 400, 7)
    assert tried[:4] == [80, 80, 40, 40]
    assert 6 <= search.holds <= 7


def test_nothing_holds():
    search, tried = searched(4, 400, 0)
    assert search.holds == 0
    assert tried[-1] == 1


def test_never_more_than_the_most():
    search, tried = searched(40, 50, 1000)
    assert (tried, search.holds) == ([40, 50], 50)


@given(st.integers(1, 100), st.integers(1, 500), st.integers(0, 600))
def test_the_answer_is_within_the_precision(first, most, holds_up_to):
    first = min(first, most)
    search, tried = searched(first, most, holds_up_to)
    best = min(most, holds_up_to)
    assert search.holds <= best
    assert best - search.holds <= max(1, round(0.05 * search.holds))
    assert all(1 <= calls <= most for calls in tried)


@pytest.mark.parametrize("calls", [1, 5])
def test_a_break_counts_only_when_it_comes_twice(calls):
    search = Search(calls, 10)
    search.note(calls, holds=False)
    assert search.breaks is None
    assert search.next() == calls
    search.note(calls, holds=False)
    assert search.breaks == calls
