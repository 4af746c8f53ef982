"""From a benchmark run's JSON to the README's table."""

import json
from pathlib import Path

from bench.figures import fastest_us, table


def run_of(path: Path, **seconds: float) -> Path:
    """A file as pytest-benchmark writes it, ten operations a round."""
    benchmarks = [
        {"name": name, "stats": {"min": fastest}, "extra_info": {"operations": 10}} for name, fastest in seconds.items()
    ]
    path.write_text(json.dumps({"benchmarks": benchmarks}))
    return path


def test_the_fastest_of_all_runs_per_operation(tmp_path: Path) -> None:
    files = [
        run_of(tmp_path / "a.json", test_calibration=2e-6, test_push=30e-6),
        run_of(tmp_path / "b.json", test_calibration=4e-6, test_push=20e-6),
    ]
    fastest = fastest_us(files)
    assert {name: round(cost, 6) for name, cost in fastest.items()} == {"test_calibration": 0.2, "test_push": 2.0}
    assert table(fastest).splitlines()[-1] == "| `push` | 2.00 | 10.0 |"
