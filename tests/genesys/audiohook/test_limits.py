import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.audiohook.limits import Patience, SessionLimits, Toll
from engine.genesys.audiohook.states import State

LIMITS = SessionLimits(open_s=10, silence_s=30, close_s=11, finish_s=8, linger_s=5)


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        (State.OPENING, 10),
        (State.ASKED, 30),
        (State.OPEN, 30),
        (State.PAUSED, 30),
        (State.DISCONNECTING, 11),
        (State.CLOSING, 8),
        (State.CLOSED, 5),
        (State.OVER, math.inf),
    ],
)
def test_how_long_a_state_may_last(state, seconds):
    patience = Patience(LIMITS)
    patience.hear(100.0)
    assert patience.wait_s(state, 100.0) == seconds
    assert patience.wait_s(state, 102.0) == seconds - 2
    assert patience.wait_s(state, 1000.0) == (math.inf if seconds == math.inf else 0)


@pytest.mark.parametrize("state", [State.OPENING, State.DISCONNECTING, State.CLOSING, State.CLOSED])
def test_chatter_prolongs_no_state_that_has_to_end(state):
    patience = Patience(LIMITS)
    before = patience.wait_s(state, 100.0)
    patience.hear(103.0)
    assert patience.wait_s(state, 104.0) == before - 4


@pytest.mark.parametrize("state", [State.ASKED, State.OPEN, State.PAUSED])
def test_whoever_speaks_is_alive(state):
    patience = Patience(LIMITS)
    patience.hear(100.0)
    patience.hear(120.0)
    assert patience.wait_s(state, 121.0) == 29
    patience.heard_s = 125.0
    assert patience.wait_s(state, 126.0) == 29


def test_a_state_begins_when_it_is_first_told_of():
    patience = Patience(LIMITS)
    patience.hear(100.0)
    patience.enter()
    assert patience.wait_s(State.CLOSED, 200.0) == 5
    assert patience.wait_s(State.CLOSED, 203.0) == 2


def test_a_burst_is_free_and_then_the_price_is_paid():
    toll = Toll(SessionLimits(messages_per_s=10, burst=5))
    assert [toll.is_due(50.0) for _ in range(7)] == [False] * 5 + [True] * 2
    assert [toll.is_due(50.125) for _ in range(2)] == [False, True]
    assert [toll.is_due(51.0) for _ in range(7)] == [False] * 5 + [True] * 2  # no more than a burst was saved


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 50), st.integers(1, 20))
def test_no_more_than_burst_and_rate_allow(gaps_ms, rate, burst):
    toll, now_ms, passed = Toll(SessionLimits(messages_per_s=rate, burst=burst)), 0, 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        passed += not toll.is_due(now_ms / 1000)
        assert passed <= burst + now_ms * rate / 1000 + 1
