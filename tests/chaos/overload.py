"""`python -m tests.chaos.overload`: one and a half times as many conversations as this machine holds.

By the real-time socket they are offered over the admin API; by AudioHook they connect, two channels each, and are refused by
`disconnect error`: then they try again, as Genesys does, five times in all, and are measured once all have given up.

Exit codes: 0 refusals are immediate, typed and counted, and admitted calls keep their latency; 1 not; 2 wrong input;
128 + the signal's number when interrupted.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import aiohttp
import orjson
import typer
from rich.console import Console

from bench.load.played import stretch
from bench.load.shows import Progress
from bench.load.soak import CAPACITY, SHARE, wanted_calls
from bench.load.soaking import delta
from engine.demo.receiver import Receiver
from engine.demo.scene import Machine, Source
from engine.demo.stage import LAST_WORDS_S, SIMULATE, Stage, staged, wanted_phrases
from engine.errors import DemoError
from engine.interrupts import Interrupts
from engine.percentiles import bucket_percentile, percentile
from engine.simulator.options import SPEECH_DIR
from tests.chaos.overloading import Offer, Outcome, offers_of

NOT_AS_IT_SHOULD, INTERRUPTED = 1, 128
FACTOR = 1.5
OFFER_ALL_S = 12.0
RETRIES_S = 1.0 + 2.0 + 4.0 + 8.0
CHANNELS: dict[Source, int] = {"realtime": 1, "audiohook": 2}
OFFERED: dict[Source, str] = {"realtime": "conversations", "audiohook": "sessions of {} calls"}
SETTLE_S = 5.0


async def overload(offered: int, seconds: float, source: Source, progress: Progress, hurry: asyncio.Event) -> Outcome:
    """Start, offer, settle, measure, stop."""
    arguments = [*SIMULATE[source], "--port", "0", "--json", "--loop", "--calls", str(offered)]
    if source == "audiohook":
        arguments += ["--stay", "--rate", f"{offered / OFFER_ALL_S:.3f}"]
    with TemporaryDirectory(prefix="cueline-overload-") as folder:
        settings = {"CUELINE_STATE_DIR": folder, "GENESYS_CONVERSATION_ID": ""}
        async with staged(
            arguments, wanted_phrases(SPEECH_DIR), os.environ, progress, hurry, settings, Receiver(100_000), source
        ) as stage:
            return await (_offered if source == "realtime" else _connecting)(stage, seconds, progress)


async def _offered(stage: Stage, seconds: float, progress: Progress) -> Outcome:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        ids = [call.conversation_id for call in await stage.calls()]
        progress.begun(f"{len(ids)} conversations are offered")
        offers = []
        begun_s = time.monotonic()
        for number, conversation_id in enumerate(ids):
            due_s = begun_s + OFFER_ALL_S * number / len(ids)
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            offers.append(await _offer(http, stage.engine_url, conversation_id))
        await asyncio.sleep(SETTLE_S)
        admitted = {each for each, offer in zip(ids, offers, strict=True) if offer.admitted}
        return await _measured(http, stage, seconds, progress, admitted, offers)


async def _connecting(stage: Stage, seconds: float, progress: Progress) -> Outcome:
    """Those who got no session have tried again and given up before the others are measured."""
    progress.begun(f"{len(await stage.calls())} calls connect; who is refused tries again")
    await asyncio.sleep(OFFER_ALL_S + RETRIES_S + SETTLE_S)
    admitted = {call.conversation_id for call in await stage.calls() if call.state == "live"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        found = await _measured(http, stage, seconds, progress, admitted, [])
        sessions = await stage.sessions()
    return replace(found, offers=offers_of(sessions, len(admitted)), lost=sessions.lost)


async def _measured(
    http: aiohttp.ClientSession,
    stage: Stage,
    seconds: float,
    progress: Progress,
    admitted: set[str],
    offers: Sequence[Offer],
) -> Outcome:
    """How those that were taken fare from now on."""
    progress.begun(f"{len(admitted)} were taken; measuring for {seconds:.0f} s")
    before, begin_ns = await stage.reading(), time.monotonic_ns()
    await asyncio.sleep(seconds)
    after, end_ns = await stage.reading(), time.monotonic_ns()
    await asyncio.sleep(LAST_WORDS_S)
    playing = [call for call in await stage.calls() if call.conversation_id in admitted]
    score = stretch(playing, stage.receiver.deliveries, begin_ns, end_ns)
    p99 = bucket_percentile(delta(before.frame_latency, after.frame_latency), 0.99)
    return Outcome(
        offers=offers,
        counted=await _counted(http, stage.engine_url),
        followed=after.conversations,
        dropped=after.dropped,
        frame_p99_ms=None if p99 is None else 1000 * p99,
        spot_p95_ms=percentile([heard.after_ms for heard in score.heard], 0.95),
        said=score.said,
        heard=len(score.heard),
    )


async def _offer(http: aiohttp.ClientSession, url: str, conversation_id: str) -> Offer:
    begun_ns = time.monotonic_ns()
    async with http.post(f"{url}/v1/conversations", json={"conversation_id": conversation_id}) as response:
        body: dict[str, Any] = orjson.loads(await response.read())
        return Offer(response.status, body.get("reason"), (time.monotonic_ns() - begun_ns) / 1e6)


async def _counted(http: aiohttp.ClientSession, url: str) -> int:
    """Refusals for want of capacity, as the engine has counted them."""
    async with http.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    name = 'cueline_conversations_refused_total{reason="capacity"}'
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(name))


def main(
    *,
    calls: Annotated[
        int | None, typer.Option(min=1, max=2000, help="Offered; default: 150 % of --capacity, in channels.")
    ] = None,
    source: Annotated[Source, typer.Option(help="How the calls come.")] = "realtime",
    seconds: Annotated[float, typer.Option(min=5, help="Length of the measurement.")] = 30.0,
    capacity: Annotated[
        Path, typer.Option(dir_okay=False, help="What `cueline bench capacity` has written.")
    ] = CAPACITY,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the figures to this file as JSON.")] = None,
) -> None:
    """Offer 150 % of what this machine holds: refusals are immediate, and who is in does not suffer."""
    offered = calls or round(wanted_calls(capacity, Machine.here()) / SHARE * FACTOR / CHANNELS[source])
    progress = Progress(Console(stderr=True))
    interrupted: list[int] = []

    async def perform() -> Outcome | None:
        with Interrupts() as interrupts:
            try:
                return await overload(offered, seconds, source, progress, interrupts.hurry)
            except asyncio.CancelledError:
                if interrupts.number is None:
                    raise
                interrupted.append(interrupts.number)
                return None

    try:
        found = asyncio.run(perform())
    except DemoError as error:
        typer.echo(f"overload: {error}", err=True)
        raise typer.Exit(NOT_AS_IT_SHOULD) from error
    finally:
        progress.close()
    if found is None:
        typer.echo("overload: interrupted; simulator and engine have ended", err=True)
        raise typer.Exit(INTERRUPTED + interrupted[0])
    raise typer.Exit(_tell(found, report, OFFERED[source].format(offered), beyond=calls is None))


def _tell(found: Outcome, report: Path | None, offered: str, *, beyond: bool) -> int:
    console = Console()
    p50, most = found.refusal_ms
    times = "" if p50 is None or most is None else f", each within {most:.0f} ms (median {p50:.1f} ms)"
    problems = list(found.problems(beyond=beyond))
    fared = (
        f"Admitted calls: frame latency p99 {_ms(found.frame_p99_ms)}, spot latency p95 {_ms(found.spot_p95_ms)}, "
        f"{found.heard} of {found.said} phrases delivered, {found.dropped} frames dropped."
    )
    for line in (
        f"{len(found.offers)} {offered} offered, {found.admitted} admitted, {len(found.refused)} refused{times}.",
        fared,
        *(problems or ["As it has to be."]),
    ):
        console.print(line, highlight=False, soft_wrap=True)
    if report:
        report.write_bytes(orjson.dumps(found.report() | {"problems": problems}, option=orjson.OPT_INDENT_2) + b"\n")
    return NOT_AS_IT_SHOULD if problems else 0


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


if __name__ == "__main__":
    typer.run(main)
