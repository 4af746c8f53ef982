import threading
import time

import pytest

from engine.errors import PlatformError
from engine.genesys.platform_retry import Budget, may_repeat_action, may_repeat_read, repeat


def error(status, happened="unknown", retry_after_s=0.0):
    return PlatformError("no", status=status, happened=happened, retry_after_s=retry_after_s)


def budget(seconds=60.0, least_s=0.1):
    return Budget(time.monotonic() + seconds, least_s)


class Script:
    """Raise each error in turn, then return."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.parametrize(
    ("status", "happened", "read", "action"),
    [
        (429, "no", True, True),
        (0, "no", True, True),
        (0, "unknown", True, False),
        (500, "unknown", True, False),
        (503, "unknown", True, False),
        (408, "no", True, False),
        (400, "no", False, False),
        (401, "no", False, False),
        (403, "no", False, False),
        (404, "no", False, False),
        (307, "unknown", False, False),
    ],
)
def test_the_law_of_repetition(status, happened, read, action):
    assert may_repeat_read(error(status, happened)) is read
    assert may_repeat_action(error(status, happened)) is action


def test_repeats_until_it_succeeds():
    script = Script(error(500), error(429, "no"))
    assert repeat(script, may_repeat_read, budget()) == "done"
    assert script.calls == 3


def test_passes_on_what_must_not_be_repeated_and_what_is_no_platform_error():
    for trouble in (error(404, "no"), ValueError("ours")):
        script = Script(trouble)
        with pytest.raises(type(trouble)):
            repeat(script, may_repeat_read, budget())
        assert script.calls == 1


def test_gives_up_after_so_many_tries_with_the_last_error():
    script = Script(*(error(500 + n) for n in range(9)))
    with pytest.raises(PlatformError) as caught:
        repeat(script, may_repeat_read, budget(), tries=3)
    assert (script.calls, caught.value.status) == (3, 502)


def test_does_not_wait_longer_than_the_budget_affords():
    script = Script(error(429, "no", retry_after_s=1.0))
    began_s = time.monotonic()
    with pytest.raises(PlatformError):
        repeat(script, may_repeat_read, budget(1.05))
    assert (script.calls, time.monotonic() - began_s < 0.9) == (1, True)


def test_the_last_error_stands_when_the_budget_ends_while_it_waits():
    shared = budget()
    script = Script(error(503, retry_after_s=None))
    end = threading.Timer(0.05, shared.cancel)

    def attempt():
        end.start()
        return script()

    with pytest.raises(PlatformError) as caught:
        repeat(attempt, may_repeat_read, shared)
    assert (script.calls, caught.value.status) == (1, 503)


def test_an_attempt_gets_what_is_left_and_nothing_when_that_is_too_little():
    assert budget(60).attempt_s(5) == 5
    assert 0.9 < budget(1).attempt_s(5) <= 1
    for over in (budget(0.05), budget(-1)):
        with pytest.raises(PlatformError, match="No time was left") as caught:
            over.attempt_s(5)
        assert caught.value.happened == "no"


def test_a_cancelled_budget_is_over():
    cancelled = budget()
    cancelled.cancel()
    assert (cancelled.left_s(), cancelled.affords()) == (0, False)
