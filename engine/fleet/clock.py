"""One clock for all nodes: Redis'. Pure arithmetic.

Positions of a call that goes from node to node are told on Redis' clock, since the nodes' own differ. Its offset to the time
since boot is known from every exchange to half of what the exchange took; of the latest few the shortest is believed.
"""

from collections import deque
from collections.abc import Callable

from engine.intake.past import Moment

KEPT = 8  # exchanges
STEP_S = 0.5  # an offset that moves by more than its doubt and this: Redis' clock was set, or Redis is another one


class FleetClock:
    """Redis' time, from this machine's time since boot. `now` tells that, in seconds."""

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self._id = f"fleet {name}"
        self._now = now
        self._heard: deque[tuple[float, float]] = deque(maxlen=KEPT)  # doubt, offset

    def heard(self, sent_boot_s: float, received_boot_s: float, redis_s: float) -> None:
        """An exchange: when it was sent and answered here, and Redis' time in between."""
        doubt = (received_boot_s - sent_boot_s) / 2
        offset = redis_s - (sent_boot_s + received_boot_s) / 2
        if self._heard:
            least, believed = min(self._heard)
            if abs(offset - believed) > doubt + least + STEP_S:
                self._heard.clear()
        self._heard.append((doubt, offset))

    def moment(self) -> Moment:
        """Now. Comparable with the moments of every node of this fleet. Only once it was heard."""
        redis_s = self._now() + min(self._heard)[1]
        return self.at(redis_s)

    def at(self, redis_s: float) -> Moment:
        """A moment that Redis' clock told."""
        return Moment(wall_s=redis_s, boot_s=redis_s, boot_id=self._id)
