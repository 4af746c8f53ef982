"""The fleet's clock: of several exchanges the shortest is believed, until Redis' clock is set."""

import pytest

from engine.fleet.clock import FleetClock
from engine.intake.past import Past


def test_the_shortest_exchange_is_believed():
    now = 100.0
    clock = FleetClock("x", lambda: now)
    clock.heard(10.0, 10.4, 1010.4)  # offset 1000.2, doubt 0.2
    assert clock.moment().boot_s == pytest.approx(1100.2)
    clock.heard(20.0, 20.02, 1020.01)  # offset 1000.0, doubt 0.01
    clock.heard(30.0, 30.4, 1030.3)
    assert clock.moment().boot_s == pytest.approx(1100.0)
    for number in range(8):
        clock.heard(40.0 + number, 40.1 + number, 1040.15 + number)  # drifted by 0.1 s
    assert clock.moment().boot_s == pytest.approx(1100.1), "the best of the latest eight"


def test_a_clock_that_was_set_is_followed_at_once():
    clock = FleetClock("x", lambda: 100.0)
    clock.heard(10.0, 10.0, 1010.0)
    clock.heard(20.0, 20.2, 5020.0)
    assert clock.moment().boot_s == pytest.approx(5099.9)


def test_moments_of_one_fleet_compare_whatever_the_machine():
    here, there = FleetClock("x", lambda: 50.0), FleetClock("x", lambda: 9000.0)
    here.heard(50.0, 50.0, 2000.0)
    there.heard(9000.0, 9000.0, 2003.5)
    assert Past(1000, here.moment()).position_now_ms(there.moment()) == 4500
