"""How fast all conversations together may come back to one host; pure: times are monotonic seconds from the caller.

When a host goes down and up again, every call on it wants its socket back at once, and a look at the platform first. One budget
is shared by all of them. Sockets are given turns in the order in which they were asked for, so none is lost, only spread. Looks
are for those who need one; a call that was live a moment ago opens its socket without, where none is left. First openings
take nothing from it: what waits here never delays a new call.
"""

from engine.options import GenesysOptions

CHECKS_AT_ONCE = 0.25  # of a minute's checks


class TokenBucket:
    """So many at once, then `per_s`: within any time t at most burst + per_s * t."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = max(1.0, burst)
        self._left = self._burst
        self._at_s = float("-inf")

    def turn_s(self, now_s: float) -> float:
        """Take a turn; return how long to wait for it."""
        self._fill(now_s)
        self._left -= 1
        return max(0.0, -self._left / self._per_s)

    def take(self, now_s: float) -> bool:
        """Take one that needs no waiting, if there is one."""
        self._fill(now_s)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _fill(self, now_s: float) -> None:
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s


class RetryBudget:
    """The two kinds of retries that are rationed."""

    def __init__(self, options: GenesysOptions) -> None:
        per_minute = options.reconnect_checks_per_minute
        at_once = per_minute * CHECKS_AT_ONCE
        self.sockets = TokenBucket(options.reconnects_per_s, options.reconnects_per_s)
        self.checks = TokenBucket((per_minute - at_once) / 60, at_once)
