"""Cueline beside what one would do without it, by the same criterion in one run: `make bench-compare`, about 20 minutes.

Rows: the limit (the shipped gate and decoder over recordings, no socket), Cueline, a plain recognition server, a script per
call. Ratios count; the limit is for the processors that Cueline's load generator left over.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.baseline.raw import Limit, limit
from bench.baseline.subjects import PlainServer, TutorialScripts
from bench.load.capacity import Capacity, find_capacity
from bench.load.point import Point
from bench.load.product import Product, ProductOptions
from bench.load.search import Search
from bench.load.shows import Progress
from bench.load.subject import Subject
from bench.load.views import criterion, document
from engine.cgroup import processors
from engine.demo.scene import Machine
from engine.interrupts import Interrupts
from engine.simulator.options import SPEECH_DIR

MINUTES_EACH = 8.0
MOST = 400
FIRST_PER_PROCESSOR = {"Cueline": 60, "plain server": 20, "script per call": 15}


@dataclass(slots=True)
class Comparison:
    """What was found so far."""

    limit: Limit | None = None
    found: dict[str, Capacity] | None = None

    def held(self, name: str) -> Point | None:
        """The greatest load that one of them held."""
        capacity = (self.found or {}).get(name)
        return capacity.held if capacity else None

    @property
    def allowed(self) -> int | None:
        """Calls that decoding alone would allow on what Cueline's load generator left over."""
        held = self.held("Cueline")
        return self.limit.calls(self.limit.processors - held.load_cpu) if self.limit and held else None


async def compare(wanted: Sequence[Subject], seconds: float, progress: Progress, into: Comparison) -> None:
    """Measure the limit, then each subject."""
    progress.begun("the limit: gate and decoder alone")
    into.limit = await limit()
    into.found = {}
    for subject in wanted:
        found = into.found[subject.name] = Capacity(subject.name)
        progress.heading(subject.name)
        first = FIRST_PER_PROCESSOR[subject.name] * processors()
        await find_capacity(subject, Search(first, MOST), seconds, 60 * MINUTES_EACH, found, progress.point)


def table(found: Comparison) -> Table:
    """A row for each, with its ratio to the plain server."""
    shown = Table(box=box.SIMPLE_HEAD, title="Calls held at once, by the same criterion")
    for name in (
        "",
        "calls",
        "÷ server",
        "CPU ms per\ncall·s",
        "MB per\ncall",
        "spot ms\np50 / p95",
        "frame ms\np99",
        "heard",
    ):
        shown.add_column(name, justify="left" if not name else "right")
    server = found.held("plain server")
    if found.limit:
        cpu_ms = 1000 / found.limit.calls_per_core_decode_only
        allowed = found.allowed
        shown.add_row("limit: decoding alone", str(allowed or "–"), _ratio(allowed, server), f"{cpu_ms:.1f}", *["–"] * 3,
                      f"{found.limit.busy.heard}/{found.limit.busy.said}")  # fmt: skip
    for name in found.found or {}:
        shown.add_row(name, *_cells(found.held(name), server))
    return shown


def _cells(held: Point | None, server: Point | None) -> list[str]:
    if held is None:
        return ["none", *["–"] * 6]
    memory = sum(held.memory_mb.values()) if "engine" not in held.memory_mb else held.memory_mb["engine"]
    return [
        str(held.calls),
        _ratio(held.calls, server),
        f"{1000 * held.cpu_per_call:.1f}",
        f"{memory / held.calls:.1f}",
        f"{held.spot_ms.p50:.0f} / {held.spot_ms.p95:.0f}" if held.spot_ms.p50 is not None else "–",
        f"{held.frame_ms.p99:.0f}" if held.frame_ms.p99 is not None else "–",
        f"{held.heard}/{held.said}",
    ]


def _ratio(calls: int | None, server: Point | None) -> str:
    return f"{calls / server.calls:.1f}" if calls and server else "–"


def sentences(found: Comparison) -> list[str]:
    """What the ratios are, against what was aimed for."""
    held, server, allowed = found.held("Cueline"), found.held("plain server"), found.allowed
    said = []
    if held and server:
        said.append(f"Cueline holds {held.calls / server.calls:.1f} times the calls of the plain server (aim: 3).")
    if held and allowed:
        said.append(f"Cueline holds {held.calls / allowed:.2f} of what decoding alone would allow (aim: 0.75).")
    if held:
        total = sum(held.cpu.values())
        outside = 1 - (held.cpu["vad"] + held.cpu["decode"]) / total
        said.append(
            f"{outside:.0%} of Cueline's CPU is spent outside voice activity detection and decoding (aim: 20 %)."
        )
    return [*said, f"Held means: {criterion(())}."]


def report(found: Comparison, machine: Machine) -> dict[str, Any]:
    """As plain values."""
    return {
        "limit": found.limit.report() if found.limit else None,
        "allowed_on_what_is_left": found.allowed,
        **{name: document(each, machine) for name, each in (found.found or {}).items()},
    }


def main() -> None:
    """Print the table, also of what there is when interrupted."""
    parser = argparse.ArgumentParser(
        description="Cueline beside a plain server, a script per call and the decoder's limit."
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="length of one measurement (20)")
    parser.add_argument("--overlay", action="store_true", help="give the others Cueline's decoder settings, too")
    parser.add_argument(
        "--only", nargs="+", choices=FIRST_PER_PROCESSOR, default=[*FIRST_PER_PROCESSOR], help="leave rows out"
    )
    parser.add_argument("--report", type=Path, help="write everything to this file as JSON")
    asked = parser.parse_args()
    console, progress, found = Console(), Progress(Console(stderr=True)), Comparison()

    async def perform() -> int | None:
        with Interrupts() as interrupts:
            subjects: list[Subject] = [
                Product(ProductOptions(SPEECH_DIR), os.environ, progress, interrupts.hurry),
                PlainServer(stock=not asked.overlay),
                TutorialScripts(stock=not asked.overlay),
            ]
            try:
                await compare([each for each in subjects if each.name in asked.only], asked.seconds, progress, found)
            except asyncio.CancelledError:
                if interrupts.number is None:
                    raise
            return interrupts.number

    try:
        number = asyncio.run(perform())
    finally:
        progress.close()
    console.print(table(found))
    for line in sentences(found):
        console.print(line, highlight=False)
    if asked.report:
        asked.report.write_text(json.dumps(report(found, Machine.here()), indent=2) + "\n")
    if number is not None:
        raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
