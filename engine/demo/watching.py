"""The play of `cueline watch`: calls come and go at a running engine until somebody ends it.

Simulator, engine and receiver are those of the demo. The simulator starts without a call; each is placed when its line is free,
and by the real-time socket the engine is asked over its own API to follow it, as any program would.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.demo.calls import PlayedCall
from engine.demo.receiver import Receiver
from engine.demo.scene import Source
from engine.demo.scoring import Delivery
from engine.demo.stage import SIMULATE, Stage, Steps, staged, wanted_phrases
from engine.demo.switchboard import Switchboard
from engine.errors import ConfigError, DemoError
from engine.simulator.options import SPEECH_DIR

HOST = "127.0.0.1"
PORT = 8080  # `cueline run`'s own
LOOK_S = 0.5
KEPT = 100  # deliveries; all are counted
CONSOLE_TEXT = "CUELINE_CONSOLE_TEXT"


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What is played, and where it is shown."""

    calls: int  # at a time
    source: Source
    port: int | None = None  # of the console; None: the usual one, or a free one where that is taken
    for_s: float | None = None  # None: until a signal
    show_text: bool = False


@dataclass(frozen=True, slots=True)
class Traffic:
    """What has happened by now."""

    seconds: float
    live: int
    placed: int
    refused: bool  # some call is not taken by the engine for now
    arrived: int  # commands at the receiver
    wrong: int  # of them not signed as agreed, or no commands at all
    latest: Delivery | None


class WatchShow(Steps, Protocol):
    """Who is told what happens."""

    def up(self, console: str, options: WatchOptions) -> None:
        """The page may be opened."""
        ...

    def traffic(self, traffic: Traffic) -> None:
        """The calls as they stand."""
        ...


def port_for(wanted: int | None) -> int:
    """The console's port: the one that is wanted, else the usual one where it is free, else 0. ConfigError where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT if wanted is None else wanted))
        except OSError as error:
            if wanted is None:
                return 0
            advice = "choose another, or leave it out and a free one is found"
            raise ConfigError([f"--port = {wanted}: can't listen there ({error.strerror}); {advice}"]) from error
    return PORT if wanted is None else wanted


async def watch(
    options: WatchOptions,
    environ: Mapping[str, str],
    show: WatchShow,
    hurry: asyncio.Event,
    on_up: Callable[[str], object] | None = None,
) -> None:
    """Play until cancelled, or for `for_s`. DemoError when a process does not start or ends; nothing is left either way.

    `on_up` gets the console's address, in a thread of its own: it may block. ConfigError where the port can't be had.
    """
    play = _Play(options, environ, show, hurry, on_up)
    port = port_for(options.port)
    try:
        await play.run(port)
    except DemoError:
        lost_to_another = port and options.port is None and not play.up and port_for(None) == 0
        if not lost_to_another:
            raise
        await play.run(0)  # somebody took the port between our look at it and the engine's


@dataclass(slots=True)
class _Play:
    """What is needed to start it, once more if need be."""

    options: WatchOptions
    environ: Mapping[str, str]
    show: WatchShow
    hurry: asyncio.Event
    on_up: Callable[[str], object] | None
    up: bool = False

    async def run(self, port: int) -> None:
        """Start, play, stop."""
        options = self.options
        settings = {"CUELINE_ADMIN_PORT": str(port), CONSOLE_TEXT: str(options.show_text).lower()}
        words = [*SIMULATE[options.source], "--port", "0", "--json", "--calls", "0"]
        words += ["--stay"] if options.source == "audiohook" else []
        receiver, phrases = Receiver(KEPT, rolling=True), wanted_phrases(SPEECH_DIR)
        async with staged(
            words, phrases, self.environ, self.show, self.hurry, settings, receiver, options.source
        ) as stage:
            self.up, console = True, f"{stage.engine_url}/"
            self.show.up(console, options)
            if self.on_up is not None:
                await asyncio.to_thread(self.on_up, console)
            await Watch(stage, options).run(self.show)


class Watch:
    """Calls come and go."""

    def __init__(self, stage: Stage, options: WatchOptions) -> None:
        self._stage = stage
        self._options = options
        self._begun_s = time.monotonic()
        self._board = Switchboard(options.calls, self._begun_s)

    async def run(self, show: WatchShow) -> None:
        """Look and act every LOOK_S until the time is up."""
        end_s = self._begun_s + (self._options.for_s or float("inf"))
        while time.monotonic() < end_s:
            show.traffic(await self._step())
            await asyncio.sleep(min(LOOK_S, max(0.0, end_s - time.monotonic())))

    async def _step(self) -> Traffic:
        calls = {call.conversation_id: call for call in await self._stage.calls()}
        states = {key: call.state for key, call in calls.items()}
        board, now_s = self._board, time.monotonic()
        board.look(now_s, states)
        for line in list(board.due(now_s)):
            call = await self._stage.place()
            states[call.conversation_id] = call.state
            board.begin(line, call.conversation_id, now_s)
        if self._options.source == "realtime":
            for line in list(board.unheard(now_s, states)):
                assert line.call is not None
                board.took(line, now_s, taken=await self._stage.follow(line.call))
        return self._traffic(calls)

    def _traffic(self, calls: Mapping[str, PlayedCall]) -> Traffic:
        receiver, ours = self._stage.receiver, self._options.source == "realtime"
        return Traffic(
            seconds=time.monotonic() - self._begun_s,
            live=sum(call.state == "live" for call in calls.values()),
            placed=self._board.placed,
            refused=ours and any(line.call is not None and not line.followed for line in self._board.lines),
            arrived=receiver.arrived,
            wrong=receiver.unsigned + receiver.unreadable,
            latest=receiver.deliveries[-1] if receiver.deliveries else None,
        )
