"""How many calls hold: which number to try next. Pure.

From a first guess it goes up by half until a number breaks or down by half until one holds, then halves the interval
between the two until it is narrow enough. A number that breaks is tried again before it counts: machines hiccup.
"""

from dataclasses import dataclass, field

GROWTH = 1.5
TRIES = 2


@dataclass(slots=True)
class Search:
    """`while (calls := search.next()) is not None: search.note(calls, holds)`."""

    first: int
    most: int
    precision: float = 0.05  # the interval's width against its lower end
    holds: int = 0  # the greatest number that held
    breaks: int | None = None  # the least that broke, TRIES times
    _failures: dict[int, int] = field(default_factory=dict)

    def next(self) -> int | None:
        """The number to try; None when the answer is known well enough."""
        again = [calls for calls, failures in self._failures.items() if failures < TRIES]
        if again:
            return again[0]
        if self.breaks is None:
            wanted = max(self.first, round(self.holds * GROWTH)) if self.holds else self.first
            return None if self.holds >= self.most else min(self.most, wanted)
        if self.breaks - self.holds <= max(1, round(self.precision * self.holds)):
            return None
        return max(1, (self.holds + self.breaks) // 2)

    def note(self, calls: int, holds: bool) -> None:
        """What came of a try."""
        if holds:
            self._failures.pop(calls, None)
            self.holds = max(self.holds, calls)
            return
        self._failures[calls] = self._failures.get(calls, 0) + 1
        if self._failures[calls] == TRIES and (self.breaks is None or calls < self.breaks):
            self.breaks = calls
