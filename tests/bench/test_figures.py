"""From a benchmark run's JSON to the README's table."""

import json
from pathlib import Path

import pytest

from bench.figures import figures_of, table


def run_of(path: Path, **seconds: float) -> Path:
    """A file as pytest-benchmark writes it: ten operations a round, a calibration loop of 0.5 µs."""
    extra = {"operations": 10, "calibration": "python", "calibration_s": 0.5e-6}
    benchmarks = [
        {"name": name, "fullname": f"bench/test_x.py::{name}", "stats": {"min": fastest}, "extra_info": extra}
        for name, fastest in seconds.items()
    ]
    path.write_text(json.dumps({"benchmarks": benchmarks}))
    return path


def test_cost_and_ratio_per_operation(tmp_path: Path) -> None:
    (figure,) = figures_of(run_of(tmp_path / "a.json", test_push=30e-6))
    assert (figure.name, figure.node) == ("push", "bench/test_x.py::test_push")
    assert figure.cost_us == pytest.approx(3)
    assert figure.ratio == pytest.approx(6)


def test_the_fastest_of_all_runs(tmp_path: Path) -> None:
    files = [
        run_of(tmp_path / "a.json", test_push=30e-6, test_pull=1e-6),
        run_of(tmp_path / "b.json", test_push=20e-6, test_pull=1e-6),
    ]
    assert table(map(figures_of, files)).splitlines()[2:] == [
        "| `push` | 2.00 | 4.00 | python |",
        "| `pull` | 0.10 | 0.20 | python |",
    ]
