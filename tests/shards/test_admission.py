"""Worked out by hand: limit 0.85, a channel guessed at 0.012, so 70 of them (0.84) fit at first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.shards.admission import GUESSED_COST, MEAN_OF, Admission


def taught(cost: float, channels: int = 50, seconds: int = 600) -> Admission:
    """Has heard so many channels for so long, each at that cost."""
    admission = Admission(0.85)
    for _ in range(seconds):
        admission.measured(cost * channels, channels)
    return admission


def test_before_anything_is_measured_a_shard_goes_by_the_guess():
    admission = Admission(0.85)
    assert admission.cost == GUESSED_COST == 0.012
    assert admission.room(0) == 70
    assert admission.room(50) == 20
    assert admission.room(70) == 0
    assert admission.expected(10) == pytest.approx(0.12)
    assert admission.left_ratio(0) == 1
    assert admission.left_ratio(34) == pytest.approx(0.52)  # 0.408 of 0.85
    assert admission.left_ratio(100) == 0


def test_what_a_channel_costs_is_learned_and_the_guess_fades():
    admission = Admission(0.85)
    admission.measured(0.75, 50)  # 0.015 each
    assert admission.cost == pytest.approx((0.012 * 200 + 0.75) / (200 + 50))
    assert taught(0.0116, 69).cost == pytest.approx(0.0116, rel=0.03)
    assert taught(0.03, 20).cost == pytest.approx(0.03, rel=0.2)
    assert taught(0.03, 20).cost == pytest.approx(0.027, abs=0.0005)  # (0.03 * 1000 + 0.012 * 200) / 1200


def test_a_shard_that_holds_what_was_measured_here_takes_about_seventy():
    """69 calls, 0.8 busy: bench/README.md."""
    admission = taught(0.8 / 69, 69)
    assert 69 + admission.room(69) == pytest.approx(73, abs=1)


def test_a_channel_leased_since_the_measurement_counts_with_its_cost():
    admission = taught(0.01, 50)
    before = admission.expected(50)
    assert before == pytest.approx(0.5)
    assert admission.expected(60) == pytest.approx(0.5 + 10 * admission.cost)
    assert admission.room(50) - admission.room(60) == 10


def test_a_channel_that_has_ended_gives_its_share_back_at_once():
    admission = taught(0.01, 80)
    assert admission.room(80) == pytest.approx(5, abs=1)
    assert admission.room(40) == pytest.approx(44, abs=2)


def test_a_refusal_is_at_the_limit_exactly():
    admission = Admission(0.06)
    assert [admission.room(leased) for leased in (1, 3, 4, 5)] == [4, 2, 1, 0]


def test_an_expensive_neighbourhood_is_seen_in_the_measurement():
    """The work loop is slowed down by others: the same channels are busy for longer."""
    admission = taught(0.01, 50)
    for _ in range(MEAN_OF):
        admission.measured(0.9, 50)
    assert admission.room(50) == 0
    assert admission.left_ratio(50) == 0


def test_one_hiccup_is_smoothed():
    admission = taught(0.01, 50)
    admission.measured(1.0, 50)
    assert admission.expected(50) == pytest.approx(0.6, abs=0.01)  # (4 * 0.5 + 1.0) / 5
    assert admission.room(50) > 10


def test_a_burst_teaches_nothing_wrong():
    """One channel's recording of 100 s, heard in a second: as dear as 100 channels for a second, not as one."""
    admission = taught(0.01, 50)
    cost = admission.cost
    for _ in range(MEAN_OF):
        admission.measured(1.0, 100)
    assert admission.cost == pytest.approx(cost, rel=0.01)
    assert admission.room(1) > 60


def test_a_worker_that_stands_still_makes_no_room():
    """Stopped: busy for 0, nothing heard. Its channels are still expected to cost."""
    admission = taught(0.01, 80)
    for _ in range(MEAN_OF):
        admission.measured(0.0, 0)
    assert admission.expected(80) == pytest.approx(0.808, abs=0.005)  # the guess still weighs 200 of 3800


def test_an_overloaded_shard_that_lags_behind_makes_no_room():
    """104 channels leased, 70 channels' audio heard per second, never idle: 34 more than it can hear."""
    admission = taught(0.0143, 70)
    assert admission.expected(104) > 1.4
    assert admission.room(104) == 0


def test_an_empty_shard_takes_a_conversation_whatever_it_costs():
    admission = taught(0.9, 1)
    for _ in range(100):
        admission.measured(0.9, 1)
    assert admission.room(0) == 2
    assert admission.room(1) == 0


def test_what_was_learned_long_ago_fades_while_nothing_is_heard():
    admission = taught(0.05, 10)
    for _ in range(600):
        admission.measured(0.001, 0)
    assert admission.cost == pytest.approx(GUESSED_COST, rel=0.01)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 300)), max_size=30),
    st.integers(0, 300),
    st.floats(0.01, 1),
)
def test_whatever_was_measured_the_answers_are_sane(measured, leased, limit):
    admission = Admission(limit)
    for utilization, heard in measured:
        admission.measured(utilization, heard)
    assert admission.cost > 0
    assert 0 <= admission.left_ratio(leased) <= 1
    room = admission.room(leased)
    assert room >= (0 if leased else 2)
    if leased:
        assert admission.expected(leased) + admission.cost * room <= max(limit, admission.expected(leased)) + 1e-6
        assert admission.room(leased + 1) <= room
