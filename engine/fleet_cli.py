"""`cueline fleet`: what a user types, what is printed, and the exit code. Reads Redis itself, so it needs no running node.

Exit codes: 0 shown, or ended by Ctrl-C; 1 Redis can't be read; 2 wrong input, or no fleet is configured.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live

from engine import commands_views, config, fleet_views
from engine.errors import ConfigError, FleetError
from engine.fleet.looking import looking
from engine.interrupts import until_stopped
from engine.options import FleetOptions

NOT_AS_IT_SHOULD, WRONG_INPUT = 1, 2
EVERY_S = 1.0

Look = Callable[[], Awaitable[dict[str, Any]]]

fleet = typer.Typer(invoke_without_command=True)


@fleet.callback()
def show(
    context: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="FLEET of docs/fleet.md, a line each time.")] = False,
    config_file: Annotated[
        Path | None, typer.Option("--config", "-c", help="TOML file; the environment wins over it.")
    ] = None,
) -> None:
    """The nodes of a fleet: state, calls, room, how busy, how late; the leader, and the oldest call that waits.

    Reads the Redis of CUELINE_REDIS_URL (with CUELINE_REDIS_PASSWORD) and the fleet of CUELINE_FLEET, or those that the file
    names; needs no node here. For example: CUELINE_REDIS_URL=redis://127.0.0.1:6379 cueline fleet --watch

    A node that has not been heard of for longer than the lease is shown as silent: others have its calls. Ends with 0; 1 where
    Redis can't be read, 2 where no fleet is configured. docs/fleet.md says how to run one; `fleet demo` plays one here.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        options = config.load_fleet(config_file, os.environ)
        asyncio.run(until_stopped(_shown(options, watch=watch, json=json)))
    except ConfigError as error:
        for fault in error.faults:
            typer.secho(f"cueline fleet: {fault}", err=True, fg="red")
        raise typer.Exit(WRONG_INPUT) from error
    except FleetError as error:
        typer.secho(f"cueline fleet: {error}", err=True, fg="red")
        raise typer.Exit(NOT_AS_IT_SHOULD) from error


async def _shown(options: FleetOptions, *, watch: bool, json: bool) -> None:
    async with looking(options) as look:
        if not watch:
            _print(await look(), json=json)
        elif json or not sys.stdout.isatty():
            await _lines(look, json=json)
        else:
            await _live(look)


def _print(told: dict[str, Any], *, json: bool) -> None:
    if json:
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
        sys.stdout.flush()
        return
    console = Console()
    if console.is_terminal:
        console.print(fleet_views.picture(told, console.width))
    else:
        typer.echo(commands_views.plain(fleet_views.picture(told)))


async def _lines(look: Look, *, json: bool) -> None:
    """Again and again into a pipe. What can't be read is said, and tried again."""
    while True:
        try:
            _print(await look(), json=json)
        except FleetError as error:
            typer.secho(f"cueline fleet: {error}", err=True, fg="red")
        await asyncio.sleep(EVERY_S)


async def _live(look: Look) -> None:
    """The same place of the screen, drawn anew; while Redis is away the last picture stays, and says how old it is."""
    console = Console()
    told: dict[str, Any] | None = None
    at = 0.0  # wall clock
    with Live(console=console, screen=True, auto_refresh=False) as screen:
        while True:
            parts: list[RenderableType] = []
            try:
                told, at = await look(), time.time()
            except FleetError as error:
                parts = [fleet_views.lost(str(error), at if told else None)]
            parts += [fleet_views.picture(told, console.width)] if told else []
            screen.update(Group(*parts), refresh=True)
            await asyncio.sleep(EVERY_S)
