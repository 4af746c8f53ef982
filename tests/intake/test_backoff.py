import pytest

from engine.intake.backoff import JITTER, RETRY_AFTER_MAX_S, Backoff
from tests.support.realtime import options


def backoff(uniform: float = 0.0, **changes: float) -> Backoff:
    return Backoff(options("ws://127.0.0.1/", **{"reconnect_base_s": 2, **changes}), lambda: uniform)


def test_pauses_double_and_the_fifth_failure_is_the_last():
    schedule = backoff()
    assert [schedule.failed(None) for _ in range(6)] == [2, 4, 8, 16, None, None]


def test_pauses_have_a_limit():
    schedule = backoff(reconnect_max_s=5, reconnect_tries=100)
    assert [schedule.failed(None) for _ in range(99)] == [2, 4] + [5] * 97


@pytest.mark.parametrize("tries", [0, 1])
def test_a_single_try_has_no_second(tries):
    assert backoff(reconnect_tries=tries).failed(None) is None


def test_what_went_well_is_forgotten():
    schedule = backoff()
    schedule.failed(None)
    schedule.failed(None)
    schedule.forget()
    assert schedule.failed(None) == 2


@pytest.mark.parametrize(("asked_s", "pause_s"), [(0, 0), (7, 7), (10_000, RETRY_AFTER_MAX_S)])
def test_retry_after_wins(asked_s, pause_s):
    assert backoff().failed(asked_s) == pause_s


def test_retry_after_does_not_give_more_tries():
    assert backoff(reconnect_tries=1).failed(1) is None


@pytest.mark.parametrize("asked_s", [None, 2])
def test_jitter_only_lengthens(asked_s):
    assert backoff(uniform=0.0).failed(asked_s) == 2
    assert backoff(uniform=0.999).failed(asked_s) == pytest.approx(2 * (1 + JITTER), rel=0.001)
