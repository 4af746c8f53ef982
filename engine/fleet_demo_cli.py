"""`cueline fleet demo`: what a user types, what is printed, and the exit code. No work is done here.

Exit codes: 0 nothing lost, nothing doubled, every limit kept; 1 otherwise, or a process did not start; 2 wrong input; 128 +
the signal's number when it was interrupted.
"""

import asyncio
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import orjson
import typer

from engine.demo.fleet_play import PlayOptions, play
from engine.demo.fleet_scene import FleetResult
from engine.demo.fleet_shows import ClosingShow, fleet_show, report_of
from engine.demo.interrupts import Interrupts
from engine.errors import DemoError

NOT_AS_IT_SHOULD = 1
WRONG_INPUT = 2
INTERRUPTED = 128


def fleet_demo(
    *,
    calls: Annotated[int, typer.Option(min=4, max=200, help="Calls; more than two nodes hold.")] = 18,
    node_calls: Annotated[int, typer.Option(min=2, max=100, help="A node takes so many.")] = 8,
    lease_s: Annotated[float, typer.Option(min=1, max=60, help="A dead node's calls are claimed after so long.")] = 3.0,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the result to this file as JSON.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON lines instead of a live view.")] = False,
) -> None:
    """Three nodes share simulated calls over a real Redis; one is killed, one comes, one is drained.

    Shows who hears which call all the time, and in the end what was delivered of what was spoken. Needs `redis-server` (or
    `valkey-server`) on PATH and the extra `cueline[fleet]`; no configuration, no credentials. Takes about 90 seconds.
    """
    if not 2 * node_calls < calls <= 3 * node_calls:
        typer.secho(
            f"cueline fleet demo: --calls {calls}: two nodes of {node_calls} must not hold them and three must: "
            f"{2 * node_calls + 1} to {3 * node_calls} (or change --node-calls)",
            err=True,
            fg="red",
        )
        raise typer.Exit(WRONG_INPUT)
    if report and not report.parent.is_dir():
        raise typer.BadParameter(f"{report.parent} is no folder", param_hint="--report")
    if find_spec("redis") is None:
        typer.secho("cueline fleet demo: a fleet needs the extra: pip install 'cueline[fleet]'", err=True, fg="red")
        raise typer.Exit(WRONG_INPUT)
    show = fleet_show(as_json=json)
    try:
        outcome = asyncio.run(_perform(PlayOptions(calls, node_calls, lease_s), show))
    except DemoError as error:
        typer.secho(f"cueline fleet demo: {error}", err=True, fg="red")
        raise typer.Exit(NOT_AS_IT_SHOULD) from error
    if isinstance(outcome, int):
        typer.echo("cueline fleet demo: interrupted; everything that was started has ended", err=True)
        raise typer.Exit(INTERRUPTED + outcome)
    show.result(outcome)
    if report:
        report.write_bytes(orjson.dumps(report_of(outcome), option=orjson.OPT_INDENT_2) + b"\n")
    if outcome.problems:
        raise typer.Exit(NOT_AS_IT_SHOULD)


async def _perform(options: PlayOptions, show: ClosingShow) -> FleetResult | int:
    """The result, or the number of the signal that ended the play before it."""
    with Interrupts() as interrupts:
        try:
            return await play(options, os.environ, show, interrupts.hurry)
        except asyncio.CancelledError:
            if interrupts.number is None:
                raise
            return interrupts.number
        finally:
            show.close()
