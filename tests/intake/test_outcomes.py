import pytest

from engine.errors import PlatformError
from engine.genesys.realtime import NO_ANSWER, Rejected
from engine.intake.outcomes import (
    SCOPES,
    Again,
    Over,
    forbidden,
    given_up,
    of_check,
    of_platform_error,
    of_rejection,
    unauthorized,
)
from tests.support.realtime import ENDED, LIVE, NOT_VISIBLE


@pytest.mark.parametrize(
    ("status", "reason"),
    [(0, "refused"), (404, "refused"), (NO_ANSWER, "timeout"), (429, "rate_limited"), (500, "server_error")],
)
def test_a_rejection_that_may_pass_keeps_its_wait(status, reason):
    again = of_rejection(Rejected("subscribe", status, "no", 7.0))
    assert again == Again(reason, f"{status} on subscribe: no", 7.0)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0, Again("unreachable", "down", 3.0)),
        (408, Again("timeout", "down", 3.0)),
        (429, Again("rate_limited", "down", 3.0)),
        (503, Again("server_error", "down", 3.0)),
        (400, Over("refused", "down")),
        (403, Over("forbidden", f"down: {SCOPES}")),
    ],
)
def test_the_platform_is_asked_again_only_for_what_may_pass(status, outcome):
    assert of_platform_error(PlatformError("down", status=status, retry_after_s=3.0)) == outcome


def test_wrong_credentials_are_named():
    outcome = of_platform_error(PlatformError("login refused", status=401))
    assert isinstance(outcome, Over)
    assert outcome.reason == "unauthorized"
    assert "GENESYS_CLIENT_SECRET" in outcome.message


@pytest.mark.parametrize("check", [ENDED, NOT_VISIBLE])
def test_what_was_heard_before_has_ended_whatever_the_check_says(check):
    assert of_check(check, heard=True).reason == "ended"
    assert of_check(check, heard=False).reason == check.reason


@pytest.mark.parametrize(
    ("step", "check", "reason"),
    [
        ("connect", LIVE, "forbidden"),
        ("subscribe", LIVE, "not_visible"),
        ("listen", LIVE, "not_visible"),
        ("subscribe", ENDED, "ended"),
        ("subscribe", NOT_VISIBLE, "not_visible"),
        ("subscribe", None, "forbidden"),
    ],
)
def test_which_403_it_is(step, check, reason):
    assert forbidden(Rejected(step, 403, "no", None), check, heard=False).reason == reason


def test_a_second_401_names_the_scopes():
    over = unauthorized(Rejected("connect", 401, "expired", None))
    assert over.reason == "unauthorized"
    assert SCOPES in over.message


def test_giving_up_keeps_the_last_words():
    assert given_up(Again("dropped", "the socket closed")) == Over("unreachable", "given up: the socket closed")
