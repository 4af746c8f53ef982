"""Where a conversation's positions go on that has been followed before, here or by a process that died; pure arithmetic.

Positions are part of idempotency keys: those of two lives of one conversation must not meet, and should be true. So they go on
from the last one noted by the time that has passed since. Within one boot of the machine a clock that nobody can set tells that
time. Across a reboot only the wall clock can; where it says less than a notch of the notes, or an age, it is not believed.
"""

from dataclasses import dataclass

NOTE_S = 2.0  # positions are noted so often: what is unknown of a life that was cut off
LONGEST_S = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on two clocks, in seconds."""

    wall_s: float  # since 1970
    boot_s: float  # since the machine started, sleep included
    boot_id: str  # of that start; "" where it is not known


@dataclass(frozen=True, slots=True)
class Past:
    """The position of a channel's audio at a moment."""

    position_ms: int
    at: Moment

    def missed_ms(self, now: Moment) -> int:
        """Time since then."""
        return round(elapsed_s(self.at, now) * 1000)

    def position_now_ms(self, now: Moment) -> int:
        """Where the audio is now; beyond anything that was heard."""
        return self.position_ms + self.missed_ms(now)


def elapsed_s(then: Moment, now: Moment) -> float:
    """Seconds between two moments, never less than 0."""
    if then.boot_id and then.boot_id == now.boot_id:
        return max(0.0, now.boot_s - then.boot_s)
    return min(max(NOTE_S, now.wall_s - then.wall_s), LONGEST_S)
