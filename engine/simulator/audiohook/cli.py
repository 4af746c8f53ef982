"""`cueline simulate audiohook`: connect calls to an AudioHook server, play them, sum up.

Exit codes: 0 all went as it should, 1 a session was lost, a call was given up or never got one, or a fault was not answered
as the protocol allows; 2 the input is wrong. With `--json` two lines: `ready` once the first call is about to connect,
`summary` at the end. Why a session failed is said on stderr, each sentence once, when it first happens.
"""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import structlog
import typer
import uvloop
from pydantic import ValidationError
from rich import box
from rich.console import Console
from rich.table import Table

from engine.errors import ConfigError, CuelineError
from engine.simulator.audiohook.calls import AudioHookCalls
from engine.simulator.audiohook.faults import FAULTS, check_fault
from engine.simulator.audiohook.options import ORGANIZATION_ID, Gap, HookCall, HookOptions
from engine.simulator.audiohook.recordings import calls_of_speech, calls_of_wavs
from engine.simulator.complaints import BAD_INPUT, fault_lines
from engine.simulator.options import SPEECH_DIR

NOT_AS_IT_SHOULD = 1
SHOWN = 10  # calls in the list that people read


UrlOption = Annotated[str, typer.Option(help="The server: `ws://…` or `wss://…`, with its path.")]
ApiKeyOption = Annotated[
    str, typer.Option(help="Sent as X-API-KEY.", envvar="CUELINE_AUDIOHOOK_API_KEY", show_envvar=True)
]
ClientSecretOption = Annotated[
    str,
    typer.Option(
        help="Base64; with it, requests are signed. Better in the environment.",
        envvar="CUELINE_AUDIOHOOK_CLIENT_SECRET",
        show_default=False,
    ),
]
OrganizationIdOption = Annotated[str, typer.Option(envvar="CUELINE_AUDIOHOOK_ORGANIZATION_ID", show_default=False)]
CallsOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Number of calls; recordings are used in turn.",
        show_default="number of pairs of recordings; of recordings with one channel, of files with --wav; 1 with --probe",
    ),
]
FirstCallOption = Annotated[int, typer.Option(min=0, help="Number of the first call, from which ids are made.")]
ChannelsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=2,
        help="2: external and internal; 1: external.",
        show_default="1 for --product connector, otherwise 2",
    ),
]
SpeechOption = Annotated[Path, typer.Option(help="Folder with WAV files and manifest.json.")]
WavOption = Annotated[list[Path] | None, typer.Option(help="Play this 8 kHz WAV, mono or stereo; repeatable.")]
SpeechShareOption = Annotated[float, typer.Option(min=0, max=1, help="This share talks; others are silent.")]
RateOption = Annotated[float, typer.Option(help="Connections per second.")]
MessageMsOption = Annotated[int, typer.Option(help="Audio per message.")]
BacklogSOption = Annotated[float, typer.Option(help="So much audio at once, right after `opened`.")]
PauseOption = Annotated[list[str] | None, typer.Option(metavar="AT:FOR", help="Seconds; repeatable.")]
DiscardOption = Annotated[list[str] | None, typer.Option(metavar="AT:FOR", help="As --pause, told by `discarded`.")]
LanguageOption = Annotated[str | None, typer.Option(help="Asked for in `open`, as en-US.")]
ProbeOption = Annotated[bool, typer.Option("--probe", help="Connection probes: null ids, no audio.")]
ProductOption = Annotated[Literal["monitor", "transcription", "connector"], typer.Option()]
ReconnectsOption = Annotated[bool, typer.Option("--reconnects", help="Take up the server's `reconnect`.")]
LoopOption = Annotated[bool, typer.Option("--loop/--no-loop", help="Play recordings over and over.")]
SpeedOption = Annotated[float, typer.Option(help="1 is real time.")]


def _list_faults(names: list[str] | None) -> list[str] | None:
    """`--fault list`: the table, and nothing else is done."""
    if names and "list" in names:
        table = Table("fault", "what the client does", box=box.SIMPLE_HEAD)
        for name, each in FAULTS.items():
            table.add_row(name, each.says)
        Console(width=None if sys.stdout.isatty() else 120).print(table)
        raise typer.Exit
    return names


FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[:COUNT]",
        is_eager=True,  # `list` needs no --url
        callback=_list_faults,
        help="Sessions beside the calls that do wrong; repeatable. `--fault list` says which there are.",
    ),
]
ForSOption = Annotated[float | None, typer.Option(help="End after so many seconds.")]
StayOption = Annotated[bool, typer.Option("--stay", help="When all calls are over, wait for Ctrl-C.")]
PortOption = Annotated[int | None, typer.Option(help="Port of the control API; 0 picks one. Without: none.")]
CaOption = Annotated[Path | None, typer.Option(help="Trust this authority (PEM).")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON lines instead of text.")]


def audiohook(
    *,
    url: UrlOption,
    api_key: ApiKeyOption = "cueline-simulator",
    client_secret: ClientSecretOption = "",
    organization_id: OrganizationIdOption = ORGANIZATION_ID,
    calls: CallsOption = None,
    first_call: FirstCallOption = 0,
    channels: ChannelsOption = None,
    speech: SpeechOption = SPEECH_DIR,
    wav: WavOption = None,
    speech_share: SpeechShareOption = 1.0,
    rate: RateOption = 25.0,
    message_ms: MessageMsOption = 100,
    backlog_s: BacklogSOption = 0.0,
    pause: PauseOption = None,
    discard: DiscardOption = None,
    language: LanguageOption = None,
    probe: ProbeOption = False,
    product: ProductOption = "monitor",
    reconnects: ReconnectsOption = False,
    loop: LoopOption = False,
    speed: SpeedOption = 1.0,
    fault: FaultOption = None,
    for_s: ForSOption = None,
    stay: StayOption = False,
    port: PortOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Genesys Cloud's AudioHook as a client: calls that connect to Cueline, or to any AudioHook server."""
    given = {name: value for name, value in locals().items() if name in HookOptions.model_fields}
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for what was asked for
    try:
        given["channels"] = channels = channels or (1 if product == "connector" else 2)
        count, share = (1 if calls is None else calls, 0.0) if probe else (calls, speech_share)  # a probe plays nothing
        given["calls"] = _calls(speech, wav, channels, count, share, first_call)
        given["repertoire"] = () if probe else _calls(speech, wav, channels, None, 1.0, 0)
        given["gaps"] = [_gap(each, paused=True) for each in pause or ()] + [_gap(each) for each in discard or ()]
        options = HookOptions.model_validate(given)
        faults = [_fault(each, options) for each in fault or ()]
        summary = uvloop.run(_play(options, faults, for_s, stay=stay, as_json=json))
    except (CuelineError, ValidationError) as error:
        print(f"cueline simulate audiohook: {fault_lines(error)}", file=sys.stderr)
        raise typer.Exit(BAD_INPUT) from error
    _print(summary, as_json=json)
    if not summary["ok"]:
        raise typer.Exit(NOT_AS_IT_SHOULD)


def _calls(
    speech: Path, wavs: list[Path] | None, channels: int, count: int | None, share: float, first: int
) -> tuple[HookCall, ...]:
    if wavs:
        return calls_of_wavs(wavs, count, share, first)
    return calls_of_speech(speech, channels, count, share, first)


def _gap(text: str, *, paused: bool = False) -> Gap:
    at, _, length = text.partition(":")
    try:
        return Gap(at_s=float(at), for_s=float(length), paused=paused)
    except ValueError as error:  # ValidationError is one
        name = "pause" if paused else "discard"
        raise ConfigError([f"{name} {text!r}: write AT:FOR, two numbers of seconds, the second above 0"]) from error


def _fault(text: str, options: HookOptions) -> tuple[str, int]:
    name, _, count = text.partition(":")
    check_fault(name, options)
    if count and not (count.isascii() and count.isdecimal() and 1 <= int(count) <= 10_000):
        raise ConfigError([f"fault {text!r}: write NAME or NAME:COUNT, a count from 1 to 10000"])
    return name, int(count or 1)


async def _play(
    options: HookOptions, faults: list[tuple[str, int]], for_s: float | None, *, stay: bool, as_json: bool
) -> dict[str, Any]:
    """Until the calls are over, the time is up, or a signal comes; return the summary."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    calls = AudioHookCalls(options)
    calls.tally.tell = _complain
    async with calls:
        _print_ready(calls, as_json=as_json)
        for name, count in faults:
            calls.commit(name, count)
        over = asyncio.create_task(stop.wait() if stay else calls.wait())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({over, stopped}, timeout=for_s, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        stopped.cancel()
    return calls.summary()


def _complain(sentence: str) -> None:
    print(f"cueline simulate audiohook: {sentence}", file=sys.stderr, flush=True)


def _print_ready(calls: AudioHookCalls, *, as_json: bool) -> None:
    reports = [report.body() for report in calls.reports]
    if as_json:
        _line({"event": "ready", "url": calls.url, "calls": reports})
        return
    print(f"{len(reports)} AudioHook calls to {calls.options.url}, {calls.options.rate:g} a second")
    for each in reports[:SHOWN]:
        phrases = [f"{said['phrase']} ({said['channel']})" for said in each["said"]]
        print(f"  {each['conversation_id']}  {each['file']}  {', '.join(phrases) or '–'}")
    if len(reports) > SHOWN:
        print(f"  and {len(reports) - SHOWN} more")
    sys.stdout.flush()


def _print(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _line(summary)
        return
    for name, value in summary.items():
        if name == "ok" or (name not in ("event", "faults") and value not in ({}, 0)):
            print(f"{name:>15}  {_words(value)}")
    for each in summary["faults"]:
        mark = "as expected" if each["as_expected"] else f"NOT as expected ({', '.join(each['expects'])})"
        print(f"{'fault':>15}  {each['name']}: {each['ended']}, {mark}")


def _words(value: object) -> str:
    return ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)


def _line(body: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(body) + b"\n")
    sys.stdout.flush()
