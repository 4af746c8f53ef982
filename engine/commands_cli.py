"""`cueline commands`: what became of commands, and what to do about those that did not arrive.

Works on the state file itself, so it needs no running engine, and no credentials. Exit codes: 0 done, 2 the input is wrong
or the state can't be had; nothing is changed then.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from engine import commands_views, config
from engine.commands import ledger
from engine.commands.outbox_rows import DEAD, PENDING, STATES, State
from engine.errors import ConfigError, CuelineError, OutboxError

WRONG_INPUT = 2

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file that names state_dir; CUELINE_STATE_DIR wins over it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")]
SinkOption = Annotated[str | None, typer.Option(metavar="NAME", help="Only what goes to this sink.")]
Keys = Annotated[list[str], typer.Argument(metavar="KEY", help="Idempotency keys, as `list` shows them.")]


class Choice(StrEnum):
    """What `list --state` takes: kinds of states, and every state."""

    PENDING = "pending"
    DEAD = "dead"
    ALL = "all"
    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    DISCARDED = "discarded"


_KINDS: dict[str, tuple[State, ...]] = {"pending": PENDING, "dead": DEAD, "all": STATES} | {
    name: (name,) for name in STATES
}

commands = typer.Typer(
    no_args_is_help=True,
    help="What became of commands: list, show, retry, discard. Works on the state folder, with the engine running or not.",
)


@contextmanager
def _told() -> Iterator[None]:
    """Say each fault on a line of its own."""
    try:
        yield
    except CuelineError as error:
        for fault in error.faults if isinstance(error, ConfigError | OutboxError) else [str(error)]:
            typer.secho(f"cueline: {fault}", err=True, fg="red")
        raise typer.Exit(WRONG_INPUT) from error


def _folder(config_file: Path | None) -> Path:
    return config.load_local(config_file, os.environ).state_dir


@commands.command("list")
def list_commands(
    *,
    state: Annotated[
        list[Choice] | None, typer.Option(help="Repeatable; default: pending and dead.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = 200,
    json: JsonOption = False,
    config_file: ConfigOption = None,
) -> None:
    """Commands that wait for their sinks (pending), and dead letters (dead): those that were given up.

    waiting: will be sent · sending: an effect that must not be had twice has begun · failed: refused for good · expired: not
    delivered within its sink's deadline_s · unknown: may have happened, nobody knows · delivered, discarded: done with.
    No words that were said are shown; `show` has them.
    """
    wanted = [name for choice in state or (Choice.PENDING, Choice.DEAD) for name in _KINDS[choice]]
    with _told():
        found, total = ledger.entries(_folder(config_file), list(dict.fromkeys(wanted)), limit)
    if json:
        for entry in found:
            typer.echo(orjson.dumps(commands_views.row(entry)))
        return
    if found:
        _print(found)
    typer.echo(f"{len(found)} of {total} shown" if total > len(found) else f"{total} in all")


def _print(entries: list[ledger.Entry]) -> None:
    """As wide as the terminal; as wide as it takes where there is none."""
    console = Console()
    if console.is_terminal:
        console.print(commands_views.listing(entries, time.time(), console.width))
    else:
        typer.echo(commands_views.plain(commands_views.listing(entries, time.time())))


@commands.command()
def show(key: str, *, json: JsonOption = False, config_file: ConfigOption = None) -> None:
    """All that is kept of one command, what was said included: a block for each of its sinks."""
    with _told():
        found = ledger.of_key(_folder(config_file), key)
    for entry in found:
        lines = (
            [orjson.dumps(commands_views.full_row(entry)).decode()] if json else [*commands_views.details(entry), ""]
        )
        typer.echo("\n".join(lines))


@commands.command()
def retry(
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY", help="Idempotency keys.")] = None,
    *,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="All dead letters instead of some keys.")] = False,
    sink: SinkOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also what is `unknown`: it may have happened, and would happen twice.")
    ] = False,
    config_file: ConfigOption = None,
) -> None:
    """Send dead letters, or what was discarded, again: they wait as if they were new, with the same key.

    A running engine takes them up within a second. Without one, webhooks, files and attributes go out at its next start;
    a transfer, disconnect or Python call only if that is within a minute, for it would come too late.
    """
    if bool(keys) == all_dead:
        raise typer.BadParameter("give either keys or --all-dead")
    chosen = None if all_dead else keys
    _change(config_file, "waits again", lambda folder: ledger.retry(folder, chosen, sink, time.time(), force=force))


@commands.command()
def discard(keys: Keys, *, sink: SinkOption = None, config_file: ConfigOption = None) -> None:
    """Don't send what waits, and be done with dead letters. What is just being sent can't be stopped."""
    _change(config_file, "is discarded", lambda folder: ledger.discard(folder, keys, sink, time.time()))


def _change(config_file: Path | None, what: str, change: Callable[[Path], int]) -> None:
    with _told():
        count = change(_folder(config_file))
    verb = what if count == 1 else what.replace("waits", "wait").replace("is ", "are ")
    typer.echo(f"{count} {'delivery' if count == 1 else 'deliveries'} {verb}" if count else "nothing to do")
