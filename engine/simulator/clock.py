"""The two clocks: wall-clock time for what people and peers read, monotonic time for everything that is waited for."""

import time


def epoch_ms() -> int:
    """Milliseconds since 1970: bodies and reports."""
    return time.time_ns() // 1_000_000


def clock_ms() -> float:
    """Monotonic milliseconds: expiry, rates and faults."""
    return time.monotonic_ns() / 1_000_000
