"""The command line: what a user types, what is printed, and the exit code. No work is done here.

Exit codes: 0 done, 1 it ran and something was not as it should be, 2 the input or configuration is wrong.
"""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import orjson
import typer
import uvloop
from rich.console import Console

from bench.load.cli import bench
from engine import (
    __version__,
    commands_cli,
    commands_views,
    config,
    demo_cli,
    doctor,
    doctor_views,
    evaluate_cli,
    fleet_cli,
    fleet_demo_cli,
    listen_cli,
    model_views,
    top_cli,
    watch_cli,
)
from engine.errors import ConfigError, CuelineError, ModelError, PlatformError, VocabularyError
from engine.genesys.platform import PlatformClient
from engine.genesys.platform_messages import TokenDescribed
from engine.logs import configure_logging
from engine.model_store import ModelStore
from engine.options import GenesysOptions
from engine.simulator.cli import simulator
from engine.supervisor import Supervisor

NOT_AS_IT_SHOULD = 1
WRONG_INPUT = 2

OWNER_ONLY = 0o077  # files of a run: 0600, folders 0700

CallsOption = Annotated[int, typer.Option(min=1, help="Calls at the same time that this machine is to hold.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="TOML file; the environment wins over it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON lines instead of tables.")]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",  # flows paragraphs to the terminal's width
    pretty_exceptions_enable=False,
    help="Hears phrases on live Genesys Cloud calls and acts on them. Start with `cueline demo`.",
)
models = typer.Typer(no_args_is_help=True, help="Vosk models: list, fetch, check.")
app.add_typer(models, name="models")
app.add_typer(commands_cli.commands, name="commands")
app.add_typer(fleet_cli.fleet, name="fleet")
fleet_cli.fleet.command("demo")(fleet_demo_cli.fleet_demo)
app.add_typer(bench, name="bench")
app.add_typer(simulator, name="simulate")
app.command()(listen_cli.listen)
app.command()(evaluate_cli.evaluate)
app.command()(demo_cli.demo)
app.command()(watch_cli.watch)
app.command()(top_cli.top)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cueline {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    *, version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False
) -> None:
    pass


def _stop_with(error: CuelineError, where: str = "") -> typer.Exit:
    """Say each fault on a line of its own; `where` is the setting that it comes from."""
    faults = error.faults if isinstance(error, ConfigError | VocabularyError) else [str(error)]
    for fault in faults:
        typer.secho(f"cueline: {where}{fault}", err=True, fg="red")
    return typer.Exit(WRONG_INPUT)


def _print_rows(rows: list[dict[str, object]]) -> None:
    for row in rows:
        typer.echo(orjson.dumps(row, default=str))


@app.command()
def run(config_file: ConfigOption = None) -> None:
    """Follow conversations, hear phrases, act. Settings come from the environment and the TOML file.

    With GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET it follows conversations: those of GENESYS_CONVERSATION_ID, and more over the
    admin API. With CUELINE_AUDIOHOOK_API_KEY (and CUELINE_AUDIOHOOK_CLIENT_SECRET) Genesys brings the calls itself, and
    credentials are needed only by sinks that act on the call. TARGET_KEYWORD names the phrases, CUELINE_WEBHOOK_URL where to send them. SIGTERM lets calls end
    for CUELINE_DRAIN_S; a second one hurries. CUELINE_REDIS_URL makes it a node of a fleet (docs/fleet.md). Ends with 0 after an orderly stop, 1 where something had to be cut off by force
    (workers killed, audio not heard, state not written), 2 where settings or model are wrong.
    """

    async def main() -> bool:
        try:
            return await Supervisor(options).run()
        finally:  # nothing is left to be stopped: from here to the exit a signal changes nothing
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})

    os.umask(OWNER_ONLY)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the supervisor listens, there is nothing to stop in order
    try:
        options = config.load(config_file, os.environ, lambda text: typer.secho(f"cueline: {text}", err=True))
        configure_logging(options.log_level)
        orderly = uvloop.run(main())
    except ModelError as error:
        raise _stop_with(error, "VOSK_MODEL_PATH: ") from error
    except VocabularyError as error:
        raise _stop_with(error, "TARGET_KEYWORD or [[rules]]: ") from error
    except CuelineError as error:
        raise _stop_with(error) from error
    if not orderly:
        raise typer.Exit(NOT_AS_IT_SHOULD)


@app.command("doctor")
def doctor_command(config_file: ConfigOption = None, json: JsonOption = False, calls: CallsOption = 60) -> None:
    """Check model, processors, memory, file limit, clock, state folder, webhooks, credentials with their scopes, ports, certificates and a fleet's Redis, and say what to change."""

    async def obtain_token(options: GenesysOptions) -> TokenDescribed | None:
        async with PlatformClient(options) as platform:
            await platform.token()
            with suppress(PlatformError):  # a token is a token, also where nothing is told of it
                return await platform.describe_token()
            return None

    configure_logging("error")
    checks = asyncio.run(doctor.examine(config_file, os.environ, obtain_token, calls))
    if json:
        _print_rows(doctor_views.rows(checks))
    else:
        console = Console()
        if console.is_terminal:
            console.print(doctor_views.shown(checks, console.width))
        else:
            typer.echo(commands_views.plain(doctor_views.shown(checks)))
    if not doctor_views.healthy(checks):
        raise typer.Exit(NOT_AS_IT_SHOULD)


def _store() -> ModelStore:
    return ModelStore(config.load_local(None, os.environ).state_dir / "models")


@models.command("list")
def models_list(json: JsonOption = False) -> None:
    """The models that Cueline knows, and which of them are here."""
    try:
        if json:
            _print_rows(model_views.rows(_store()))
        else:
            Console().print(model_views.table(_store()))
    except CuelineError as error:
        raise _stop_with(error) from error


@models.command("pull")
def models_pull(name: str) -> None:
    """Fetch a model, verify its checksum, unpack it; prints its folder. An interrupted pull goes on where it was."""
    configure_logging("warning")
    try:
        with model_views.progress_bar(name, Console(stderr=True)) as progress:
            path = asyncio.run(_store().pull(name, progress))
    except CuelineError as error:
        raise _stop_with(error) from error
    typer.echo(path)


@models.command("verify")
def models_verify(path: Path) -> None:
    """Check a model's folder: that every part is there, and that it is what the manifest or the first pull said."""
    try:
        verified = _store().verify(path)
    except CuelineError as error:
        raise _stop_with(error) from error
    known = verified.against != "nothing"
    said = (
        f"whole, as in the {verified.against}" if known else "every part is there; nothing is known to compare it with"
    )
    typer.echo(f"{verified.path}: {said}; sha256 {verified.tree_sha256}")


@models.command("path")
def models_path(name: Annotated[str | None, typer.Argument(help="Default: the model in use.")] = None) -> None:
    """Where a model lies; without a name, the one that `run` and `listen` would use now."""
    try:
        typer.echo(_store().path(name) if name else config.load_local(None, os.environ).speech.model_path)
    except CuelineError as error:
        raise _stop_with(error) from error
