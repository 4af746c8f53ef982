"""What a long steady run says: figures of its samples and windows, and the verdict on each. Pure.

A run has a warm-up, whose samples do not count, and two windows of equal length: the first after the warm-up, and the last.
Growth is the rise of the least-squares line over all samples between them, so that one odd sample decides nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from engine.percentiles import Buckets, bucket_percentile

WARM_UP_MAX_S = WINDOW_MAX_S = 300.0
WARM_UP_SHARE, WINDOW_SHARE = 0.2, 0.25
PSS_GROWTH = 0.01
PSS_NOISE_MB = 1.0  # of one process: a small one grows by more than 1 % with a few pages
LATENCY_GROWTH = 0.20
LATENCY_NOISE_MS = 5.0  # less is within a histogram's bucket
HEARD_SHARE = 0.98
TOTAL = "engine, all"


@dataclass(frozen=True, slots=True)
class ProcessSample:
    """One process at one moment."""

    pss_mb: float
    rss_mb: float
    fds: int
    threads: int
    cpu_s: float
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """All at one moment, so many seconds after the beginning. Processes by role; files of the state directory by name."""

    at_s: float
    processes: Mapping[str, ProcessSample]
    frame_latency: Buckets
    frames: int
    dropped: int
    waiting_frames: int
    waiting_commands: int
    recognizers: int
    state_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def pss_mb(self) -> float:
        """Of all processes."""
        return sum(each.pss_mb for each in self.processes.values())


@dataclass(frozen=True, slots=True)
class Windows:
    """The run cut up, in seconds after the beginning."""

    warm_s: float
    window_s: float
    end_s: float

    @classmethod
    def of(cls, seconds: float) -> "Windows":
        """Five minutes each of a long run, shares of a short one."""
        return cls(min(WARM_UP_MAX_S, WARM_UP_SHARE * seconds), min(WINDOW_MAX_S, WINDOW_SHARE * seconds), seconds)

    @property
    def first(self) -> tuple[float, float]:
        """Right after the warm-up."""
        return self.warm_s, self.warm_s + self.window_s

    @property
    def last(self) -> tuple[float, float]:
        """Up to the end."""
        return self.end_s - self.window_s, self.end_s


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the verdict: a figure at first and at last, what is allowed, and whether that holds."""

    name: str
    first: float | None
    last: float | None
    unit: str
    growth: float | None  # of the first; a number for things that are counted
    allowed: str
    holds: bool

    def body(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def rise(points: Sequence[tuple[float, float]]) -> float:
    """How far the least-squares line through (time, value) rises from the first time to the last; 0 of fewer than two."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return 0.0
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    return slope * (points[-1][0] - points[0][0])


def delta(before: Buckets, after: Buckets) -> Buckets:
    """What a histogram counted between two readings of it."""
    return tuple((bound, count - was) for (bound, count), (_, was) in zip(after, before, strict=True))


def window_p99_ms(samples: Sequence[Sample], window: tuple[float, float]) -> float | None:
    """Frame latency of a stretch; None where it holds fewer than two samples or no frames."""
    inside = [sample for sample in samples if window[0] <= sample.at_s <= window[1]]
    if len(inside) < 2:
        return None
    seconds = bucket_percentile(delta(inside[0].frame_latency, inside[-1].frame_latency), 0.99)
    return None if seconds is None else 1000 * seconds


def memory_lines(samples: Sequence[Sample], windows: Windows) -> Iterator[Line]:
    """PSS of each process and of all."""
    for role, points in _series(samples, windows, lambda each: each.pss_mb).items():
        grown, begun = rise(points), points[0][1]
        holds = grown <= max(PSS_GROWTH * begun, PSS_NOISE_MB)
        yield Line(f"PSS {role}", begun, points[-1][1], "MB", grown / begun, "≤ 1 % or 1 MB", holds)
    points = [(sample.at_s, sample.pss_mb) for sample in _warm(samples, windows)]
    if points:
        grown = rise(points) / points[0][1]
        yield Line(f"PSS {TOTAL}", points[0][1], points[-1][1], "MB", grown, "≤ 1 %", grown <= PSS_GROWTH)


def count_lines(samples: Sequence[Sample], windows: Windows) -> Iterator[Line]:
    """Descriptors and threads of each process: the line may not rise by one."""
    for name in ("fds", "threads"):
        for role, points in _series(samples, windows, lambda each, name=name: float(getattr(each, name))).items():
            grown = rise(points)
            yield Line(f"{name} {role}", points[0][1], points[-1][1], "", grown, "none", grown < 1)


def latency_line(name: str, first_ms: float | None, last_ms: float | None) -> Line:
    """A percentile of the first window against the last one's."""
    if first_ms is None or last_ms is None or not first_ms:
        return Line(name, first_ms, last_ms, "ms", None, "within 20 %", holds=False)
    grown = last_ms / first_ms - 1
    holds = grown <= LATENCY_GROWTH or last_ms - first_ms <= LATENCY_NOISE_MS
    return Line(name, first_ms, last_ms, "ms", grown, "≤ 20 % or 5 ms", holds)


def work_lines(samples: Sequence[Sample], windows: Windows, said: int, heard: int) -> Iterator[Line]:
    """What was done: phrases, frames dropped, what waits at the end, the state directory."""
    yield Line("phrases said, heard", said, heard, "", None, "98 % heard", said > 0 and heard >= HEARD_SHARE * said)
    warm = _warm(samples, windows)
    if not warm:
        return
    begin, end = warm[0], warm[-1]
    yield Line("frames dropped", begin.dropped, end.dropped, "", None, "none", end.dropped == samples[0].dropped)
    waiting = [(sample.at_s, float(sample.waiting_commands)) for sample in warm]
    yield Line(
        "commands waiting", begin.waiting_commands, end.waiting_commands, "", rise(waiting), "none", rise(waiting) < 1
    )
    yield Line("recognizers", begin.recognizers, end.recognizers, "", None, "–", holds=True)
    for name in sorted(end.state_bytes):
        was, now = begin.state_bytes.get(name, 0) / 1e6, end.state_bytes[name] / 1e6
        yield Line(f"state: {name}", was, now, "MB", None, "–", holds=True)


def steady(samples: Sequence[Sample]) -> bool:
    """Whether the same processes were there from the first sample to the last."""
    pids = [{role: process.pid for role, process in sample.processes.items()} for sample in samples]
    return all(one == other for one, other in pairwise(pids))


def _warm(samples: Sequence[Sample], windows: Windows) -> list[Sample]:
    return [sample for sample in samples if sample.at_s >= windows.warm_s]


def _series(samples: Sequence[Sample], windows: Windows, value: Any) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for sample in _warm(samples, windows):
        for role, process in sample.processes.items():
            found[role].append((sample.at_s, value(process)))
    return found
