"""Which conversation's audio ends workers. Pure: positions are frame counts of a ring, passed in.

A worker that dies or hangs while it hears a lease makes that lease a suspect. Workers also die of other things, and the
lease in hand is then an innocent one. But a replacement hears the same audio again, so a poison is met again at the same
place: a lease is convicted by a second death within NEAR_FRAMES of the first, before or after, and by nothing else. A worker
takes at most a turn's frames at once, so two that took in the same frame began less than a turn apart; a replacement that
has come further has survived what its predecessor died of.
"""

NEAR_FRAMES = 9  # less than TURN_FRAMES of the worker, which must not be imported here


class Suspects:
    """The leases that a worker died of, perhaps. Bounded by the leases: `forget` each at its end."""

    def __init__(self) -> None:
        self._died_at: dict[int, int] = {}

    def convicts(self, lease: int, at: int) -> bool:
        """A worker died hearing this lease from frame `at` on; True where that proves it."""
        before = self._died_at.get(lease)
        self._died_at[lease] = at
        return before is not None and abs(at - before) <= NEAR_FRAMES

    def forget(self, lease: int) -> None:
        """The lease has ended."""
        self._died_at.pop(lease, None)
