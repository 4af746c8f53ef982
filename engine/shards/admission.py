"""Whether a shard takes one more channel: from its leases and its measured utilization. Pure: measurements are passed in.

Expected utilization = what was measured in the last seconds, corrected for what those seconds could not show: a channel
leased since then, or leased and still without audio, adds a channel's cost; one that has ended takes it away. A channel fits
where the expectation with it stays within the limit. What a channel costs is learned, slowly, from what the audio heard has
cost (a second of it is one channel for one second, so a burst or a replay teaches nothing wrong); until it has heard enough
a shard goes by what was measured on another machine. Nothing here is a load average: neighbours on the machine count only as far as they slow the
work loop down.
"""

from collections import deque

MEAN_OF = 5  # measurements, one a second
GUESSED_COST = 0.012  # measured for calls of 61 % speech (bench/README.md): 62 channels at the default limit
GUESS_WEIGHT = 200.0  # channel-seconds that the guess counts for
EMPTY_ROOM = 2  # channels of one conversation: an empty shard takes it, whatever that may cost
KEPT = 0.98  # of what was learned, from one measurement to the next: half of it is forgotten in 34 s


class Admission:
    """One shard's. Channels are counted as rings are: from the lease until the worker has let go."""

    def __init__(self, limit: float) -> None:
        """`limit`: utilization, 0 to 1, that is never promised away."""
        self._limit = limit
        self._measured: deque[tuple[float, float]] = deque(maxlen=MEAN_OF)  # utilization, channels heard
        self._busy_s = 0.0  # per second, faded
        self._channels = 0.0

    @property
    def cost(self) -> float:
        """Utilization that one channel adds."""
        return (GUESSED_COST * GUESS_WEIGHT + self._busy_s) / (GUESS_WEIGHT + self._channels)

    def measured(self, utilization: float, heard: float) -> None:
        """About a second has passed: the loop was busy for so much of it, and heard so many seconds of audio per second."""
        self._measured.append((utilization, heard))
        self._busy_s *= KEPT
        self._channels *= KEPT
        if heard:
            self._busy_s += utilization
            self._channels += heard

    def expected(self, leased: int) -> float:
        """Utilization once all leased channels have audio."""
        if not self._measured:
            return self.cost * leased
        corrected = [utilization + self.cost * (leased - heard) for utilization, heard in self._measured]
        return max(0.0, sum(corrected) / len(corrected))

    def room(self, leased: int) -> int:
        """Channels that fit beside those leased; none where the limit is passed already."""
        room = int((self._limit - self.expected(leased)) / self.cost + 1e-9)
        return max(room, 0 if leased else EMPTY_ROOM)

    def left_ratio(self, leased: int) -> float:
        """Share of the limit that is not taken, 0 to 1."""
        return max(0.0, 1 - self.expected(leased) / self._limit)
