"""`cueline fleet demo`: what a user types, what is printed, and the exit code. No work is done here.

Exit codes: 0 nothing lost, nothing doubled, every limit kept; 1 otherwise, or a process did not start; 2 wrong input; 128 +
the signal's number when it was interrupted.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from engine.demo.fleet_play import PlayOptions, play
from engine.demo.fleet_shows import fleet_show, report_of
from engine.demo_cli import perform

WRONG_INPUT = 2


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
    options = PlayOptions(calls, node_calls, lease_s)
    show = fleet_show(as_json=json)
    perform("cueline fleet demo", lambda hurry: play(options, os.environ, show, hurry), show, report, report_of)
