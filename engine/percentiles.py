"""Percentiles: exact ones of a list, and those of a histogram, interpolated as Prometheus' `histogram_quantile` does. Pure."""

import math
from collections.abc import Sequence
from itertools import takewhile

Buckets = tuple[tuple[float, float], ...]  # (upper bound in seconds, observations up to it), ascending, the last +Inf


def percentile(values: Sequence[float], rank: float) -> float | None:
    """The smallest value that at least this share of all does not exceed; None of nothing. 0 < rank <= 1."""
    return sorted(values)[math.ceil(rank * len(values)) - 1] if values else None


def bucket_percentile(buckets: Buckets, rank: float) -> float | None:
    """The percentile of a histogram, in seconds, interpolated; None of nothing, and beyond the last bound that bound."""
    wanted = rank * buckets[-1][1] if buckets else 0.0
    if not wanted:
        return None
    lower = below = 0.0
    for bound, count in takewhile(lambda bucket: math.isfinite(bucket[0]), buckets):
        if count >= wanted:
            return lower + (bound - lower) * (wanted - below) / (count - below)
        lower, below = bound, count
    return lower
