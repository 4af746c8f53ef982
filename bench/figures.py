"""Print what a benchmark run measured as the README's table: `python bench/figures.py FILE…`, made with --benchmark-json.

Each figure is the fastest round divided by its operations, in microseconds of CPU; with several files the fastest of
all. The last column is the same as a multiple of one calibration loop: that is what may be compared between machines.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

CALIBRATION = "test_calibration"


def fastest_us(files: Iterable[Path]) -> dict[str, float]:
    """Microseconds per operation by benchmark, in the order of the run."""
    fastest: dict[str, float] = {}
    for file in files:
        for bench in json.loads(file.read_bytes())["benchmarks"]:
            cost_us = bench["stats"]["min"] * 1e6 / bench["extra_info"]["operations"]
            fastest[bench["name"]] = min(cost_us, fastest.get(bench["name"], cost_us))
    return fastest


def table(fastest: dict[str, float]) -> str:
    """Markdown."""
    loop_us = fastest[CALIBRATION]
    rows = [
        f"| `{name.removeprefix('test_')}` | {cost_us:.2f} | {cost_us / loop_us:.1f} |"
        for name, cost_us in fastest.items()
    ]
    return "\n".join(["| what | µs | ÷ calibration |", "|---|---:|---:|", *rows])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Figures of benchmark runs as a table.")
    parser.add_argument(
        "file", nargs="+", type=Path, help="written by pytest bench --benchmark-only --benchmark-json=FILE"
    )
    print(table(fastest_us(parser.parse_args().file)))


if __name__ == "__main__":
    main()
