"""When to replace a dead worker, and when to give up. Pure: the clock is passed in, in seconds.

The first restart in a window is at once; then pauses double. More than `limit` in the window: give up.
"""

from collections import deque

FIRST_PAUSE_S = 0.1


class RestartBudget:
    """One shard's."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._deaths: deque[float] = deque()
        self.total = 0

    def pause_after_death(self, now_s: float) -> float | None:
        """Seconds to wait before the replacement; None: give up."""
        while self._deaths and now_s - self._deaths[0] > self._window_s:
            self._deaths.popleft()
        if len(self._deaths) >= self._limit:
            return None
        self._deaths.append(now_s)
        self.total += 1
        return 0.0 if len(self._deaths) == 1 else FIRST_PAUSE_S * 2 ** (len(self._deaths) - 2)
