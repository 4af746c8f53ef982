"""A process of `tutorial.py` for each call of a simulator, measured from outside; this process receives the webhooks."""

import asyncio
import os
import time
from collections.abc import Sequence
from operator import sub

import aiohttp
import orjson

from bench.baseline.scripts import Script
from bench.baseline.timing import Stretch, latencies_ms
from bench.load.accounting import cpu_seconds, own_cpu_seconds, pss_mb
from bench.load.played import stretch as judged
from bench.load.point import Point, Ranks
from bench.load.product import LAST_WORDS_S
from engine.demo.calls import PlayedCall, read_calls
from engine.demo.receiver import Receiver
from engine.errors import DemoError

BEGIN_S = 60.0
LOOK_S = 0.25
ANSWER_S = 20.0
REPORT_S = 30.0


class Play:
    """The scripts at work."""

    def __init__(self, scripts: Sequence[Script], simulator_url: str, simulator_pid: int, receiver: Receiver) -> None:
        self._scripts = scripts
        self._simulator_url = simulator_url
        self._simulator_pid = simulator_pid
        self._receiver = receiver

    async def measure(self, seconds: float) -> Point:
        """Let them connect, wait, ask for what they have noted. DemoError when one has ended."""
        for script in self._scripts:
            script.tell("go")
        calls = await self._all_begun()
        stretch = Stretch.of((call.started_ns or 0 for call in calls), seconds)
        await _until(stretch.begin_ns)
        begun_ns, before = time.monotonic_ns(), self._cpu_s()
        await _until(stretch.end_ns)
        scripts_s, load_s = map(sub, self._cpu_s(), before)
        measured_s = (time.monotonic_ns() - begun_ns) / 1e9
        memory = pss_mb(os.getpid())
        late_ms: float = orjson.loads(await self._ask("load"))["late_ms"]
        await asyncio.sleep(LAST_WORDS_S)
        latencies = await self._latencies_ms(calls, stretch)
        found = judged(calls, self._receiver.deliveries, stretch.begin_ns, stretch.end_ns)
        return Point(
            calls=len(calls),
            seconds=measured_s,
            said=found.said,
            heard=len(found.heard),
            false=len(found.false),
            frames=len(latencies),
            dropped=0,
            frame_ms=Ranks.of(latencies),
            spot_ms=Ranks.of([heard.after_ms for heard in found.heard]),
            cpu={"scripts": scripts_s / measured_s},
            load_cpu=load_s / measured_s,
            memory_mb={"scripts": sum(memory.get(script.pid, 0.0) for script in self._scripts)},
            late_ms=late_ms,
        )

    async def _all_begun(self) -> tuple[PlayedCall, ...]:
        """Wait until the simulator knows every call's begin."""
        deadline = time.monotonic() + BEGIN_S
        while time.monotonic() < deadline:
            for script in self._scripts:
                await script.check()
            calls = read_calls(await self._ask("calls"))
            if all(call.started_ns is not None for call in calls):
                return calls
            await asyncio.sleep(LOOK_S)
        raise DemoError(f"{len(calls)} scripts did not all begin within {BEGIN_S:.0f} s")

    async def _ask(self, what: str) -> bytes:
        """The simulator's answer; DemoError when there is none."""
        url, timeout = f"{self._simulator_url}/simulator/{what}", aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as response:
                return await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DemoError(f"The simulator can't be asked any more: {error or type(error).__name__}") from error

    def _cpu_s(self) -> tuple[float, float]:
        """Of the scripts, and of simulator and receiver."""
        ours = own_cpu_seconds(os.getpid())
        simulator = cpu_seconds(self._simulator_pid)
        return cpu_seconds(os.getpid()) - ours - simulator, ours + simulator

    async def _latencies_ms(self, calls: Sequence[PlayedCall], stretch: Stretch) -> list[float]:
        stopped_ns = time.monotonic_ns()
        for script in self._scripts:
            script.terminate()
        latencies: list[float] = []
        for call, script in zip(calls, self._scripts, strict=True):
            done = await script.answer(REPORT_S)
            latencies += latencies_ms(call.started_ns or 0, done["decoded"], stretch, stopped_ns)
        return latencies


async def _until(at_ns: int) -> None:
    await asyncio.sleep((at_ns - time.monotonic_ns()) / 1e9)
