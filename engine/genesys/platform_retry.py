"""When a platform request may be sent again, as a table, and the time that all its attempts share.

Reading and logging in can be repeated at will. An action is repeated only where the platform proved that nothing was
done: 429, or a connection that was never made. Retry-After wins over our own back-off; where a wait
exceeds the time that is left, the error is passed on at once. stamina does the waiting. (401 is not a matter of waiting: see `platform_calls`.)
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import stamina

from engine.errors import PlatformError

TRIES = 5
BASE_S = 0.5
LONGEST_S = 8.0
JITTER_S = 0.5

T = TypeVar("T")
MayRepeat = Callable[[PlatformError], bool]


class Budget:
    """The time of one request: an absolute deadline for all its attempts, and the least that an attempt is worth.

    An attempt begun with no time to hear its answer would turn "not done" into "unknown". `cancel` works in any thread.
    """

    def __init__(self, deadline_s: float, least_s: float) -> None:
        self._deadline_s = deadline_s
        self._least_s = least_s
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Begin nothing further."""
        self._cancelled.set()

    def left_s(self) -> float:
        """Time left; 0 when it is over."""
        return 0.0 if self._cancelled.is_set() else max(0.0, self._deadline_s - time.monotonic())

    def affords(self, wait_s: float = 0.0) -> bool:
        """Whether an attempt may begin after such a wait."""
        return self.left_s() >= wait_s + self._least_s

    def attempt_s(self, most_s: float) -> float:
        """Return the limit of the attempt that begins now; PlatformError when there is no time for one."""
        if not self.affords():
            raise PlatformError("No time was left for the platform request; it was not sent", happened="no")
        return min(self.left_s(), most_s)


def may_repeat_read(error: PlatformError) -> bool:
    """For requests that change nothing."""
    return error.status in (0, 408, 429) or error.status >= 500


def may_repeat_action(error: PlatformError) -> bool:
    """For requests that have effects."""
    return error.happened == "no" and error.status in (0, 429)


def repeat(attempt: Callable[[], T], may_repeat: MayRepeat, budget: Budget, tries: int = TRIES) -> T:
    """Call until it succeeds, must not be repeated, or tries or time are used up; raise the last PlatformError."""
    last: PlatformError | None = None
    trial: stamina.Attempt

    def pause(error: Exception) -> bool | float:
        nonlocal last
        if not isinstance(error, PlatformError) or not may_repeat(error):
            return False
        last = error
        if error.retry_after_s is None:
            return budget.affords(trial.next_wait + JITTER_S)
        return budget.affords(error.retry_after_s) and error.retry_after_s

    for trial in stamina.retry_context(
        on=pause, attempts=tries, timeout=None, wait_initial=BASE_S, wait_max=LONGEST_S, wait_jitter=JITTER_S
    ):
        with trial:
            if last is not None and not budget.affords():
                raise last  # cancelled while it waited
            return attempt()
    raise AssertionError("stamina ends by returning or raising")
