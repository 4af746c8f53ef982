"""What an engine that is offered more than it holds has to show: the figures and the verdict. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.demo.sessions import Sessions
from engine.percentiles import percentile

FRAME_P99_MS = 250.0
SPOT_P95_MS = 500.0
REFUSED_WITHIN_MS = 1000.0  # what a busy machine's loop may take to answer anything; p50 tells more
HEARD_SHARE = 0.98
TYPED = (503, "capacity")
REFUSED_BY = "disconnect_error"


@dataclass(frozen=True, slots=True)
class Offer:
    """One conversation that was offered, and the answer."""

    status: int
    reason: str | None
    took_ms: float

    @property
    def admitted(self) -> bool:
        """Whether it is followed."""
        return self.status == 201


@dataclass(frozen=True, slots=True)
class Outcome:
    """All offers, and how the admitted ones fared. Latencies are None where nothing was measured."""

    offers: Sequence[Offer]
    counted: int  # refusals for want of capacity, by the engine's own metric
    followed: int  # conversations that the engine followed at the end
    dropped: int
    frame_p99_ms: float | None
    spot_p95_ms: float | None
    said: int
    heard: int
    lost: int = 0  # sessions that were admitted and then broke

    @property
    def admitted(self) -> int:
        """How many were taken."""
        return sum(offer.admitted for offer in self.offers)

    @property
    def refused(self) -> list[Offer]:
        """Those that were not."""
        return [offer for offer in self.offers if not offer.admitted]

    @property
    def refusal_ms(self) -> tuple[float | None, float | None]:
        """How long a refusal took: median and longest."""
        times = [offer.took_ms for offer in self.refused]
        return percentile(times, 0.5), max(times, default=None)

    def problems(self, *, beyond: bool) -> Iterator[str]:
        """Sentences; none where all is well. `beyond`: more was offered than the machine holds, so that some has to be refused."""
        untyped = Counter((each.status, each.reason) for each in self.refused if (each.status, each.reason) != TYPED)
        if untyped:
            answers = ", ".join(f"{status} {reason}: {count}" for (status, reason), count in untyped.items())
            yield f"Refusals that are not 503 with the reason capacity: {answers}."
        if beyond and not self.refused:
            yield f"All {len(self.offers)} were taken; nothing was refused."
        if self.counted != len(self.refused):
            yield f"{len(self.refused)} were refused and {self.counted} counted."
        if self.followed != self.admitted:
            yield f"{self.admitted} were admitted and {self.followed} are followed: the others were let go later."
        slowest = self.refusal_ms[1]
        if slowest is not None and slowest > REFUSED_WITHIN_MS:
            yield f"A refusal took {slowest:.0f} ms; allowed are {REFUSED_WITHIN_MS:.0f}."
        for name, value, limit in (
            ("Frame latency p99", self.frame_p99_ms, FRAME_P99_MS),
            ("Spot latency p95", self.spot_p95_ms, SPOT_P95_MS),
        ):
            if value is None or value > limit:
                yield f"{name} of the admitted calls: {'none' if value is None else f'{value:.0f} ms'}; allowed are {limit:.0f} ms."
        counts = ((self.lost, "sessions that had been admitted were lost."), (self.dropped, "frames were dropped."))
        yield from (f"{count} {what}" for count, what in counts if count)
        if self.heard < HEARD_SHARE * self.said or not self.said:
            yield f"Of {self.said} phrases said on admitted calls {self.heard} were delivered."

    def report(self) -> dict[str, Any]:
        """As plain values."""
        p50, most = self.refusal_ms
        return {
            "offered": len(self.offers),
            "admitted": self.admitted,
            "refused": len(self.refused),
            "counted": self.counted,
            "refusal_ms": {"p50": p50, "max": most},
            "frame_p99_ms": self.frame_p99_ms,
            "spot_p95_ms": self.spot_p95_ms,
            "dropped": self.dropped,
            "lost": self.lost,
            "phrases": {"said": self.said, "heard": self.heard},
        }


def offers_of(sessions: Sessions, admitted: int) -> list[Offer]:
    """AudioHook sessions as offers: `disconnect error` is the refusal for want of capacity. Its times are known as median and longest."""
    refused = dict(sessions.refused)
    times = [sessions.refused_ms.p50 or 0.0] * refused.pop(REFUSED_BY, 0)
    times[-1:] = [sessions.refused_ms.max or 0.0][: len(times)]
    others = [Offer(0, ending, 0.0) for ending, count in refused.items() for _ in range(count)]
    return [Offer(201, None, 0.0)] * admitted + [Offer(*TYPED, took_ms) for took_ms in times] + others
