"""Cueline itself under load: simulator → sockets → … → webhook receiver, each in a process of its own.

Calls are played over and over. Measuring begins when all have begun and settled; then both ends of the stretch are read:
what the engine has counted, CPU times, memory. This process receives the webhooks and does nothing else meanwhile.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.load.accounting import cpu_seconds, own_cpu_seconds, private_mb, pss_mb
from bench.load.played import stretch
from bench.load.point import Point, Ranks
from engine.demo.calls import PlayedCall
from engine.demo.figures import RANKS, Reading
from engine.demo.scene import Source
from engine.demo.scoring import Score
from engine.demo.sessions import Sessions
from engine.demo.stage import SIMULATE, Stage, Steps, staged, wanted_phrases
from engine.errors import DemoError
from engine.percentiles import Buckets, bucket_percentile

STAGGER_ALL_MS = 6000
SETTLE_S = 3.0  # after the last call's begin
LAST_WORDS_S = 2.5  # a phrase said at the stretch's end may still be on its way
BEGIN_S = 30.0
HELD_BACK_MS: dict[Source, float] = {"realtime": 0.0, "audiohook": 80.0}  # messages of 20 ms; of 100, as Genesys sends
LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class ProductOptions:
    """What is played to which engine; None leaves the engine's default."""

    speech: Path
    shards: int | None = None
    profile: str | None = None
    source: Source = "realtime"
    speech_share: float = 1.0  # of AudioHook calls; the others send silence
    channels: int = 2  # of AudioHook calls

    def simulator(self, calls: int) -> list[str]:
        """What follows `cueline`: calls that begin within STAGGER_ALL_MS and are played over and over."""
        arguments = [*SIMULATE[self.source], "--port", "0", "--json", "--loop", "--speech", str(self.speech)]
        arguments += ["--calls", str(calls)]
        if self.source == "audiohook":
            rate = max(1.0, 1000 * calls / STAGGER_ALL_MS)
            return [
                *arguments,
                "--rate",
                f"{rate:.3f}",
                "--speech-share",
                f"{self.speech_share:g}",
                "--channels",
                str(self.channels),
            ]
        return [*arguments, "--stagger-ms", str(max(1, STAGGER_ALL_MS // calls))]

    def settings(self) -> dict[str, str]:
        """Environment of the engine."""
        wanted = {"CUELINE_SHARDS": self.shards, "CUELINE_PROFILE": self.profile}
        chosen = {name: str(value) for name, value in wanted.items() if value is not None}
        return chosen | {"CUELINE_MAX_UTILIZATION": "1"}  # what the machine holds, not what is admitted


@dataclass(frozen=True, slots=True)
class _Look:
    """All clocks and counts at one moment."""

    at_ns: int
    reading: Reading
    engine_cpu_s: float
    supervisor_cpu_s: float
    load_cpu_s: float

    @classmethod
    async def at(cls, stage: Stage) -> "_Look":
        engine = stage.engine.pid
        reading = await stage.reading()
        load_s = cpu_seconds(stage.simulator.pid) + own_cpu_seconds(os.getpid())
        return cls(time.monotonic_ns(), reading, cpu_seconds(engine), own_cpu_seconds(engine), load_s)


class Product:
    """A `Subject`."""

    def __init__(self, options: ProductOptions, environ: Mapping[str, str], steps: Steps, hurry: asyncio.Event) -> None:
        self.name = name_of(options.source)
        self._options = options
        self._environ = environ
        self._steps = steps
        self._hurry = hurry

    async def measure(self, calls: int, seconds: float) -> Point:
        """Start, settle, measure, stop."""
        options, settings = self._options, self._options.settings() | {"CUELINE_LOG_LEVEL": "info"}
        phrases, arguments = wanted_phrases(options.speech), options.simulator(calls)
        play = staged(arguments, phrases, self._environ, self._steps, self._hurry, settings, source=options.source)
        async with play as stage:
            playing = await self._all_begun(stage, calls)
            self._steps.begun(f"{calls} calls for {seconds:.0f} s")
            begin = await _Look.at(stage)
            await asyncio.sleep(seconds)
            end = await _Look.at(stage)
            memory = _memory(stage.engine.pid)
            late_ms = await stage.simulator_late_ms()
            sessions = await stage.sessions() if options.source == "audiohook" else None
            await asyncio.sleep(LAST_WORDS_S)
            found = stretch(playing, stage.receiver.deliveries, begin.at_ns, end.at_ns)
        point = _point(calls, begin, end, found, memory, late_ms, sessions)
        return replace(point, held_back_ms=HELD_BACK_MS[options.source])

    async def _all_begun(self, stage: Stage, calls: int) -> tuple[PlayedCall, ...]:
        """Wait until every call has been on for a while; DemoError when that takes too long."""
        deadline = time.monotonic() + BEGIN_S + STAGGER_ALL_MS / 1000
        self._steps.begun(f"{calls} calls begin")
        while time.monotonic() < deadline:
            playing = await stage.calls()
            now_ns = time.monotonic_ns()
            if all(call.elapsed_ms(now_ns) > 1000 * SETTLE_S for call in playing):
                return playing
            await asyncio.sleep(LOOK_S)
        refused = any("conversation refused" in line for line in stage.engine.complaints)
        why = "the engine refused some: no capacity" if refused else f"not within {BEGIN_S:.0f} s"
        raise DemoError(f"{calls} calls did not all begin: {why}")


def name_of(source: Source) -> str:
    """What it is called in reports."""
    return "Cueline" if source == "realtime" else "Cueline, calls by AudioHook (two channels each)"


def _memory(engine_pid: int) -> dict[str, float]:
    """By part: the supervisor, all workers, the greatest worker's own pages, all of it."""
    shares, private = pss_mb(engine_pid), private_mb(engine_pid)
    workers = worker_pids(engine_pid)
    return {
        "engine": sum(shares.values()),
        "supervisor": shares.get(engine_pid, 0.0),
        "workers": sum(shares.get(pid, 0.0) for pid in workers),
        "worker private": max((private.get(pid, 0.0) for pid in workers), default=0.0),
    }


def worker_pids(engine_pid: int) -> list[int]:
    """The fork server's children, and so all that the engine's grandchildren are."""
    return [grandchild for child in _children(engine_pid) for grandchild in _children(child)]


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _point(
    calls: int,
    begin: _Look,
    end: _Look,
    found: Score,
    memory: dict[str, float],
    late_ms: float,
    sessions: Sessions | None,
) -> Point:
    seconds = (end.at_ns - begin.at_ns) / 1e9
    was, now = begin.reading, end.reading
    workers = now.worker_cpu_s - was.worker_cpu_s
    vad, decode, ipc = now.vad_s - was.vad_s, now.decode_s - was.decode_s, now.ipc_s - was.ipc_s
    supervisor = end.supervisor_cpu_s - begin.supervisor_cpu_s
    others = max(0.0, end.engine_cpu_s - begin.engine_cpu_s - supervisor - workers)
    parts = {
        "intake": supervisor,
        "ipc": ipc,
        "vad": vad,
        "decode": decode,
        "rest": workers - vad - decode - ipc + others,
    }
    latency = tuple(
        (bound, count - before)
        for (bound, count), (_, before) in zip(now.frame_latency, was.frame_latency, strict=True)
    )
    return Point(
        calls=calls,
        seconds=seconds,
        said=found.said,
        heard=len(found.heard),
        false=len(found.false),
        frames=now.frames - was.frames,
        dropped=now.dropped - was.dropped,
        frame_ms=_ranks(latency),
        spot_ms=Ranks.of([heard.after_ms for heard in found.heard]),
        cpu={part: cpu_s / seconds for part, cpu_s in parts.items()},
        load_cpu=(end.load_cpu_s - begin.load_cpu_s) / seconds,
        memory_mb=memory,
        utilization=now.utilization,
        late_ms=late_ms,
        sessions=sessions,
    )


def _ranks(buckets: Buckets) -> Ranks:
    found = (bucket_percentile(buckets, rank) for rank in RANKS)
    return Ranks(*(None if value is None else 1000 * value for value in found))
