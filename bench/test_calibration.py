"""The calibrations against themselves: 1, but for noise. Where these two rows fail, the machine can't be measured on."""

from typing import get_args

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.calibration import LOOPS, PASSES, Kind
from bench.measuring import measure


@pytest.mark.parametrize("kind", get_args(Kind))
def test_calibration(benchmark: BenchmarkFixture, kind: Kind) -> None:
    """One loop."""
    assert measure(benchmark, PASSES[kind], operations=LOOPS, calibration=kind) == PASSES[kind]()
