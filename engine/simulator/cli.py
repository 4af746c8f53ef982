"""`cueline simulate`: run the simulator until Ctrl-C or SIGTERM, after saying how to point Cueline at it."""

import asyncio
import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated

import orjson
import structlog
import typer
import uvloop
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from engine.errors import CuelineError
from engine.simulator.audiohook.cli import audiohook
from engine.simulator.call import CallReport
from engine.simulator.complaints import BAD_INPUT, fault_lines
from engine.simulator.faults import FAULTS, parse_fault
from engine.simulator.options import SPEECH_DIR, CallOptions, DeliveryOptions, SimulatorOptions, queue_id
from engine.simulator.recordings import calls_from_speech, calls_from_wavs
from engine.simulator.server import Simulator

simulator = typer.Typer(invoke_without_command=True)
simulator.command()(audiohook)


@simulator.callback()
def simulate(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8090,
    calls: Annotated[int | None, typer.Option(min=0, help="Number of calls; recordings are used in turn.")] = None,
    speech: Annotated[Path, typer.Option(help="Folder with WAV files and manifest.json.")] = SPEECH_DIR,
    wav: Annotated[list[Path] | None, typer.Option(help="Play this 8 kHz mono WAV instead; repeatable.")] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[+AFTER_MS][:COUNT][@CONVERSATION]", help=f"Arm a fault: {', '.join(FAULTS)}."),
    ] = None,
    fragment: Annotated[str, typer.Option(help="Bytes of audio per message, or `odd`, or `random`.")] = "320",
    jitter_ms: Annotated[float, typer.Option(help="Messages come up to so much late.")] = 0.0,
    burst: Annotated[int, typer.Option(help="Messages sent at once.")] = 1,
    stagger_ms: Annotated[int, typer.Option(help="Each call starts so much after the one before.")] = 0,
    speed: Annotated[float, typer.Option(help="1 is real time.")] = 1.0,
    queues: Annotated[
        int, typer.Option(min=0, help="Calls come by so many queues, to be followed by notifications.")
    ] = 0,
    loop: Annotated[bool, typer.Option("--loop/--no-loop", help="Play recordings over and over.")] = False,
    env_file: Annotated[Path | None, typer.Option(help="Write the export lines to this file once ready.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON line instead of a table.")] = False,
) -> None:
    """A local Genesys Cloud that plays recordings as live calls.

    Cueline connects to it and listens. The other way round, as Genesys' AudioHook: `cueline simulate audiohook`.
    """
    if context.invoked_subcommand is not None:
        return
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for what was asked for
    try:
        _forget(env_file)
        options = SimulatorOptions(
            host=host,
            port=port,
            calls=_calls(speech, wav, calls),
            repertoire=_calls(speech, wav, None),
            delivery=_delivery(fragment, jitter_ms, burst, speed, loop=loop),
            stagger_ms=stagger_ms,
            queues=tuple(queue_id(number) for number in range(queues)),
            faults=tuple(map(parse_fault, fault or ())),
        )
        uvloop.run(_serve(options, env_file, as_json=json))
    except (CuelineError, ValidationError, OSError) as error:  # OSError: the env file
        print(f"cueline simulate: {fault_lines(error)}", file=sys.stderr)
        raise typer.Exit(BAD_INPUT) from error


def _calls(speech: Path, wavs: list[Path] | None, count: int | None) -> tuple[CallOptions, ...]:
    return calls_from_wavs(wavs, count) if wavs else calls_from_speech(speech, count)


def _delivery(fragment: str, jitter_ms: float, burst: int, speed: float, *, loop: bool) -> DeliveryOptions:
    size = int(fragment) if fragment.isdecimal() else fragment
    return DeliveryOptions.model_validate(
        {"fragment": size, "jitter_ms": jitter_ms, "burst": burst, "speed": speed, "loops": None if loop else 1}
    )


async def _serve(options: SimulatorOptions, env_file: Path | None, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(options) as cloud:
        exports = [f"export {name}={shlex.quote(value)}" for name, value in cloud.environment().items()]
        if env_file is not None:
            _write_whole(env_file, "\n".join(exports) + "\n")
        if as_json:
            _print_json(cloud)
        else:
            _print_table(cloud, exports)
        await stop.wait()


def _forget(env_file: Path | None) -> None:
    """Remove what an earlier run wrote: the file's presence says that the simulator is ready."""
    if env_file is not None:
        env_file.unlink(missing_ok=True)


def _write_whole(path: Path, text: str) -> None:
    """So that whoever waits for the file never reads half of it."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(text)
    draft.replace(path)


def _print_json(cloud: Simulator) -> None:
    line = {
        "event": "ready",
        "url": cloud.url,
        "environment": cloud.environment(),
        "calls": [call.body() for call in cloud.calls],
    }
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.flush()


def _print_table(cloud: Simulator, exports: list[str]) -> None:
    console = Console()
    table = Table(title=f"Simulated calls at {cloud.url}")
    for column in ("conversation", "recording", "seconds", "phrases"):
        table.add_column(column, overflow="fold")
    for call in cloud.calls:
        table.add_row(call.conversation_id, call.file, f"{call.duration_ms / 1000:.1f}", _phrases(call))
    console.print(table)
    console.print("Point Cueline at it from another terminal:")
    for line in exports:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print("A call begins when it is first listened to. Ctrl-C ends the simulator.")


def _phrases(call: CallReport) -> str:
    return ", ".join(dict.fromkeys(said.phrase for said in call.said)) or "–"
