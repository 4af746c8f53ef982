"""The last minutes in numbers: one value of each series every SAMPLE_S, and what they are made of. Pure.

Rates are of the last minute, counted by seconds; frame latencies are of the time since the sample before, from the workers'
histogram; those from phrase to sink of the last minute. A series without anything to tell has None.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from math import inf
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from engine.command_metrics import Outcome
from engine.percentiles import bucket_percentile, percentile
from engine.stats import LATENCY_BOUNDS_S, Cell

SAMPLE_S = 2
KEPT = 300  # samples: ten minutes
MINUTE_S = 60
LATENCIES = 2000  # of one minute, at most: the latest

SERIES = (
    "calls",
    "speaking",
    "frames_per_s",
    "phrases_per_min",
    "commands_per_min",
    "failed_per_min",
    "frame_p50_ms",
    "frame_p99_ms",
    "spot_p50_ms",
    "spot_p95_ms",
    "utilization",
    "loop_lag_ms",
)

Sample = dict[str, float | None]  # `at` and every series


class History:
    """The samples kept."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=KEPT)

    def add(self, sample: Sample) -> None:
        """One more; the oldest goes."""
        self._samples.append(sample)

    def columns(self) -> dict[str, list[float | None]]:
        """By series, oldest first."""
        return {name: [sample[name] for sample in self._samples] for name in ("at", *SERIES)}


class Minute:
    """How many in the last MINUTE_S, by whole seconds."""

    def __init__(self) -> None:
        self._counts = [0] * MINUTE_S
        self._second = 0

    def add(self, now_s: float) -> None:
        """One more."""
        self._turn(int(now_s))
        self._counts[self._second % MINUTE_S] += 1

    def count(self, now_s: float) -> int:
        """How many there were."""
        self._turn(int(now_s))
        return sum(self._counts)

    def _turn(self, second: int) -> None:
        """Forget the seconds passed; a clock that goes back forgets nothing."""
        for passed in range(max(self._second + 1, second - MINUTE_S + 1), second + 1):
            self._counts[passed % MINUTE_S] = 0
        self._second = max(self._second, second)


class Latencies:
    """Those of the last MINUTE_S, LATENCIES at most."""

    def __init__(self) -> None:
        self._all: deque[tuple[float, int]] = deque(maxlen=LATENCIES)

    def add(self, now_s: float, latency_ms: int) -> None:
        """One more."""
        self._all.append((now_s, latency_ms))

    def quantiles(self, now_s: float, wanted: Sequence[float]) -> list[float | None]:
        """The value that such a share does not exceed; None without any."""
        while self._all and self._all[0][0] <= now_s - MINUTE_S:
            self._all.popleft()
        values = sorted(latency_ms for _, latency_ms in self._all)
        return [percentile(values, share) for share in wanted]


def bucket_quantile_ms(counts: Sequence[float] | NDArray[np.float64], share: float) -> float | None:
    """The same of a histogram: observations by bucket (LATENCY_BOUNDS_S, then +Inf); beyond the last bound that bound."""
    buckets = tuple(zip((*LATENCY_BOUNDS_S, inf), np.cumsum(counts).tolist(), strict=True))
    seconds = bucket_percentile(buckets, share)
    return None if seconds is None else round(1000 * seconds, 2)


class Sampler:
    """Makes samples; `cells` are the sums of all shards' counters (stats.Cell), which only grow."""

    def __init__(self) -> None:
        self.phrases_total = 0
        self.outcomes: Counter[Outcome] = Counter(dict.fromkeys(get_args(Outcome), 0))
        self._phrases = Minute()
        self._commands = Minute()
        self._failed = Minute()
        self.spotting = Latencies()
        self._cells: NDArray[np.float64] | None = None
        self._at_s = 0.0

    def spotted(self, now_s: float) -> None:
        """One more phrase."""
        self.phrases_total += 1
        self._phrases.add(now_s)

    def done(self, now_s: float, outcome: Outcome) -> None:
        """One more delivery has come to its end."""
        self.outcomes[outcome] += 1
        self._commands.add(now_s)
        if outcome not in ("delivered", "elsewhere"):
            self._failed.add(now_s)

    def sample(self, now_s: float, cells: NDArray[np.float64], levels: Mapping[str, float | None]) -> Sample:
        """The values now; `levels` are those series that need no history."""
        before, then_s = cells if self._cells is None else self._cells, self._at_s
        self._cells, self._at_s = cells, now_s
        grown = cells - before
        latencies = grown[Cell.LATENCY_FIRST :]
        spot_p50, spot_p95 = self.spotting.quantiles(now_s, (0.5, 0.95))
        return {
            "at": round(now_s, 1),
            "frames_per_s": round(float(grown[Cell.FRAMES]) / max(0.1, now_s - then_s), 1),
            "phrases_per_min": self._phrases.count(now_s),
            "commands_per_min": self._commands.count(now_s),
            "failed_per_min": self._failed.count(now_s),
            "frame_p50_ms": bucket_quantile_ms(latencies, 0.5),
            "frame_p99_ms": bucket_quantile_ms(latencies, 0.99),
            "spot_p50_ms": spot_p50,
            "spot_p95_ms": spot_p95,
        } | dict(levels)
