"""When to replace a dead worker, and when to give up. Pure: the clock is passed in, in seconds.

The first restart in a window is at once; then pauses double. More than `limit` in the window: give up, and try again after
the window; each time that this was in vain the wait doubles, up to WINDOWS_MAX.
"""

from collections import deque

FIRST_PAUSE_S = 0.1
WINDOWS_MAX = 8


class RestartBudget:
    """One shard's."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._deaths: deque[float] = deque()
        self._given_up = 0  # times in a row
        self._again_s = 0.0  # when it is or was tried again, after that
        self.total = 0

    def pause_after_death(self, now_s: float) -> float | None:
        """Seconds to wait before the replacement; None: give up."""
        while self._deaths and now_s - self._deaths[0] > self._window_s:
            self._deaths.popleft()
        if now_s - self._again_s > self._window_s:
            self._given_up = 0
        if len(self._deaths) >= self._limit:
            return None
        self._deaths.append(now_s)
        self.total += 1
        return 0.0 if len(self._deaths) == 1 else FIRST_PAUSE_S * 2 ** (len(self._deaths) - 2)

    def pause_after_giving_up(self, now_s: float) -> float:
        """Seconds to wait before the shard is tried again, with its whole budget."""
        pause_s = self._window_s * min(1 << self._given_up, WINDOWS_MAX)
        self._given_up += 1
        self._deaths.clear()
        self._again_s = now_s + pause_s
        self.total += 1
        return pause_s
