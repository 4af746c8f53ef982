"""When to leave a sink alone: after FAILURES in a row it is tried by one attempt at a time, after pauses that grow.

Closed, everything passes. Open, one probe passes once the pause is over; its success closes the circuit, its failure opens
it for longer. What the receiver asks for (Retry-After) prolongs a pause, up to ASKED_MOST_S: nobody may shut a sink for good.
Pure: the time comes as a number, and so does chance.
"""

from collections.abc import Callable
from math import inf

FAILURES = 5  # in a row
PAUSE_FIRST_S = 0.5  # doubles with each probe that fails
PAUSE_MOST_S = 10.0
JITTER = 0.2  # of the pause, added at most
ASKED_MOST_S = 60.0


class Circuit:
    """Of one sink. `chance` gives numbers from 0 to 1."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._failures = 0  # in a row
        self._opened = 0  # times in a row
        self._until = -inf
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether it takes probes only."""
        return self._opened > 0

    def wait_s(self, now: float) -> float:
        """How long until an attempt may begin: 0 now, inf not before the probe under way has ended."""
        if not self.open:
            return 0.0
        return inf if self._probing else max(0.0, self._until - now)

    def begun(self) -> bool:
        """An attempt begins; `wait_s` was 0. Return whether it is a probe."""
        self._probing = self.open
        return self._probing

    def succeeded(self) -> None:
        """The receiver answered, if only to refuse what it was given."""
        self._failures = self._opened = 0
        self._probing = False

    def failed(self, now: float, asked_s: float | None, *, probe: bool) -> None:
        """An attempt failed in a way that may pass; `asked_s` is the pause that the receiver asked for.

        One that had begun before the circuit opened changes nothing: it knew no more than those before it.
        """
        self._failures += 1
        if probe if self.open else self._failures >= FAILURES:
            self._open(now, asked_s or 0.0)

    def _open(self, now: float, asked_s: float) -> None:
        pause_s = min(PAUSE_MOST_S, PAUSE_FIRST_S * 2.0 ** min(self._opened, 16))
        pause_s *= 1 + JITTER * self._chance()
        self._until = now + max(pause_s, min(asked_s, ASKED_MOST_S))
        self._opened += 1
        self._probing = False
