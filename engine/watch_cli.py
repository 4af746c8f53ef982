"""`cueline watch`: what a user types, what is printed, and the exit code. No work is done here.

Exit codes: 0 when it is ended, by Ctrl-C or its time; 1 where a process does not start or ends too early; 2 wrong input.
"""

import asyncio
import os
import webbrowser
from typing import Annotated

import typer

from engine.demo.scene import Source
from engine.demo.watch_shows import Closing, watch_show
from engine.demo.watching import WatchOptions
from engine.demo.watching import watch as play
from engine.errors import ConfigError, DemoError
from engine.interrupts import Interrupts

NOT_AS_IT_SHOULD, WRONG_INPUT = 1, 2
CALLS = 6


def watch(
    *,
    calls: Annotated[int, typer.Option(min=1, max=200, help="Calls at a time; each is followed by another.")] = CALLS,
    source: Annotated[
        Source,
        typer.Option(help="realtime: we connect to each call; audiohook: calls come to us, customer and agent apart."),
    ] = "realtime",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="Port of the console.", show_default="8080, or a free one if it is taken"),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the console in a browser, too.")] = False,
    text: Annotated[bool, typer.Option("--text", help="Let the console show the words that were heard.")] = False,
    for_s: Annotated[float | None, typer.Option(min=1, help="End after so many seconds.")] = None,
) -> None:
    """Start a simulated phone system and the engine, and print the console's address: watch phrases as they are heard.

    Needs no configuration and no credentials; runs until Ctrl-C, which leaves nothing. Simulator and engine run as processes
    of their own, as they would with `cueline simulate` and `cueline run`. VOSK_MODEL_PATH chooses another model.
    """
    options = WatchOptions(calls, source, port, for_s, text)
    show = watch_show()
    try:
        asyncio.run(_play(options, show, open_page=open_page))
    except ConfigError as error:
        typer.secho(f"cueline watch: {error}", err=True, fg="red")
        raise typer.Exit(WRONG_INPUT) from error
    except DemoError as error:
        typer.secho(f"cueline watch: {error}", err=True, fg="red")
        raise typer.Exit(NOT_AS_IT_SHOULD) from error
    typer.echo("cueline watch: simulator and engine have ended; nothing is left")


async def _play(options: WatchOptions, show: Closing, *, open_page: bool) -> None:
    on_up = webbrowser.open if open_page else None
    with Interrupts() as interrupts:
        try:
            await play(options, os.environ, show, interrupts.hurry, on_up)
        except asyncio.CancelledError:
            if interrupts.number is None:
                raise
        finally:
            show.close()
