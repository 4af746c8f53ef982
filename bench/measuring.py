"""One way to measure: CPU time of the process, the fastest of many rounds, and how many operations a round holds.

Rings fill and gates open, so most hot functions can't be called twice on the same object: a round gets fresh ones from
`setup`, which is not measured, and does the operation many times. What the README quotes is the fastest round divided
by its operations (`bench/figures.py`).
"""

from collections.abc import Callable
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

OPERATIONS = "operations"  # key of a benchmark's extra_info


def measure(
    benchmark: BenchmarkFixture,
    work: Callable[..., Any],
    setup: Callable[[], tuple[Any, ...]] = tuple,
    *,
    operations: int,
    rounds: int = 200,
) -> Any:
    """Run `work(*setup())` so often, each round holding so many operations; return what the last round returned."""
    benchmark.extra_info[OPERATIONS] = operations
    return benchmark.pedantic(  # type: ignore[no-untyped-call]
        work, setup=lambda: (setup(), {}), rounds=rounds, warmup_rounds=1
    )
