"""What was measured with so many calls at once, and the criterion that it has to meet. Pure.

Frame latency: a piece of audio arrives to the recognizer having taken it. Spot latency: the phrase's last sound in the
audio to the command's arrival at whoever receives commands. CPU is in cores: CPU seconds per second of the measurement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.demo.figures import RANKS
from engine.demo.sessions import Sessions
from engine.percentiles import percentile

FRAME_P99_MS = 200.0
SPOT_P95_MS = 500.0
FEW_PHRASES = 40  # of fewer, p95 is the slowest or the one before
HEARD_SHARE = 0.98  # of what was said: speed can't be bought with deafness


@dataclass(frozen=True, slots=True)
class Ranks:
    """Percentiles in milliseconds; None where nothing was measured."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> "Ranks":
        """Exact, nearest rank."""
        return cls(*(percentile(values_ms, rank) for rank in RANKS))


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement. `cpu` and `memory_mb` are by part of the subject; `load_cpu` is the load generator's and receiver's."""

    calls: int
    seconds: float
    said: int
    heard: int
    false: int
    frames: int
    dropped: int
    frame_ms: Ranks
    spot_ms: Ranks
    cpu: Mapping[str, float] = field(default_factory=dict)
    load_cpu: float = 0.0
    memory_mb: Mapping[str, float] = field(default_factory=dict)
    utilization: float | None = None  # of the busiest worker
    late_ms: float = 0.0  # how far the load generator was behind its own clock at worst
    failure: str | None = None  # it could not be measured at all
    sessions: Sessions | None = None  # of AudioHook, as the load generator saw them
    held_back_ms: float = 0.0  # a sound is sent at most so much later than in frames of 20 ms

    @classmethod
    def failed(cls, calls: int, why: str) -> "Point":
        """A load that could not be measured."""
        return cls(calls, 0.0, 0, 0, 0, 0, 0, Ranks(), Ranks(), failure=why)

    @property
    def cpu_per_call(self) -> float:
        """Cores of the subject per call."""
        return sum(self.cpu.values()) / self.calls

    @property
    def spot_most_ms(self) -> float:
        """The limit of spot latency's p95: what the sender holds back is not the subject's."""
        return SPOT_P95_MS + self.held_back_ms

    @property
    def broken(self) -> tuple[str, ...]:
        """Which parts of the criterion are not met, each in a few words; none where all are."""
        if self.failure:
            return (self.failure,)
        found = []
        if self.dropped:
            found.append(f"{self.dropped} frames dropped")
        if self.frame_ms.p99 is not None and self.frame_ms.p99 > FRAME_P99_MS:
            found.append(f"frame p99 {self.frame_ms.p99:.0f} > {FRAME_P99_MS:.0f} ms")
        if self.spot_ms.p95 is not None and self.spot_ms.p95 > self.spot_most_ms:
            few = f" (of {self.heard} phrases only: measure for longer)" if self.heard < FEW_PHRASES else ""
            found.append(f"spot p95 {self.spot_ms.p95:.0f} > {self.spot_most_ms:.0f} ms{few}")
        if not self.said:
            found.append("no phrase was said: measure for longer")
        if self.heard < HEARD_SHARE * self.said:
            found.append(f"{self.said - self.heard} of {self.said} phrases missed")
        if self.sessions is not None:
            found += [*self.sessions.faults, *self.sessions.late]
        return tuple(found)

    def report(self) -> dict[str, Any]:
        """As plain values."""
        ranks = {"p50": None, "p95": None, "p99": None}
        return {
            "calls": self.calls,
            "holds": not self.broken,
            "broken": list(self.broken),
            "seconds": round(self.seconds, 1),
            "phrases": {"said": self.said, "heard": self.heard, "false": self.false},
            "frames": {"taken": self.frames, "dropped": self.dropped},
            "frame_latency_ms": {rank: _rounded(getattr(self.frame_ms, rank)) for rank in ranks},
            "spot_latency_ms": {rank: _rounded(getattr(self.spot_ms, rank)) for rank in ranks},
            "held_back_ms": self.held_back_ms,
            "cpu_cores": {part: round(cores, 4) for part, cores in self.cpu.items()},
            "cpu_ms_per_call_second": round(1000 * self.cpu_per_call, 3),
            "load_cpu_cores": round(self.load_cpu, 4),
            "load_late_ms": round(self.late_ms, 1),
            "memory_mb": {part: round(mb, 1) for part, mb in self.memory_mb.items()},
            "utilization": _rounded(self.utilization, 3),
            "sessions": self.sessions.report() if self.sessions else None,
        }


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)
