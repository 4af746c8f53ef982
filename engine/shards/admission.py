"""Whether a shard takes one more channel: from its leases and its measured utilization. Pure: measurements are passed in.

Expected utilization = the channels heard now, at what a second of audio has cost in the last seconds, and those that no
measurement could show yet (leased since, or leased and still without audio) at what a channel costs by experience. A channel
fits where the expectation with it stays within the limit. The experience is gained slowly, from what the audio heard has cost
(a second of it is one channel for one second, so a burst or a replay teaches nothing wrong); until it has heard enough a
shard goes by what was measured on another machine, for calls that talk most of the time. So when hundreds come within seconds
and most are silent, only those of the last second are taken to be talkers, and all get in; when silent ones have made the shard
careless and talkers come, only those of the last second pass as silent. Nothing here is a load average: neighbours on the
machine count only as far as they slow the work loop down.
"""

from collections import deque

from engine.options import ShardOptions

MEAN_OF = 5  # measurements, one a second
GUESSED_COST = 0.012  # measured for calls of 61 % speech (bench/README.md): 62 channels at the default limit
GUESS_WEIGHT = 100.0  # channel-seconds that the guess counts for
LEAST_HEARD_S = 1.0  # of audio in the last seconds; less does not tell what a second costs
EMPTY_ROOM = 2  # channels of one conversation: an empty shard takes it, whatever that may cost
KEPT = 0.98  # of what was learned, from one measurement to the next: half of it is forgotten in 34 s


def calls_of(shards: ShardOptions) -> int:
    """How many calls of one channel are expected to fit: mostly silent ones are cheaper, and more of them do."""
    return shards.count * min(shards.rings, int(shards.max_utilization / GUESSED_COST))


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
        busy = sum(utilization for utilization, _ in self._measured)
        heard = sum(heard for _, heard in self._measured)
        _, latest = self._measured[-1]
        if heard < LEAST_HEARD_S:
            return busy / len(self._measured) + self.cost * leased
        return busy / heard * min(latest, leased) + self.cost * max(0.0, leased - latest)

    def room(self, leased: int) -> int:
        """Channels that fit beside those leased; none where the limit is passed already."""
        room = int((self._limit - self.expected(leased)) / self.cost + 1e-9)
        return max(room, 0 if leased else EMPTY_ROOM)

    def left_ratio(self, leased: int) -> float:
        """Share of the limit that is not taken, 0 to 1."""
        return max(0.0, 1 - self.expected(leased) / self._limit)
