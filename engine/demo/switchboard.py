"""Which calls of `cueline watch` go on, and when the next one begins. Pure; the time is passed in, in seconds.

So many lines: on each one call follows another, with a pause between them. Lines begin one after the other and pauses differ,
so that calls come and go and never all at once. No call lasts: in every minute each line ends one and begins another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle

APART_S = 2.6  # between the first calls of two lines
ALL_WITHIN_S = 20.0  # but the last line begins by then
PAUSES_S = (3.0, 6.0, 1.5, 8.0, 4.5)
PATIENCE_S = 20.0  # with a call that the engine has taken and still does not listen to


@dataclass(slots=True)
class Line:
    """One caller's line. `call` is the conversation on it, None between two."""

    next_at_s: float
    call: str | None = None
    followed: bool = False  # the engine has taken it
    since_s: float = 0.0  # or was asked to, last


class Switchboard:
    """The lines. Who owns it places the calls that are due, and tells what became of them."""

    def __init__(self, lines: int, now_s: float) -> None:
        apart_s = min(APART_S, ALL_WITHIN_S / lines)
        self.lines = [Line(now_s + number * apart_s) for number in range(lines)]
        self._pauses = cycle(PAUSES_S)
        self.placed = 0

    def due(self, now_s: float) -> Iterator[Line]:
        """Lines on which a call has to begin now. Times are seconds, states the simulator's: waiting, live, ended."""
        return (line for line in self.lines if line.call is None and line.next_at_s <= now_s)

    def unheard(self, now_s: float, states: Mapping[str, str]) -> Iterator[Line]:
        """Lines whose call waits for the engine: it has not taken it yet, or seems to have lost it."""
        for line in self.lines:
            waits = line.call is not None and states.get(line.call) == "waiting"
            if waits and not (line.followed and now_s - line.since_s < PATIENCE_S):
                yield line

    def begin(self, line: Line, call: str, now_s: float) -> None:
        """A call was placed on it."""
        line.call, line.followed, line.since_s = call, False, now_s
        self.placed += 1

    def took(self, line: Line, now_s: float, *, taken: bool) -> None:
        """What the engine said when it was asked to follow the line's call."""
        line.followed, line.since_s = taken, now_s

    def look(self, now_s: float, states: Mapping[str, str]) -> None:
        """Lines whose call has ended, or is not known any more, are free for the next one after a pause."""
        for line in self.lines:
            if line.call is not None and states.get(line.call, "ended") == "ended":
                line.call, line.next_at_s = None, now_s + next(self._pauses)
