"""The order of the demo: receiver, simulator, engine; look and show until all calls are over; stop in reverse.

The engine follows the simulator's calls as soon as it is up, and a call's clock begins with its first subscription, so
nothing is said before somebody listens. The demo is over when the engine follows no call any more and nothing waits in its
rings or its outbox, or when its time is up: then what was said in the last LAST_WORDS_S need not have been heard.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import aiohttp
import orjson

from engine.demo.calls import PlayedCall, read_calls
from engine.demo.figures import Reading, read_metrics
from engine.demo.processes import Child, Event, child_environment, running
from engine.demo.receiver import Receiver
from engine.demo.scene import DemoOptions, Machine, Result, Scene, counted
from engine.errors import DemoError

START_S = 60.0
ANSWER_S = 10.0
TICK_S = 0.2
LOOK_TICKS = 3  # a look at simulator and engine every so many ticks
QUIET_LOOKS = 2  # in a row, before the demo is over
LAST_WORDS_S = 3.0
STAGGER_MS = 130  # no multiple of a frame, nor of the interval of looks at partials: no two calls in step
STAGGER_ALL_MS = 4000


class Show(Protocol):
    """Who is told what happens."""

    def begun(self, step: str) -> None:
        """A step of the set-up begins."""
        ...

    def done(self, step: str) -> None:
        """It is done."""
        ...

    def scene(self, scene: Scene) -> None:
        """The calls as they stand."""
        ...


async def conduct(options: DemoOptions, environ: Mapping[str, str], show: Show, hurry: asyncio.Event) -> Result:
    """Play it. DemoError when a process does not start or ends too early; nothing is left either way, nor when cancelled.

    Once `hurry` is set, processes are killed instead of asked.
    """
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(Receiver())
        show.begun("starting the simulator")
        arguments = simulator_arguments(options)
        environment = child_environment(environ, {})
        starting = running("simulator", arguments, environment, _simulator_ready, hurry)
        simulator = await stack.enter_async_context(starting)
        ready = await simulator.ready(START_S)
        show.done(f"simulator: {counted(len(ready['calls']), 'call')} at {ready['url']}")
        show.begun("starting the engine, loading the model")
        phrases = wanted_phrases(options.speech)
        environment = child_environment(environ, engine_settings(ready, phrases, receiver))
        engine = await stack.enter_async_context(running("engine", ["run"], environment, _engine_ready, hurry))
        up = await engine.ready(START_S)
        show.done(f"engine: {counted(up['shards'], 'shard')}, model {up['model']}, admin API at {up['admin']}")
        show.done(f"listening for: {', '.join(phrases)}")
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        watch = Watch(http, f"{ready['url']}/simulator/calls", f"{up['admin']}/metrics", (simulator, engine), receiver)
        return await watch.until_over(options, show)


def simulator_arguments(options: DemoOptions) -> list[str]:
    """What follows `cueline`: a free port, and calls that begin one after the other."""
    arguments = ["simulate", "--port", "0", "--json", "--speech", str(options.speech)]
    stagger_ms = STAGGER_MS
    if options.calls is not None:
        arguments += ["--calls", str(options.calls)]
        stagger_ms = min(STAGGER_MS, STAGGER_ALL_MS // options.calls)
    return [*arguments, "--stagger-ms", str(stagger_ms)]


def _simulator_ready(event: Event) -> bool:
    return event.get("event") == "ready"


def _engine_ready(event: Event) -> bool:
    return event.get("event") == "cueline is up"


def wanted_phrases(speech: Path) -> list[str]:
    """What is listened for in these recordings; nothing where their manifest names no phrases."""
    phrases: list[str] = orjson.loads((speech / "manifest.json").read_bytes()).get("phrases", [])
    return phrases


def engine_settings(ready: Event, phrases: list[str], receiver: Receiver) -> dict[str, str]:
    """Environment of `cueline run`: the simulator's own, and ours."""
    settings: dict[str, str] = ready["environment"] | {
        "CUELINE_WEBHOOK_URL": receiver.url,
        "CUELINE_WEBHOOK_SECRET": receiver.secret,
        "CUELINE_ADMIN_PORT": "0",
        "CUELINE_DRAIN_S": "0",
        "CUELINE_LOG_LEVEL": "info",  # "cueline is up" is what is waited for
    }
    return settings | ({"TARGET_KEYWORD": ",".join(phrases)} if phrases else {})


class Watch:
    """Looks at both processes while the calls are played."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        calls_url: str,
        metrics_url: str,
        children: tuple[Child, Child],
        receiver: Receiver,
    ) -> None:
        self._http = http
        self._calls_url = calls_url
        self._metrics_url = metrics_url
        self._children = children
        self._receiver = receiver
        self._calls: tuple[PlayedCall, ...] = ()
        self._reading = Reading()

    async def until_over(self, options: DemoOptions, show: Show) -> Result:
        """Show a scene at every tick; return the last one's result."""
        begun_ns = time.monotonic_ns()
        end_ns = begun_ns + int(options.seconds_max * 1e9)
        quiet = ticks = 0
        while quiet < QUIET_LOOKS and time.monotonic_ns() < end_ns:
            if ticks % LOOK_TICKS == 0:
                await self._look()
                quiet = quiet + 1 if self._reading.idle else 0
            show.scene(self._scene())
            ticks += 1
            await asyncio.sleep(TICK_S)
        await self._look()
        over = quiet == QUIET_LOOKS
        scene = self._scene(None if over else end_ns - int(LAST_WORDS_S * 1e9))
        show.scene(scene)
        seconds = (time.monotonic_ns() - begun_ns) / 1e9
        complaints = self._children[1].complaints
        return Result(scene, options.speech, seconds, Machine.here(), self._receiver.unreadable, complaints)

    def _scene(self, judged_ns: int | None = None) -> Scene:
        return Scene.of(self._calls, self._receiver.deliveries, self._reading, time.monotonic_ns(), judged_ns)

    async def _look(self) -> None:
        self._check()
        try:
            self._calls = read_calls(await self._get(self._calls_url))
            self._reading = read_metrics((await self._get(self._metrics_url)).decode())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            await asyncio.gather(*(child.ending(LAST_WORDS_S) for child in self._children))
            self._check()
            raise DemoError(
                f"A process of the demo can't be asked any more: {error or type(error).__name__}"
            ) from error

    def _check(self) -> None:
        for child in self._children:
            child.check()

    async def _get(self, url: str) -> bytes:
        async with self._http.get(url) as response:
            response.raise_for_status()
            return await response.read()
