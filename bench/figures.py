"""What benchmark runs measured: `python bench/figures.py FILE…` prints the README's table of files made with --benchmark-json.

Each figure is the fastest round divided by its operations, in microseconds of CPU; with several files the fastest of
all. The last column is the same as a multiple of one loop of the calibration that ran beside it (`bench/calibration.py`),
the lowest of all files: that is what may be compared between runs, and roughly between machines.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One benchmark of one run."""

    name: str
    node: str  # what pytest takes to run it alone
    cost_us: float
    ratio: float
    calibration: str

    @classmethod
    def of(cls, bench: dict[str, Any]) -> "Figure":
        """From pytest-benchmark's JSON."""
        extra = bench["extra_info"]
        cost_s = bench["stats"]["min"] / extra["operations"]
        return cls(
            name=bench["name"].removeprefix("test_"),
            node=bench["fullname"],
            cost_us=cost_s * 1e6,
            ratio=cost_s / extra["calibration_s"],
            calibration=extra["calibration"],
        )


def figures_of(file: Path) -> list[Figure]:
    """All of a run, in its order."""
    return [Figure.of(bench) for bench in json.loads(file.read_bytes())["benchmarks"]]


def table(runs: Iterable[list[Figure]]) -> str:
    """Markdown: the lowest of all runs."""
    rows: dict[str, list[Figure]] = {}
    for figure in (figure for run in runs for figure in run):
        rows.setdefault(figure.name, []).append(figure)
    lines = ["| what | µs | ÷ calibration | of |", "|---|---:|---:|---|"]
    for name, figures in rows.items():
        cost_us, ratio = min(figure.cost_us for figure in figures), min(figure.ratio for figure in figures)
        lines.append(f"| `{name}` | {cost_us:.2f} | {ratio:.2f} | {figures[0].calibration} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Figures of benchmark runs as a table.")
    parser.add_argument(
        "file", nargs="+", type=Path, help="written by pytest bench --benchmark-only --benchmark-json=FILE"
    )
    print(table(map(figures_of, parser.parse_args().file)))


if __name__ == "__main__":
    main()
