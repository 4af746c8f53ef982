"""For how long a node may act on a call without hearing from Redis; pure.

A right begins with the moment *before* the question was sent that Redis answered well, so it ends before any other node may
claim the call, whatever the answer's way took. It is counted by the clock that goes on while the machine sleeps; phrases are stamped
by the monotonic one, which does not: time slept since the question is added to a phrase's age, which can only make it older.
"""

from dataclasses import dataclass

MARGIN = 0.1  # of the lease is not used: nodes' clocks may run at rates that differ by so much


@dataclass(frozen=True, slots=True)
class Tick:
    """One moment on this machine's two clocks, in seconds."""

    boot_s: float  # sleep included
    mono_s: float


@dataclass(frozen=True, slots=True)
class Right:
    """The right to a call, from a moment on."""

    since: Tick
    lasts_s: float

    def holds(self, now: Tick) -> bool:
        """Whether it has not run out."""
        return now.boot_s < self.until_s

    @property
    def until_s(self) -> float:
        """Its horizon, on the clock that counts sleep."""
        return self.since.boot_s + self.lasts_s

    def covers(self, mono_s: float, now: Tick) -> bool:
        """Whether something that happened then, by the monotonic clock, happened before the horizon."""
        age_s = mono_s - self.since.mono_s
        slept_s = max(0.0, (now.boot_s - now.mono_s) - (self.since.boot_s - self.since.mono_s))
        return age_s <= 0 or age_s + slept_s < self.lasts_s


def leased(since: Tick, lease_s: float) -> Right:
    """The right that an answer gives to a question that was sent then."""
    return Right(since, lease_s * (1 - MARGIN))
