import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.shards.restarts import FIRST_PAUSE_S, RestartBudget

GAPS_S = st.lists(st.floats(0, 30, allow_nan=False), max_size=40)


def test_the_first_replacement_is_at_once_then_pauses_double_then_it_gives_up():
    budget = RestartBudget(limit=4, window_s=60)
    assert [budget.pause_after_death(now) for now in (0, 1, 2, 3, 4)] == [
        0,
        FIRST_PAUSE_S,
        2 * FIRST_PAUSE_S,
        4 * FIRST_PAUSE_S,
        None,
    ]
    assert budget.total == 4


def test_a_budget_of_nothing_gives_up_at_the_first_death():
    assert RestartBudget(limit=0, window_s=60).pause_after_death(0) is None


def test_deaths_outside_the_window_are_forgotten_but_counted():
    budget = RestartBudget(limit=2, window_s=10)
    assert budget.pause_after_death(0) == 0
    assert budget.pause_after_death(10) == FIRST_PAUSE_S  # still within: the window has both ends
    assert budget.pause_after_death(20.5) == 0
    assert budget.total == 3


@given(st.integers(0, 6), st.floats(1, 60), GAPS_S)
def test_it_gives_up_within_its_budget(limit, window_s, gaps_s):
    """However deaths come, never more than `limit` replacements fall into one window."""
    budget, now_s, replaced = RestartBudget(limit, window_s), 0.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        pause_s = budget.pause_after_death(now_s)
        if pause_s is not None:
            assert 0 <= pause_s <= FIRST_PAUSE_S * 2**limit
            replaced.append(now_s)
    for last in replaced:
        assert sum(0 <= last - time_s <= window_s for time_s in replaced) <= limit
    assert budget.total == len(replaced)


@pytest.mark.parametrize("limit", [1, 5])
def test_a_worker_that_dies_at_once_again_and_again_is_given_up(limit):
    budget, now_s, replaced = RestartBudget(limit, window_s=60), 0.0, 0
    while (pause_s := budget.pause_after_death(now_s)) is not None:
        now_s += pause_s
        replaced += 1
    assert replaced == limit
    assert now_s < 60


def test_a_shard_that_was_given_up_is_tried_again_later_and_later():
    budget, now = RestartBudget(limit=0, window_s=60), 1000.0
    pauses = []
    for _ in range(6):
        assert budget.pause_after_death(now) is None
        pauses.append(budget.pause_after_giving_up(now))
        now += pauses[-1] + 1
    assert pauses == [60, 120, 240, 480, 480, 480]
    assert budget.total == 6


def test_a_shard_that_lived_for_a_window_after_that_begins_anew():
    budget = RestartBudget(limit=1, window_s=60)
    assert budget.pause_after_death(0) == 0
    assert budget.pause_after_death(1) is None
    assert budget.pause_after_giving_up(1) == 60
    assert budget.pause_after_death(61 + 59) == 0, "its budget is whole again"
    assert budget.pause_after_death(61 + 60) is None
    assert budget.pause_after_giving_up(121) == 120, "it had lived for less than a window"
    assert budget.pause_after_death(241 + 61) == 0
    assert budget.pause_after_death(241 + 61) is None
    assert budget.pause_after_giving_up(302) == 60
