import pytest

from engine.commands.outbox_rows import Kept
from engine.commands.recovery import Close, Resume, verdict
from engine.options import LogSink
from tests.support.commands import GateSink, command

NOTED = 1_000_000.0
HOUR_S = 3600.0


def kept(state="waiting", deadline_s=30.0):
    return Kept(1, command(1), "out", state, 0, "", NOTED + deadline_s, NOTED, NOTED)


def found(kept, after_s, **kinds):
    return verdict(kept, GateSink(LogSink(name="out", deadline_s=30), **kinds), NOTED + after_s)


@pytest.mark.parametrize("after_s", [-HOUR_S, 0, 29, HOUR_S, 1e7])
def test_what_may_be_had_twice_waits_again_with_its_whole_time_whatever_the_clock_did(after_s):
    assert found(kept(), after_s, idempotent=True) == Resume(30)


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("after_s", [-HOUR_S, 1, HOUR_S])
def test_what_was_being_sent_is_unknown_and_stays_so(idempotent, after_s):
    assert found(kept("sending"), after_s, idempotent=idempotent).state == "unknown"
    assert verdict(kept("sending"), None, NOTED).state == "unknown"


@pytest.mark.parametrize(("after_s", "left_s"), [(0, 30), (10, 20), (29.5, 0.5), (-0.5, 30)])
def test_what_must_not_be_had_twice_waits_for_the_time_that_it_has_left(after_s, left_s):
    assert found(kept(), after_s, idempotent=False) == Resume(left_s)


@pytest.mark.parametrize("after_s", [30, 31, HOUR_S])
def test_too_late_it_expires(after_s):
    assert found(kept(), after_s, idempotent=False) == Close("expired", "expired while Cueline was down")


@pytest.mark.parametrize("after_s", [-2, -HOUR_S])
def test_where_the_clock_went_back_nobody_knows_and_it_expires(after_s):
    assert found(kept(), after_s, idempotent=False) == Close("expired", "the clock went back while Cueline was down")


def test_a_deadline_that_was_shortened_holds():
    assert found(kept(deadline_s=500), 10, idempotent=False) == Resume(30)


def test_a_sink_that_is_no_more_ends_it():
    assert verdict(kept(), None, NOTED + 1) == Close("failed", "the configuration has no such sink any more")
