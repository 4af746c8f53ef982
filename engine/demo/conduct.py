"""The play: look and show until all calls are over.

The demo is over when no call is still to come, the engine follows none any more and nothing waits in its rings or its outbox, or when its time is
up: then what was said in the last LAST_WORDS_S need not have been heard.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol

from engine.demo.calls import PlayedCall
from engine.demo.figures import Reading
from engine.demo.scene import DemoOptions, Machine, Result, Scene
from engine.demo.stage import LAST_WORDS_S, SIMULATE, Stage, Steps, staged, wanted_phrases

TICK_S = 0.2
LOOK_TICKS = 3  # a look at simulator and engine every so many ticks
QUIET_LOOKS = 2  # in a row, before the demo is over
STAGGER_MS = 130  # no multiple of a frame, nor of the network's chunks: no two calls in step
STAGGER_ALL_MS = 4000


class Show(Steps, Protocol):
    """Who is told what happens."""

    def scene(self, scene: Scene) -> None:
        """The calls as they stand."""
        ...


async def conduct(options: DemoOptions, environ: Mapping[str, str], show: Show, hurry: asyncio.Event) -> Result:
    """Play it. DemoError when a process does not start or ends too early; nothing is left either way, nor when cancelled.

    Once `hurry` is set, processes are killed instead of asked.
    """
    phrases = wanted_phrases(options.speech)
    arguments = simulator_arguments(options)
    async with staged(arguments, phrases, environ, show, hurry, source=options.source) as stage:
        return await Watch(stage).until_over(options, show)


def simulator_arguments(options: DemoOptions) -> list[str]:
    """What follows `cueline`: a free port, and calls that begin one after the other."""
    arguments = [*SIMULATE[options.source], "--port", "0", "--json", "--speech", str(options.speech)]
    stagger_ms = STAGGER_MS
    if options.calls is not None:
        arguments += ["--calls", str(options.calls)]
        stagger_ms = min(STAGGER_MS, STAGGER_ALL_MS // options.calls)
    if options.source == "audiohook":
        return [*arguments, "--stay", "--rate", f"{1000 / stagger_ms:.3f}"]
    return [*arguments, "--stagger-ms", str(stagger_ms)]


class Watch:
    """Looks at both processes while the calls are played."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
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
                quiet = quiet + 1 if self._reading.idle and not self._expects(options) else 0
            show.scene(self._scene())
            ticks += 1
            await asyncio.sleep(TICK_S)
        await self._look()
        over = quiet == QUIET_LOOKS
        scene = self._scene(None if over else end_ns - int(LAST_WORDS_S * 1e9))
        show.scene(scene)
        seconds = (time.monotonic_ns() - begun_ns) / 1e9
        complaints = self._stage.engine.complaints
        unreadable = self._stage.receiver.unreadable
        sessions = await self._stage.sessions() if options.source == "audiohook" else None
        return Result(scene, options.speech, seconds, Machine.here(), unreadable, complaints, sessions)

    def _expects(self, options: DemoOptions) -> bool:
        """Whether calls are still to come; the engine follows none before they do."""
        return options.source == "audiohook" and any(call.state == "waiting" for call in self._calls)

    def _scene(self, judged_ns: int | None = None) -> Scene:
        return Scene.of(self._calls, self._stage.receiver.deliveries, self._reading, time.monotonic_ns(), judged_ns)

    async def _look(self) -> None:
        self._calls = await self._stage.calls()
        self._reading = await self._stage.reading()
