"""One way to measure: CPU time of the process, the fastest of many rounds, as a multiple of a calibration beside them.

Rings fill and gates open, so most hot functions can't be called twice on the same object: a round gets fresh ones from
`setup`, which is not measured, and does the operation many times. Before each round the calibration runs once, so a
machine that is slow for a second slows both; the figure is the fastest round per operation, divided by the fastest pass
per loop (`bench/figures.py`).
"""

import time
from collections.abc import Callable
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from bench.calibration import LOOPS, PASSES, Kind

OPERATIONS = "operations"  # keys of a benchmark's extra_info
CALIBRATION = "calibration"
CALIBRATION_S = "calibration_s"  # one loop


class Calibrated:
    """The fastest pass so far."""

    def __init__(self, kind: Kind) -> None:
        self._run = PASSES[kind]
        self.expected = self._run()
        self.loop_s = float("inf")

    def measure(self) -> None:
        """Run one pass."""
        begun = time.process_time()
        result = self._run()
        self.loop_s = min(self.loop_s, (time.process_time() - begun) / LOOPS)
        assert result == self.expected


def measure(
    benchmark: BenchmarkFixture,
    work: Callable[..., Any],
    setup: Callable[[], tuple[Any, ...]] = tuple,
    *,
    operations: int,
    rounds: int = 200,
    calibration: Kind = "python",
) -> Any:
    """Run `work(*setup())` so often, each round holding so many operations; return what the last round returned."""
    calibrated = Calibrated(calibration)

    def prepare() -> tuple[tuple[Any, ...], dict[str, Any]]:
        made = setup()
        calibrated.measure()
        return made, {}

    result = benchmark.pedantic(work, setup=prepare, rounds=rounds, warmup_rounds=1)  # type: ignore[no-untyped-call]
    benchmark.extra_info.update({OPERATIONS: operations, CALIBRATION: calibration, CALIBRATION_S: calibrated.loop_s})
    return result
