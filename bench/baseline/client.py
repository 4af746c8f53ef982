"""Load for the plain server: plays a folder's calls to it as the simulator would, and notes when what is answered.

    python -m bench.baseline.client URL SERVER_PID SPEECH CALLS SECONDS

prints the measurement (the fields of a Point) as JSON. Latency of a message is the time from its sending to its answer; a
phrase is delivered by the first answer of an utterance that shows it, at the place that the audio sent with it ends.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bench.baseline.line import OVER_AND_OVER, Line, Shown, track_of
from bench.baseline.timing import Stretch, stagger_ms
from bench.load.accounting import cpu_seconds, own_cpu_seconds, pss_mb
from bench.load.played import stretch as judged
from bench.load.point import Point, Ranks
from bench.load.product import LAST_WORDS_S
from engine.demo.calls import PlayedCall, numbered
from engine.demo.stage import wanted_phrases
from engine.simulator.options import SAMPLE_RATE, CallOptions
from engine.simulator.playback import Playback
from engine.simulator.recordings import calls_from_speech, read_wav
from engine.simulator.ticker import TICK_S

OPEN_S = 30.0
BACKLOG_BYTES = 16 * 1024 * 1024  # sending never waits


def played(calls: Sequence[CallOptions], lines: Sequence[Line]) -> tuple[PlayedCall, ...]:
    """The calls as they are scored."""
    return numbered(
        PlayedCall(
            conversation_id=call.conversation_id,
            name=call.wav.name,
            started_ns=line.playback.started_ns,
            duration_ms=line.playback.duration_ms,
            said=call.said,
        )
        for call, line in zip(calls, lines, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Used:
    """In the stretch, by the server and by us."""

    server_cores: float
    load_cores: float
    memory_mb: float


async def watch(stretch: Stretch, server_pid: int) -> Used:
    """Read the clocks at both ends."""
    ours = os.getpid()
    await _until(stretch.begin_ns)
    begun_ns, server_s, ours_s = time.monotonic_ns(), cpu_seconds(server_pid), own_cpu_seconds(ours)
    await _until(stretch.end_ns)
    seconds = (time.monotonic_ns() - begun_ns) / 1e9
    server_cores, load_cores = cpu_seconds(server_pid) - server_s, own_cpu_seconds(ours) - ours_s
    return Used(server_cores / seconds, load_cores / seconds, sum(pss_mb(server_pid).values()))


async def _until(at_ns: int) -> None:
    await asyncio.sleep((at_ns - time.monotonic_ns()) / 1e9)


async def keep_sending(lines: Sequence[Line], stop_ns: int) -> None:
    """On the simulator's grid."""
    tick_at = time.monotonic()
    while time.monotonic_ns() < stop_ns:
        for line in lines:
            await line.send_due()
        tick_at += TICK_S
        await asyncio.sleep(tick_at - time.monotonic())


async def opened(url: str, calls: Sequence[CallOptions], phrases: Sequence[str]) -> list[Line]:
    """A connection for each call; nothing is played yet."""
    tracks = {call.wav: track_of(read_wav(call.wav)) for call in calls}
    lines = []
    for call in calls:
        socket = await connect(url, compression=None, proxy=None, ping_interval=None, write_limit=BACKLOG_BYTES)
        await socket.send(json.dumps({"sample_rate": SAMPLE_RATE, "phrases": phrases}))
        lines.append(Line(call.conversation_id, socket, Playback(tracks[call.wav], OVER_AND_OVER), Shown(phrases)))
    return lines


async def measure(url: str, server_pid: int, speech: Path, count: int, seconds: float) -> Point:
    """Connect all, play, measure; hanging up is left to the end of the process."""
    calls = calls_from_speech(speech, count)
    async with asyncio.timeout(OPEN_S):
        lines = await opened(url, calls, wanted_phrases(speech))
    begin_ns = time.monotonic_ns()
    starts_ns = [begin_ns + place * stagger_ms(count) * 1_000_000 for place in range(count)]
    for line, start_ns in zip(lines, starts_ns, strict=True):
        line.playback.start(start_ns)
    stretch = Stretch.of(starts_ns, seconds)
    async with asyncio.TaskGroup() as group:
        listening = [group.create_task(line.listen()) for line in lines]
        watching = group.create_task(watch(stretch, server_pid))
        await keep_sending(lines, stretch.end_ns + int(LAST_WORDS_S * 1e9))
        for task in listening:
            task.cancel()
    return point_of(played(calls, lines), lines, stretch, watching.result())


def point_of(calls: Sequence[PlayedCall], lines: Sequence[Line], stretch: Stretch, used: Used) -> Point:
    """What was measured."""
    stopped_ns = time.monotonic_ns()
    answers = [answer for line in lines for answer in line.answered]
    answers += [(sent_ns, stopped_ns - sent_ns) for line in lines for sent_ns, _ in line.sent]  # waited in vain
    latencies_ms = [took_ns / 1e6 for sent_ns, took_ns in answers if sent_ns in stretch]
    deliveries = sorted((each for line in lines for each in line.deliveries), key=lambda each: each.received_ns)
    found = judged(calls, deliveries, stretch.begin_ns, stretch.end_ns)
    return Point(
        calls=len(calls),
        seconds=(stretch.end_ns - stretch.begin_ns) / 1e9,
        said=found.said,
        heard=len(found.heard),
        false=len(found.false),
        frames=len(latencies_ms),
        dropped=0,
        frame_ms=Ranks.of(latencies_ms),
        spot_ms=Ranks.of([heard.after_ms for heard in found.heard]),
        cpu={"server": used.server_cores},
        load_cpu=used.load_cores,
        memory_mb={"server": used.memory_mb},
        late_ms=max(line.late_ns for line in lines) / 1e6,
    )


def main() -> None:
    url, server_pid, speech, count, seconds = sys.argv[1:]
    try:
        point = uvloop.run(measure(url, int(server_pid), Path(speech), int(count), float(seconds)))
    except* (ConnectionClosed, OSError, TimeoutError) as broken:
        print(json.dumps({"event": "broken", "failure": f"connections broke: {broken.exceptions[0]}"}), flush=True)
    else:
        print(json.dumps({"event": "done", "point": asdict(point)}), flush=True)


if __name__ == "__main__":
    main()
