"""How long to wait after failures in a row: 1 s, doubling to half a minute, with jitter, and never less than the platform asked for."""

import random

FIRST_S = 1.0
LONGEST_S = 30.0
ASKED_MAX_S = 600.0
JITTER = 0.25


class Pauses:
    """Counts failures in a row. Unlike a conversation's back-off it never gives up."""

    def __init__(self, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._failed = 0

    def failed(self, asked_s: float | None = None) -> float:
        """Return the pause in seconds before the next try."""
        doubled_s = min(self._first_s * 2.0 ** min(self._failed, 16), self._longest_s)
        self._failed += 1
        return max(doubled_s, min(asked_s or 0.0, ASKED_MAX_S)) * (1 + JITTER * random.random())  # noqa: S311

    def forget(self) -> None:
        """All is well again."""
        self._failed = 0
