"""`python -m tests.chaos`: faults on a seeded schedule against a real engine, then what was spoken against what was delivered.

Exit codes: 0 nothing lost, nothing twice; 1 something was, or a fault was never recovered from; 2 wrong input; 128 + the
signal's number when interrupted, after the table of what there was.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from engine.errors import DemoError
from engine.interrupts import Interrupts
from tests.chaos.figures import costs_of, faults_found, rows
from tests.chaos.kinds import KINDS
from tests.chaos.run import CALM_S, ChaosOptions, Found, chaos
from tests.chaos.schedule import planned
from tests.chaos.views import document, sentences, table_of

NOT_AS_IT_SHOULD, INTERRUPTED = 1, 128


def main(
    *,
    seed: Annotated[int, typer.Option(help="The same seed makes the same schedule.")] = 1,
    faults: Annotated[int, typer.Option(min=1, help="How many.")] = 500,
    kinds: Annotated[str | None, typer.Option(metavar="A,B,…", help=f"Only these: {', '.join(KINDS)}.")] = None,
    without: Annotated[str, typer.Option(metavar="A,B,…", help="Not these.")] = "",
    calls: Annotated[int, typer.Option(min=1, max=200, help="Calls at once, over and over.")] = 26,
    hook_calls: Annotated[int, typer.Option(min=1, max=100, help="AudioHook calls beside, two channels each.")] = 6,
    spacing: Annotated[float, typer.Option(min=0.05, help="Seconds from one fault to the next.")] = 1.6,
    calm: Annotated[float, typer.Option(min=5, help="Seconds before the first fault.")] = CALM_S,
    seconds: Annotated[float, typer.Option(min=1, help="No fault after so many seconds.")] = 3600.0,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write all of it to this file as JSON.")] = None,
) -> None:
    """Kill, stop, slow, cut and corrupt, and see that nothing is lost and nothing comes twice."""
    chosen = _kinds(kinds, without)
    found = Found()
    console = Console(stderr=True)
    schedule = planned(seed, chosen, faults, spacing)
    number = asyncio.run(_perform(ChaosOptions(calls, hook_calls, calm, seconds), schedule, found, console))
    code = _tell(found, calls + hook_calls, seed, report)
    if number is not None:
        typer.echo("chaos: interrupted; simulator and engine have ended", err=True)
        raise typer.Exit(INTERRUPTED + number)
    raise typer.Exit(code)


def _kinds(wanted: str | None, without: str) -> list[str]:
    left_out = set(filter(None, without.split(",")))
    chosen = [name for name in (wanted.split(",") if wanted else KINDS) if name not in left_out]
    unknown = sorted({*chosen, *left_out} - set(KINDS))
    if unknown or not chosen:
        raise typer.BadParameter(
            f"{', '.join(unknown) or 'nothing is left'}: there are {', '.join(KINDS)}", param_hint="--kinds"
        )
    return chosen


async def _perform(options: ChaosOptions, schedule: list, found: Found, console: Console) -> int | None:
    """None, or the number of the signal that ended it."""
    told_s = 0.0
    with Interrupts() as interrupts, console.status("starting simulator, receiver and engine") as status:

        def tell(what: str) -> None:
            nonlocal told_s
            status.update(what)
            if not console.is_terminal and time.monotonic() - told_s > 10:
                told_s = time.monotonic()
                console.print(what, highlight=False)

        try:
            await chaos(options, schedule, os.environ, found, tell, interrupts.hurry)
        except asyncio.CancelledError:
            if interrupts.number is None:
                raise
        except DemoError as error:
            console.print(str(error), style="red", highlight=False)
            found.left_behind.append("the run broke off")
        return interrupts.number


def _tell(found: Found, calls: int, seed: int, report: Path | None) -> int:
    """Print what there is; the exit code."""
    if found.known is None or found.account is None:
        typer.echo("chaos: ended before anything could be accounted", err=True)
        return NOT_AS_IT_SHOULD
    console = Console(width=max(120, Console().width))
    table = rows(found.known.faults, found.account, KINDS)
    costs = costs_of(found.known, found.account)
    problems = list(faults_found(table, found.account, found.course, costs.own))
    seconds = (time.monotonic_ns() - found.begun_ns) / 1e9
    console.print(table_of(f"{len(found.known.faults)} faults, seed {seed}", table))
    for line in sentences(found.account, costs, calls, seconds):
        console.print(line, highlight=False, soft_wrap=True)
    for line in problems or ["Nothing lost, nothing twice, everything recovered."]:
        console.print(line, highlight=False, soft_wrap=True, style="bold red" if problems else "bold green")
    if report:
        whole = document(found.known, found.account, table, costs, problems, seed)
        report.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n")
    return NOT_AS_IT_SHOULD if problems else 0


if __name__ == "__main__":
    typer.run(main)
