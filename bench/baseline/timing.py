"""When what is measured, and how late what was decoded. Pure.

Calls begin and settle as those that are played to the product.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.load.product import SETTLE_S, STAGGER_ALL_MS
from engine.simulator.options import NS_PER_BYTE

NS_PER_S = 1_000_000_000
MESSAGE_NS = 20_000_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is measured, on the monotonic clock."""

    begin_ns: int
    end_ns: int

    def __contains__(self, at_ns: int) -> bool:
        return self.begin_ns <= at_ns <= self.end_ns

    @classmethod
    def of(cls, starts_ns: Iterable[int], seconds: float) -> "Stretch":
        """Of calls that begin then."""
        begin_ns = max(starts_ns) + int(SETTLE_S * NS_PER_S)
        return cls(begin_ns, begin_ns + int(seconds * NS_PER_S))


def stagger_ms(calls: int) -> int:
    """From one call's begin to the next one's."""
    return max(1, STAGGER_ALL_MS // calls)


def latencies_ms(started_ns: int, decoded: Sequence[tuple[int, int]], stretch: Stretch, stopped_ns: int) -> list[float]:
    """Of one call's messages in the stretch: from the moment when the last sample had been spoken to its decoding.

    `decoded` holds bytes of audio so far and when they had been decoded. What never was had waited until `stopped_ns`.
    """
    taken = [(started_ns + size * NS_PER_BYTE, done_ns) for size, done_ns in decoded]
    last_ns = taken[-1][0] if taken else started_ns
    missing = range(last_ns + MESSAGE_NS, stretch.end_ns + 1, MESSAGE_NS)
    taken += [(due_ns, stopped_ns) for due_ns in missing]
    return [(done_ns - due_ns) / 1e6 for due_ns, done_ns in taken if due_ns in stretch]
