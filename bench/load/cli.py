"""`cueline bench capacity`: how many calls this machine holds. What a user types, what is printed, the exit code.

Exit codes: 0 a load was held; 1 none was, or nothing could be started; 2 wrong input; 128 + the signal's number when
interrupted, after printing what there was.
"""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from bench.load.capacity import Capacity, find_capacity, measure_all
from bench.load.product import Product, ProductOptions, name_of
from bench.load.search import Search
from bench.load.shows import Progress
from bench.load.views import document, points_table, verdict
from engine.cgroup import processors
from engine.demo.scene import Machine, Source
from engine.interrupts import Interrupts
from engine.options import Profile
from engine.simulator.options import SPEECH_DIR

NOT_AS_IT_SHOULD, INTERRUPTED = 1, 128
FIRST_PER_PROCESSOR = 40

bench = typer.Typer(no_args_is_help=True, help="Measure Cueline on this machine.")


@bench.callback()
def _bench() -> None:
    pass


@bench.command()
def capacity(
    *,
    calls: Annotated[
        str | None, typer.Option(metavar="N,N,…", help="Measure these loads instead of searching for the greatest.")
    ] = None,
    first: Annotated[int | None, typer.Option(min=1, help="Load to begin with; default 40 per processor.")] = None,
    most: Annotated[int, typer.Option(min=1, max=2000, help="Never more calls than this.")] = 400,
    seconds: Annotated[float, typer.Option(min=2, max=600, help="Length of one measurement.")] = 30.0,
    minutes_max: Annotated[float, typer.Option(min=0.5, help="Begin no measurement after so long.")] = 12.0,
    shards: Annotated[
        int | None, typer.Option(min=1, max=256, envvar="CUELINE_SHARDS", help="Workers; default: one per processor.")
    ] = None,
    profile: Annotated[
        Profile | None, typer.Option(envvar="CUELINE_PROFILE", help="How much audio is computed at once.")
    ] = None,
    source: Annotated[
        Source, typer.Option(help="realtime: we connect to each call; audiohook: two-channel calls connect to us.")
    ] = "realtime",
    speech_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="With audiohook: this share of the calls talks, the others are silent."),
    ] = 1.0,
    speech: Annotated[
        Path,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder with WAV files and manifest.json.",
            show_default="the demo's calls",
        ),
    ] = SPEECH_DIR,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the points to this file as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="PNG", dir_okay=False, help="Draw latency and load.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Find out how many calls this machine holds: simulator, engine and webhook receiver at once, with real speech.

    The load is raised until frames are dropped, a frame waits too long, phrases are heard too late or missed. What a call
    costs, and where, comes with it. Takes 15 seconds more than --seconds per load, 6 to 10 loads; use a machine that does
    nothing else. Exit code 0 when a load was held, also where others broke; 1 when none was.
    """
    loads = _loads(calls)
    _check_paths(report, plot, speech)
    if speech_share != 1 and source != "audiohook":
        raise typer.BadParameter("works with --source audiohook only", param_hint="--speech-share")
    options = ProductOptions(speech.resolve(), shards, profile, source, speech_share)
    found = Capacity(name_of(source))
    progress = Progress(Console(stderr=True))
    search = Search(min(most, first or FIRST_PER_PROCESSOR * processors()), most)

    async def perform() -> int | None:
        """None, or the number of the signal that ended it."""
        with Interrupts() as interrupts:
            subject = Product(options, os.environ, progress, interrupts.hurry)
            try:
                if loads:
                    await measure_all(subject, loads, seconds, found, progress.point)
                else:
                    await find_capacity(subject, search, seconds, 60 * minutes_max, found, progress.point)
            except asyncio.CancelledError:
                if interrupts.number is None:
                    raise
            return interrupts.number

    try:
        number = asyncio.run(perform())
    finally:
        progress.close()
    _tell(found, report, plot, as_json=json)
    if number is not None:
        typer.echo("cueline bench: interrupted; simulator and engine have ended", err=True)
        raise typer.Exit(INTERRUPTED + number)
    if found.held is None:
        raise typer.Exit(NOT_AS_IT_SHOULD)


def _check_paths(report: Path | None, plot: Path | None, speech: Path) -> None:
    for option, path in (("--report", report), ("--plot", plot)):
        if path and not path.parent.is_dir():
            raise typer.BadParameter(f"{path.parent} is no folder", param_hint=option)
    if not (speech / "manifest.json").is_file():
        raise typer.BadParameter(f"{speech} holds no manifest.json", param_hint="--speech")


def _loads(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        loads = tuple(int(each) for each in text.split(","))
    except ValueError:
        loads = (0,)
    if min(loads) < 1 or max(loads) > 2000:
        raise typer.BadParameter(f"{text!r} is not a list of numbers from 1 to 2000 with commas", param_hint="--calls")
    return loads


def _tell(found: Capacity, report: Path | None, plot: Path | None, *, as_json: bool) -> None:
    machine = Machine.here()
    whole = document(found, machine)
    if as_json:
        typer.echo(orjson.dumps(whole))
    elif found.points:
        console = Console()
        console.print(points_table("Calls at once", found.points))
        for line in verdict(found, machine):
            console.print(line, highlight=False)
    if report:
        report.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n")
    if plot and found.points:
        from bench.load.plot import draw

        draw(found, machine, plot)
        typer.echo(f"picture: {plot}", err=True)
