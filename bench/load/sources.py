"""What a call costs by each way in, in one run: `python -m bench.load.sources`.

The same recordings on one channel, at the same number of calls, the sources in turn, several times; so what disturbs the machine
disturbs both. What differs is how audio comes: JSON with base64, 50 messages a second, or binary µ-law, 10 a second.
"""

import argparse
import asyncio
import os
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.load.point import Point
from bench.load.product import Product, ProductOptions
from bench.load.shows import Progress
from engine.demo.scene import Machine, Source
from engine.interrupts import Interrupts
from engine.simulator.options import SPEECH_DIR

SOURCES: tuple[Source, ...] = ("realtime", "audiohook")


async def measure(calls: int, seconds: float, rounds: int) -> dict[Source, list[Point]]:
    """Points by source, one per round."""
    found: dict[Source, list[Point]] = {source: [] for source in SOURCES}
    progress = Progress(Console(stderr=True))
    with Interrupts() as interrupts:
        for _ in range(rounds):
            for source in SOURCES:
                options = ProductOptions(SPEECH_DIR, source=source, channels=1)
                subject = Product(options, os.environ, progress, interrupts.hurry)
                point = await subject.measure(calls, seconds)
                progress.point(point)
                found[source].append(point)
    progress.close()
    return found


def table(calls: int, found: dict[Source, list[Point]]) -> Table:
    """Medians by source, and the ratio of each to the first."""
    shown = Table(title=f"{calls} calls of one channel, CPU ms per call and second, on {Machine.here().cpu}")
    for name in ("source", "intake", "workers", "all", "intake ÷ realtime's", "all ÷ realtime's"):
        shown.add_column(name, justify="left" if name == "source" else "right")
    first = found[SOURCES[0]]
    for source, points in found.items():
        intake, whole = _costs(points)
        base_intake, base_whole = _costs(first)
        ratios = (f"{intake / base_intake:.2f}", f"{whole / base_whole:.2f}")
        shown.add_row(source, f"{intake:.2f}", f"{whole - intake:.2f}", f"{whole:.2f}", *ratios)
    return shown


def _costs(points: list[Point]) -> tuple[float, float]:
    """CPU ms per call and second: the supervisor's, and all of it."""
    intake = median(1000 * point.cpu["intake"] / point.calls for point in points)
    return intake, median(1000 * point.cpu_per_call for point in points)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    said = parser.parse_args()
    found = asyncio.run(measure(said.calls, said.seconds, said.rounds))
    Console().print(table(said.calls, found))


if __name__ == "__main__":
    main()
