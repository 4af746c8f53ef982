"""Until when a node may act on a call: 0.9 of the lease after the question that Redis answered was sent."""

import pytest

from engine.fleet.rights import Right, Tick, leased

SENT = Tick(boot_s=100.0, mono_s=50.0)


def test_a_right_ends_before_the_lease_does():
    right = leased(SENT, 10.0)
    assert right == Right(SENT, 9.0)
    assert right.until_s == 109.0
    assert right.holds(Tick(108.9, 58.9))
    assert not right.holds(Tick(109.0, 59.0))


def test_sleep_of_the_machine_counts_although_its_monotonic_clock_stood_still():
    assert not leased(SENT, 10.0).holds(Tick(160.0, 51.0))


@pytest.mark.parametrize(
    ("ended_s", "now", "ours"),
    [
        (58.9, Tick(120.0, 70.0), True),  # before the horizon, found long after it
        (59.0, Tick(120.0, 70.0), False),  # at the horizon
        (65.0, Tick(120.0, 70.0), False),
        (49.0, Tick(220.0, 60.0), True),  # before the question: sleep after it changes nothing
        (51.0, Tick(220.0, 60.0), False),  # the machine slept 110 s: nobody knows on which side of it that was
        (51.0, Tick(119.9, 70.0), True),  # clocks that differ by less than nothing
    ],
)
def test_what_ended_before_the_horizon_is_ours(ended_s, now, ours):
    assert leased(SENT, 10.0).covers(ended_s, now) is ours
