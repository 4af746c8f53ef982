from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.circuit import ASKED_MOST_S, FAILURES, JITTER, PAUSE_FIRST_S, PAUSE_MOST_S, Circuit


def opened(chance: float = 0.0, asked_s: float | None = None) -> Circuit:
    """Open since second 100."""
    circuit = Circuit(lambda: chance)
    for _ in range(FAILURES):
        assert circuit.wait_s(100) == 0
        circuit.failed(100, asked_s, probe=circuit.begun())
    return circuit


def probed(circuit: Circuit, now: float, asked_s: float | None = None) -> None:
    assert circuit.wait_s(now) == 0
    assert circuit.begun()
    circuit.failed(now, asked_s, probe=True)


def test_it_opens_after_so_many_failures_in_a_row():
    circuit = Circuit(lambda: 0)
    for _ in range(3):
        for _ in range(FAILURES - 1):
            circuit.failed(100, None, probe=circuit.begun())
        assert (circuit.open, circuit.wait_s(100)) == (False, 0)
        circuit.succeeded()
    assert opened().open


def test_open_it_lets_one_probe_pass_after_the_pause():
    circuit = opened()
    assert circuit.wait_s(100) == 0.5
    assert circuit.wait_s(100.4) == pytest.approx(0.1)
    assert circuit.wait_s(100.5) == 0
    circuit.begun()
    assert circuit.wait_s(200) == inf


def test_a_probe_that_succeeds_closes_it():
    circuit = opened()
    circuit.begun()
    circuit.succeeded()
    assert (circuit.open, circuit.wait_s(101)) == (False, 0)
    assert not circuit.begun()
    assert circuit.wait_s(101) == 0
    circuit.failed(101, None, probe=False)
    assert not circuit.open, "it counts anew"


def test_pauses_double_up_to_the_longest():
    circuit, pauses, now = opened(), [], 100.0
    for _ in range(8):
        pauses.append(circuit.wait_s(now))
        now += pauses[-1]
        probed(circuit, now)
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10, 10]


def test_chance_adds_to_a_pause():
    assert opened(1.0).wait_s(100) == pytest.approx(PAUSE_FIRST_S * (1 + JITTER))


@pytest.mark.parametrize(("asked_s", "pause_s"), [(0.1, 0.5), (7, 7), (3600, ASKED_MOST_S), (None, 0.5)])
def test_what_the_receiver_asks_for_prolongs_a_pause_but_not_for_good(asked_s, pause_s):
    circuit = opened(asked_s=asked_s)
    assert circuit.wait_s(100) == pytest.approx(pause_s)
    probed(circuit, 200, asked_s)
    assert circuit.wait_s(200) == pytest.approx(max(pause_s, 1.0))


def test_attempts_that_began_before_it_opened_do_not_prolong_it():
    circuit = opened()
    circuit.failed(100.4, None, probe=False)
    assert circuit.wait_s(100.5) == 0
    assert circuit.begun()
    circuit.failed(100.5, None, probe=False)
    assert circuit.wait_s(100.5) == inf, "the probe is still under way"


def test_a_late_success_closes_it_and_the_probe_s_failure_then_is_one_of_many():
    circuit = opened()
    assert circuit.begun()
    circuit.succeeded()
    circuit.failed(101, None, probe=True)
    assert not circuit.open


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100), st.none() | st.floats(0, 1e9)), max_size=200))
def test_it_never_shuts_for_good_and_lets_at_most_one_pass_while_open(steps):
    circuit, now = Circuit(lambda: 1.0), 0.0
    for success, later_s, asked_s in steps:
        now += later_s
        wait_s = circuit.wait_s(now)
        assert wait_s <= max(PAUSE_MOST_S * (1 + JITTER), ASKED_MOST_S) + 1e-6  # a difference of two large times
        now += wait_s + 1e-6
        assert circuit.wait_s(now) == 0
        probe = circuit.begun()
        assert probe == circuit.open
        assert not probe or circuit.wait_s(now) == inf
        circuit.succeeded() if success else circuit.failed(now, asked_s, probe=probe)
