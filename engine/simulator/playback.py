"""The clock of one call: which messages are due by now, through all its rounds. Pure; the time is passed in.

Once started it goes on whoever listens: a later subscription joins at the live point, and what was due before is gone.
"""

from collections.abc import Iterator

from engine.simulator.delivery import Track
from engine.simulator.options import DeliveryOptions


class Playback:
    """Play `track` on an absolute clock."""

    def __init__(self, track: Track, delivery: DeliveryOptions) -> None:
        self._track = track
        self._loops = delivery.loops
        self._speed = delivery.speed
        self._next = 0
        self._round = 0
        self._stopped_ns: int | None = None
        self.started_ns: int | None = None

    def start(self, at_ns: int) -> None:
        """Position 0 is at `at_ns` (monotonic, perhaps in the future); later calls change nothing."""
        if self.started_ns is None:
            self.started_ns = at_ns

    def stop(self, at_ns: int) -> None:
        """The position stays where it is and nothing more becomes due; later calls change nothing."""
        if self._stopped_ns is None:
            self._stopped_ns = at_ns

    @property
    def finished(self) -> bool:
        """Every message of every round has been due."""
        return self._loops is not None and self._round >= self._loops

    @property
    def duration_ms(self) -> int:
        """Of one round."""
        return self._track.duration_ns // 1_000_000

    def position_ns(self, now_ns: int) -> int:
        """How far the call's audio has come, over all rounds; 0 before the start."""
        elapsed_ns = self._elapsed_ns(now_ns)
        return elapsed_ns if self._loops is None else min(elapsed_ns, self._loops * self._track.duration_ns)

    def due(self, now_ns: int) -> Iterator[tuple[int, bytes]]:
        """Messages that have become due since the last call, in order, each once, with its place in the call's audio."""
        elapsed_ns = self._elapsed_ns(now_ns)
        while not self.finished and (due_ns := self._due_ns()) <= elapsed_ns:
            message = self._track.messages[self._next]
            self._step()
            yield due_ns, message

    def _elapsed_ns(self, now_ns: int) -> int:
        """The clock in audio time; unlike the position it runs on past the end, for messages that come late."""
        if self.started_ns is None:
            return 0
        until_ns = now_ns if self._stopped_ns is None else min(now_ns, self._stopped_ns)
        return max(0, int((until_ns - self.started_ns) * self._speed))

    def _due_ns(self) -> int:
        return self._round * self._track.duration_ns + self._track.dues_ns[self._next]

    def _step(self) -> None:
        self._next += 1
        if self._next == len(self._track.messages):
            self._next, self._round = 0, self._round + 1
