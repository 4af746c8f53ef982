"""`python -m tests.chaos.fleet`: faults on a fleet of three nodes over a real Redis, then what was spoken against what was delivered.

Exit codes: 0 nothing lost, nothing twice, every call followed again in time; 1 something was not; 2 wrong input; 128 + the
signal's number when interrupted, after the table of what there was.
"""

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from engine.interrupts import Interrupts
from tests.chaos.fleet_figures import fleet_rows, problems
from tests.chaos.fleet_kinds import KINDS
from tests.chaos.fleet_run import FleetChaosOptions, Found, Log, fleet_chaos
from tests.chaos.fleet_views import fleet_course, fleet_document, fleet_sentences, fleet_table
from tests.chaos.schedule import Planned

NOT_AS_IT_SHOULD, INTERRUPTED = 1, 128
ALL = ",".join(KINDS)


def main(
    *,
    seed: Annotated[int, typer.Option(help="The same seed makes the same order and strikes the same nodes.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="So often each kind.")] = 1,
    kinds: Annotated[str, typer.Option(metavar="A,B,…", help=f"Only these: {', '.join(KINDS)}.")] = ALL,
    without: Annotated[str, typer.Option(metavar="A,B,…", help="Not these.")] = "",
    calls: Annotated[int, typer.Option(min=1, max=200, help="Calls at once, over and over.")] = 9,
    node_calls: Annotated[int, typer.Option(min=1, help="A node takes so many; two must hold all.")] = 6,
    lease: Annotated[float, typer.Option(min=3, max=30, help="Seconds.")] = 5.0,
    calm: Annotated[float, typer.Option(min=5, help="Seconds before the first fault.")] = 36.0,
    breath: Annotated[float, typer.Option(min=0, help="Seconds from one recovery to the next fault.")] = 3.0,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write all of it to this file as JSON.")] = None,
) -> None:
    """Kill, stop, part and drain nodes, and see that nothing is lost and nothing comes twice."""
    chosen = chosen_kinds(kinds, without)
    if calls > 2 * node_calls:
        raise typer.BadParameter(
            f"{calls} calls do not fit on two nodes of {node_calls}; a killed node's calls have to go somewhere",
            param_hint="--node-calls",
        )
    log = Log()
    options = FleetChaosOptions(calls, node_calls, lease, calm, breath)
    number = asyncio.run(_perform(options, dealt(seed, chosen, rounds), log))
    code = _tell(log, options, seed, report)
    if number is not None:
        typer.echo("fleet chaos: interrupted; all processes have ended", err=True)
        raise typer.Exit(INTERRUPTED + number)
    raise typer.Exit(code)


def chosen_kinds(wanted: str, without: str) -> list[str]:
    """Their names; BadParameter for an unknown one, or where none is left."""
    left_out = set(filter(None, without.split(",")))
    chosen = [name for name in wanted.split(",") if name and name not in left_out]
    unknown = sorted({*chosen, *left_out} - set(KINDS))
    if unknown or not chosen:
        raise typer.BadParameter(
            f"{', '.join(unknown) or 'nothing is left'}: there are {', '.join(KINDS)}", param_hint="--kinds"
        )
    return chosen


def dealt(seed: int, kinds: list[str], rounds: int) -> list[Planned]:
    """Each kind once a round, in an order that the seed draws, and who is struck."""
    draw = random.Random(seed)
    deck = [kind for _ in range(rounds) for kind in draw.sample(kinds, len(kinds))]
    return [Planned(number, 0.0, kind, draw.random()) for number, kind in enumerate(deck)]


async def _perform(options: FleetChaosOptions, schedule: list[Planned], log: Log) -> int | None:
    """None, or the number of the signal that ended it."""
    console = Console(stderr=True)
    with Interrupts() as interrupts, console.status("starting Redis, simulator, receiver and three nodes") as status:

        def tell(what: str) -> None:
            status.update(what)
            if not console.is_terminal:
                console.print(f"{(time.monotonic_ns() - log.begun_ns) / 1e9:4.0f} s: {what}", highlight=False)

        try:
            await fleet_chaos(options, schedule, os.environ, log, tell, interrupts.hurry)
        except asyncio.CancelledError:
            if interrupts.number is None:
                raise
        return interrupts.number


def _tell(log: Log, options: FleetChaosOptions, seed: int, report: Path | None) -> int:
    """Print what there is; the exit code."""
    if log.found is None:
        typer.echo("fleet chaos: ended before anything could be accounted", err=True)
        typer.echo("\n".join(log.course.wrong), err=True)
        return NOT_AS_IT_SHOULD
    return _show(log, log.found, options, seed, report)


def _show(log: Log, found: Found, options: FleetChaosOptions, seed: int, report: Path | None) -> int:
    console = Console(width=max(120, Console().width))
    table = fleet_rows(found.known.faults, found.account, found.moves, found.gaps, list(KINDS))
    allowed = {name: kind.allowed for name, kind in KINDS.items()}
    wrong = list(problems(table, found.account, found.moves, log.course, allowed, options.lease_s))
    seconds = (time.monotonic_ns() - log.begun_ns) / 1e9
    console.print(fleet_table(f"{len(found.known.faults)} faults, seed {seed}, lease {options.lease_s:g} s", table))
    for line in fleet_sentences(found.account, table, options.calls, seconds):
        console.print(line, highlight=False, soft_wrap=True)
    for line in wrong or ["Nothing lost, nothing twice, every call followed again in time."]:
        console.print(line, highlight=False, soft_wrap=True, style="bold red" if wrong else "bold green")
    if report:
        whole = fleet_document(found.known, found.account, found.moves, table, wrong, seed, options.lease_s)
        whole |= fleet_course(log.book, log.said, log.begun_ns)
        report.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2, default=sorted) + b"\n")
    return NOT_AS_IT_SHOULD if wrong else 0


if __name__ == "__main__":
    typer.run(main)
