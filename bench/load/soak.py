"""`python -m bench.load.soak`: steady load for long, then what has grown. What a user types, what is printed, the exit code.

Exit codes: 0 every line holds; 1 one does not, or nothing could be started; 2 wrong input; 128 + the signal's number when
interrupted, after printing what there was.
"""

import asyncio
import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from bench.load.played import stretch
from bench.load.sampling import sampled
from bench.load.shows import Progress
from bench.load.soaking import (
    Line,
    Sample,
    Windows,
    count_lines,
    latency_line,
    memory_lines,
    steady,
    window_p99_ms,
    work_lines,
)
from engine.demo.receiver import Receiver
from engine.demo.scene import Machine
from engine.demo.scoring import Score
from engine.demo.stage import LAST_WORDS_S, Stage, staged, wanted_phrases
from engine.errors import DemoError
from engine.interrupts import Interrupts
from engine.percentiles import percentile
from engine.simulator.options import SPEECH_DIR

NOT_AS_IT_SHOULD, INTERRUPTED = 1, 128
CAPACITY = Path(__file__).parents[1] / "capacity.json"
SHARE = 0.7
STAGGER_ALL_MS = 6000
SAMPLES, SAMPLE_MIN_S, SAMPLE_MAX_S = 200, 1.0, 10.0
KEPT = 1_000_000  # deliveries


class Soak:
    """One run; what there is of it stays when it is cancelled."""

    def __init__(self, calls: int, seconds: float) -> None:
        self.calls = calls
        self.windows = Windows.of(seconds)
        self.samples: list[Sample] = []
        self.scores: dict[str, Score] = {}

    async def run(self, progress: Progress, hurry: asyncio.Event) -> None:
        """Start, play, sample, stop. DemoError where a process does not start or ends."""
        stagger_ms = max(1, STAGGER_ALL_MS // self.calls)
        arguments = ["simulate", "--port", "0", "--json", "--loop", "--calls", str(self.calls)]
        arguments += ["--stagger-ms", str(stagger_ms)]
        with TemporaryDirectory(prefix="cueline-soak-") as folder:
            settings = {"CUELINE_STATE_DIR": folder}
            phrases = wanted_phrases(SPEECH_DIR)
            async with staged(arguments, phrases, os.environ, progress, hurry, settings, Receiver(KEPT)) as stage:
                await asyncio.sleep(STAGGER_ALL_MS / 1000)
                await self._watch(stage, Path(folder), progress)

    async def _watch(self, stage: Stage, state: Path, progress: Progress) -> None:
        windows = self.windows
        every_s = max(SAMPLE_MIN_S, min(SAMPLE_MAX_S, windows.end_s / SAMPLES))
        begin_ns = time.monotonic_ns()
        while (at_s := (time.monotonic_ns() - begin_ns) / 1e9) <= windows.end_s:
            self.samples.append(await sampled(stage, state, at_s))
            mb = self.samples[-1].pss_mb
            progress.begun(
                f"{self.calls} calls, {at_s / 60:.1f} of {windows.end_s / 60:.1f} minutes, engine {mb:.0f} MB"
            )
            await asyncio.sleep(every_s)
        await asyncio.sleep(LAST_WORDS_S)
        playing = await stage.calls()
        for name, (from_s, to_s) in {
            "whole": (windows.warm_s, windows.end_s),
            "first": windows.first,
            "last": windows.last,
        }.items():
            bounds = (begin_ns + int(second * 1e9) for second in (from_s, to_s))
            self.scores[name] = stretch(playing, stage.receiver.deliveries, *bounds)

    @property
    def lines(self) -> list[Line]:
        """The verdict, line by line; what could not be measured does not hold."""
        windows, samples = self.windows, self.samples
        p99 = [window_p99_ms(samples, window) for window in (windows.first, windows.last)]
        found = [
            *memory_lines(samples, windows),
            *count_lines(samples, windows),
            latency_line("frame latency p99", *p99),
        ]
        if self.scores:
            spot = [
                percentile([heard.after_ms for heard in self.scores[name].heard], 0.95) for name in ("first", "last")
            ]
            whole = self.scores["whole"]
            found += [
                latency_line("spot latency p95", *spot),
                *work_lines(samples, windows, whole.said, len(whole.heard)),
            ]
        same = steady(samples)
        return [*found, Line("the same processes throughout", None, None, "", None, "yes", same)]


def soak(
    *,
    minutes: Annotated[float, typer.Option(min=0.5, max=1440, help="How long, warm-up included.")] = 30.0,
    calls: Annotated[
        int | None, typer.Option(min=1, max=2000, help="Calls at once; default: 70 % of --capacity.")
    ] = None,
    capacity: Annotated[
        Path, typer.Option(dir_okay=False, help="What `cueline bench capacity` has written.")
    ] = CAPACITY,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write samples and verdict to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="PNG", dir_okay=False, help="Draw them.")] = None,
) -> None:
    """Steady load, and what has grown: memory, descriptors, threads, latency, the outbox."""
    for option, path in (("--report", report), ("--plot", plot)):
        if path and not path.parent.is_dir():
            raise typer.BadParameter(f"{path.parent} is no folder", param_hint=option)
    machine = Machine.here()
    run = Soak(calls or wanted_calls(capacity, machine), 60 * minutes)
    progress = Progress(Console(stderr=True))

    async def perform() -> int | None:
        with Interrupts() as interrupts:
            try:
                await run.run(progress, interrupts.hurry)
            except asyncio.CancelledError:
                if interrupts.number is None:
                    raise
            return interrupts.number

    number, broke = None, ""
    try:
        number = asyncio.run(perform())
    except DemoError as error:
        broke = str(error)
    finally:
        progress.close()
    holds = _tell(run, machine, report, plot) and not broke
    if broke:
        typer.echo(f"soak: {broke}", err=True)
    if number is not None:
        typer.echo("soak: interrupted; simulator and engine have ended", err=True)
        raise typer.Exit(INTERRUPTED + number)
    if not holds:
        raise typer.Exit(NOT_AS_IT_SHOULD)


def wanted_calls(capacity: Path, machine: Machine) -> int:
    """70 % of what a machine like this one held; BadParameter where that is not known."""
    try:
        found = json.loads(capacity.read_text())
        processors, held = int(found["machine"]["processors"]), int(found["calls_held"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise typer.BadParameter(
            f"{capacity} can't be read; measure with make bench-capacity", param_hint="--capacity"
        ) from error
    if processors != machine.cores or not held:
        raise typer.BadParameter(
            f"{capacity} is of {processors} processors, here are {machine.cores}: measure with make bench-capacity, or give --calls",
            param_hint="--capacity",
        )
    return max(1, int(SHARE * held))


def _tell(run: Soak, machine: Machine, report: Path | None, plot: Path | None) -> bool:
    """Print what there is; whether every line holds."""
    if not run.samples:
        return False
    lines = run.lines
    missed = [line.name for line in lines if not line.holds]
    console = Console(width=max(100, Console().width))
    minutes = run.samples[-1].at_s / 60
    console.print(
        _table(f"{run.calls} calls for {minutes:.1f} minutes, of which {run.windows.warm_s / 60:.1f} to warm up", lines)
    )
    console.print(f"Missed: {', '.join(missed)}" if missed else "Every line holds.", highlight=False, soft_wrap=True)
    if report:
        whole = {
            "calls": run.calls,
            "minutes": minutes,
            "machine": {"processors": machine.cores, "cpu": machine.cpu},
            "lines": [line.body() for line in lines],
            "samples": run.samples,
        }
        report.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n")
    if plot:
        from bench.load.soak_plot import draw

        draw(run.samples, run.windows, f"{run.calls} calls on {machine.cores} processors ({machine.cpu})", plot)
        typer.echo(f"picture: {plot}", err=True)
    return not missed


def _table(title: str, lines: list[Line]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in ("warm", "end", "growth", "allowed", "holds"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        figures = (_figure(value, line.unit) for value in (line.first, line.last))
        table.add_row(line.name, *figures, _growth(line), line.allowed, "yes" if line.holds else "NO")
    return table


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} {unit}" if unit else f"{value:.0f}"


def _growth(line: Line) -> str:
    if line.growth is None:
        return "–"
    return f"{line.growth:+.1%}" if line.unit else f"{line.growth:+.2f}"


if __name__ == "__main__":
    typer.run(soak)
