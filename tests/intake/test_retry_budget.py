import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.intake.retry_budget import RetryBudget, TokenBucket
from tests.support.realtime import options


def test_as_many_as_the_burst_have_their_turn_at_once_the_others_one_by_one():
    bucket = TokenBucket(per_s=2.0, burst=3)
    assert [bucket.turn_s(100.0) for _ in range(6)] == [0, 0, 0, 0.5, 1.0, 1.5]
    assert bucket.turn_s(101.0) == 1.0  # two of the three that wait have had theirs
    assert bucket.turn_s(200.0) == 0


def test_what_needs_no_waiting_is_there_or_not():
    bucket = TokenBucket(per_s=1.0, burst=2)
    assert [bucket.take(5.0) for _ in range(3)] == [True, True, False]
    assert not bucket.take(5.5)
    assert bucket.take(6.0)


@given(
    st.floats(0.1, 50),
    st.integers(1, 20),
    st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_no_window_holds_more_than_the_burst_and_its_share(per_s, burst, steps):
    bucket, now_s, turns = TokenBucket(per_s, burst), 0.0, []
    for step_s in steps:
        now_s += step_s
        turns.append(now_s + bucket.turn_s(now_s))
    assert turns == sorted(turns) or max(abs(a - b) for a, b in zip(turns, sorted(turns), strict=True)) < 1e-6
    for first, begin_s in enumerate(turns):
        for last in range(first, len(turns)):
            assert last - first + 1 <= burst + per_s * (turns[last] - begin_s) + 1 + 1e-6


@pytest.mark.parametrize("per_minute", [240.0, 60.0])
def test_checks_of_any_minute_stay_within_what_was_set(per_minute):
    """A quarter at once, the rest over the minute."""
    checks = RetryBudget(options("ws://127.0.0.1:9/", reconnect_checks_per_minute=per_minute)).checks
    turns = [checks.turn_s(0.0) for _ in range(round(per_minute) + 1)]
    assert sum(turn_s == 0 for turn_s in turns) == per_minute / 4
    assert sum(turn_s < 60 for turn_s in turns) <= per_minute
    assert turns[-1] >= 60


def test_sockets_have_a_second_s_worth_at_once():
    sockets = RetryBudget(options("ws://127.0.0.1:9/", reconnects_per_s=10)).sockets
    assert [sockets.turn_s(0.0) for _ in range(12)][-3:] == pytest.approx([0, 0.1, 0.2])
