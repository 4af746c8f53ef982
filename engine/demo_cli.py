"""`cueline demo`: what a user types, what is printed, and the exit code. No work is done here.

Exit codes: 0 everything that was said was heard and nothing else, every command came signed and no frame was dropped; 1
otherwise, or a process did not start; 2 wrong input; 128 + the signal's number when it was interrupted.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import orjson
import typer

from engine.demo.conduct import conduct
from engine.demo.report import report_of
from engine.demo.scene import DemoOptions, Source
from engine.demo.shows import show_for
from engine.errors import DemoError
from engine.interrupts import Interrupts
from engine.simulator.options import SPEECH_DIR

NOT_AS_IT_SHOULD = 1
INTERRUPTED = 128

MANIFEST = "manifest.json"


def demo(
    *,
    calls: Annotated[
        int | None,
        typer.Option(min=1, max=200, help="Calls at once; recordings are used in turn. Without it, each once."),
    ] = None,
    source: Annotated[
        Source,
        typer.Option(help="realtime: we connect to each call; audiohook: calls come to us, customer and agent apart."),
    ] = "realtime",
    seconds_max: Annotated[float, typer.Option(min=5, help="The calls end after so long at the latest.")] = 120.0,
    speech: Annotated[
        Path,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder with WAV files and manifest.json.",
            show_default="the recordings that come along",
        ),
    ] = SPEECH_DIR,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the result to this file as JSON.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON lines instead of a live view.")] = False,
) -> None:
    """Play simulated calls through the whole engine, and show what was heard of what was said.

    Needs no configuration and no credentials, takes about a minute. Simulator and engine run as processes of their own,
    as they would with `cueline simulate` and `cueline run`. VOSK_MODEL_PATH chooses another model.
    """
    if not (speech / MANIFEST).is_file():
        raise typer.BadParameter(f"{speech} holds no {MANIFEST}", param_hint="--speech")
    if report and not report.parent.is_dir():
        raise typer.BadParameter(f"{report.parent} is no folder", param_hint="--report")
    options = DemoOptions(speech.resolve(), calls, seconds_max, source)
    show = show_for(as_json=json)
    perform("cueline demo", lambda hurry: conduct(options, os.environ, show, hurry), show, report, report_of)


class Outcome(Protocol):
    """What came of a play."""

    @property
    def problems(self) -> Sequence[str]: ...  # noqa: D102 - the name says it


R = TypeVar("R", bound=Outcome)
R_contra = TypeVar("R_contra", contravariant=True)


class Show(Protocol[R_contra]):
    """Who shows a play: `close` comes before its result, and in any case."""

    def close(self) -> None: ...  # noqa: D102 - the name says it
    def result(self, result: R_contra, /) -> None: ...  # noqa: D102 - likewise


def perform(
    name: str,
    play: Callable[[asyncio.Event], Coroutine[Any, Any, R]],
    show: Show[R],
    report: Path | None,
    report_of: Callable[[R], object],
) -> None:
    """Play, show and report what came of it; the exit code says whether all was well. `play` is told when to hurry its end."""
    try:
        outcome = asyncio.run(_interruptible(play, show))
    except DemoError as error:
        typer.secho(f"{name}: {error}", err=True, fg="red")
        raise typer.Exit(NOT_AS_IT_SHOULD) from error
    if isinstance(outcome, signal.Signals):
        typer.echo(f"{name}: interrupted; everything that was started has ended", err=True)
        raise typer.Exit(INTERRUPTED + outcome)
    show.result(outcome)
    if report:
        report.write_bytes(orjson.dumps(report_of(outcome), option=orjson.OPT_INDENT_2) + b"\n")
    if outcome.problems:
        raise typer.Exit(NOT_AS_IT_SHOULD)


async def _interruptible(play: Callable[[asyncio.Event], Coroutine[Any, Any, R]], show: Show[R]) -> R | signal.Signals:
    """The result, or the signal that ended the play before it."""
    with Interrupts() as interrupts:
        try:
            return await play(interrupts.hurry)
        except asyncio.CancelledError:
            if interrupts.number is None:
                raise
            return interrupts.number
        finally:
            show.close()
