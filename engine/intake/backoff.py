"""How long to wait before a socket is opened again; the only place that knows the schedule. Pure.

Pauses double from `reconnect_base_s`, never beyond `reconnect_max_s`; a server's Retry-After replaces the pause. Jitter only ever
lengthens it, so that a server is never asked earlier than it wished, and many conversations do not return at once.
(stamina's schedule can't be forgotten in mid-way, when audio has flowed again; hence our own.)
"""

from collections.abc import Callable

from engine.options import GenesysOptions

JITTER = 0.25  # of the pause, at most
RETRY_AFTER_MAX_S = 600.0  # a server can't silence a conversation for longer


class Backoff:
    """Count failed tries in a row and say how long to pause."""

    def __init__(self, options: GenesysOptions, random: Callable[[], float]) -> None:
        self._options = options
        self._random = random  # uniform in [0, 1)
        self._failed = 0

    def failed(self, retry_after_s: float | None) -> float | None:
        """A try failed: return the pause in seconds before the next, None where all tries are used up."""
        self._failed += 1
        if self._failed >= self._options.reconnect_tries:
            return None
        doubled_s = min(self._options.reconnect_base_s * 2.0 ** (self._failed - 1), self._options.reconnect_max_s)
        pause_s = doubled_s if retry_after_s is None else min(retry_after_s, RETRY_AFTER_MAX_S)
        return pause_s * (1 + JITTER * self._random())

    def forget(self) -> None:
        """All is well again: the next failure is the first."""
        self._failed = 0
