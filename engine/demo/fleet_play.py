"""The play of `cueline fleet demo`: more calls than two nodes hold; a node is killed, one comes, one is drained.

What is seen is what the simulator sees: who gets the audio of each call. Every wait is for a condition with a limit; where the
limit passes the play goes on, and the verdict says what was wrong.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from engine.demo.fleet_account import Killed, account
from engine.demo.fleet_book import BookedCall, book
from engine.demo.fleet_scene import Act, FleetResult, FleetScene, NodeRow, Standing
from engine.demo.fleet_simulator import quotable_speech
from engine.demo.fleet_stage import FleetOptions, FleetStage, fleet_staged
from engine.demo.scene import counted
from engine.demo.stage import Steps

LOOK_S = 0.25
TAKEN_S = 20.0  # for all offers to be taken, and for calls to be moved
DRAINED_S = 40.0
LAST_WORDS_S = 3.0
FIRST, SECOND, THIRD, RELIEF, SUCCESSOR = NAMES = ("node-1", "node-2", "node-3", "node-4", "node-5")


class FleetShow(Steps, Protocol):
    """Who is told what happens."""

    def act(self, act: Act) -> None:
        """A step of the play begins."""
        ...

    def told(self, sentence: str) -> None:
        """Something has come about."""
        ...

    def scene(self, scene: FleetScene) -> None:
        """Who follows what."""
        ...


@dataclass(frozen=True, slots=True)
class PlayOptions:
    """What is played, and how long each stretch of quiet listening lasts."""

    calls: int = 18
    node_calls: int = 8
    lease_s: float = 3.0
    listen_s: float = 10.0


async def play(options: PlayOptions, environ: Mapping[str, str], show: FleetShow, hurry: asyncio.Event) -> FleetResult:
    """Play it. DemoError when something does not start or ends by itself; nothing is left either way, nor when cancelled."""
    with TemporaryDirectory(prefix="cueline-speech-") as folder:
        stage_options = FleetOptions(
            options.calls, options.node_calls, options.lease_s, speech=quotable_speech(Path(folder) / "speech")
        )
        async with fleet_staged(stage_options, environ, show, hurry) as stage:
            return await _Play(options, stage, show).run()


@dataclass(slots=True)
class _Play:
    """The acts, and the eye that looks on meanwhile."""

    options: PlayOptions
    stage: FleetStage
    show: FleetShow
    calls: tuple[BookedCall, ...] = ()
    killed: list[Killed] = field(default_factory=list)
    exit_codes: dict[str, int] = field(default_factory=dict)
    starting: set[str] = field(default_factory=set)

    async def run(self) -> FleetResult:
        """All acts."""
        begun_ns = time.monotonic_ns()
        for act in (self._share, self._kill, self._relieve, self._drain):
            await act()
        judged_ns = time.monotonic_ns()
        await self._watch(LAST_WORDS_S)
        scene = self._scene(judged_ns)
        seconds = (time.monotonic_ns() - begun_ns) / 1e9
        complaints = [f"{name}: {line}" for name, node in self.stage.nodes.items() for line in node.child.complaints]
        return FleetResult(
            scene=scene,
            killed=tuple(self.killed),
            lease_s=self.options.lease_s,
            seconds=seconds,
            unreadable=self.stage.receiver.unreadable,
            exit_codes=self.exit_codes,
            late_ms=await self.stage.simulator.late_ms(),
            complaints=tuple(complaints[-20:]),
        )

    # acts

    async def _share(self) -> None:
        options = self.options
        self.show.act(
            Act(
                1,
                f"Three nodes share {options.calls} calls",
                f"All are offered at {FIRST}. A node takes {options.node_calls} at most, and takes no more than it has room for.",
            )
        )
        await asyncio.gather(*(self._start(name) for name in (FIRST, SECOND, THIRD)))
        statuses = await self.stage.offer_all(FIRST)
        self.show.told(f"offered: {sum(200 <= status < 300 for status in statuses)} of {options.calls}")
        if await self._until(lambda scene: not scene.waiting, TAKEN_S):
            self.show.told("all calls are followed: " + self._shares())
        await self._watch(options.listen_s)

    async def _kill(self) -> None:
        scene = self._scene()
        victim = max((row for row in scene.nodes if row.standing == "up"), key=lambda row: len(row.calls))
        room = sum(
            row.limit - len(row.calls) for row in scene.nodes if row.standing == "up" and row.name != victim.name
        )
        moving, lease_s = len(victim.calls), self.options.lease_s
        fit = min(room, moving)
        self.show.act(
            Act(
                2,
                f"{victim.name} is killed (kill -9), with {counted(moving, 'call')}",
                f"Its lease lapses after {lease_s:g} s; then the others claim what they have room for: {fit} now, "
                f"{moving - fit} have to wait.",
            )
        )
        at_ns = await self.stage.kill_node(victim.name)
        self.killed.append(Killed(victim.name, at_ns, fit))
        if await self._until(lambda scene: _followed_again(scene) >= fit, lease_s + TAKEN_S):
            self.show.told(f"{counted(fit, 'call')} followed again: " + self._shares())
        await self._watch(self.options.listen_s / 2)

    async def _relieve(self) -> None:
        waiting = len(self._scene().unheard)
        self.show.act(
            Act(
                3,
                f"{RELIEF} comes",
                f"A new node takes what waits at once: {counted(waiting, 'call')} that nobody hears.",
            )
        )
        await self._start(RELIEF)
        self.killed = [replace(each, relief_ns=time.monotonic_ns()) for each in self.killed]
        if await self._until(lambda scene: _followed_again(scene) == len(scene.account.takeovers), TAKEN_S):
            self.show.told("nobody waits: " + self._shares())
        await self._watch(self.options.listen_s / 2)

    async def _drain(self) -> None:
        leaving = next(row for row in self._scene().nodes if row.standing == "up")
        self.show.act(
            Act(
                4,
                f"{leaving.name} is replaced by {SUCCESSOR} (SIGTERM)",
                f"It hands over its {counted(len(leaving.calls), 'call')}: make before break, both hear a call until the other has it.",
            )
        )
        await self._start(SUCCESSOR)
        self.stage.terminate_node(leaving.name)
        ended = asyncio.create_task(self.stage.node_left(leaving.name, DRAINED_S))
        try:
            while not ended.done():
                await self._watch(LOOK_S)
            self.exit_codes[leaving.name] = ended.result()
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)
        self.show.told(f"{leaving.name} is empty and has ended: " + self._shares())
        await self._watch(self.options.listen_s)

    # looking

    async def _start(self, name: str) -> None:
        self.starting.add(name)
        started = asyncio.create_task(self.stage.start_node(name))
        try:
            while not started.done():
                await self._watch(LOOK_S)
            await started
        finally:
            started.cancel()
            await asyncio.gather(started, return_exceptions=True)
            self.starting.discard(name)
        self.show.told(f"{name} is up")

    async def _until(self, holds: Callable[[FleetScene], bool], timeout_s: float) -> bool:
        """Look until it holds; False when it did not in time."""
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            if holds(await self._look()):
                return True
            await asyncio.sleep(LOOK_S)
        return False

    async def _watch(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            await self._look()
            await asyncio.sleep(min(LOOK_S, left_s))

    async def _look(self) -> FleetScene:
        self.stage.check()
        self.calls = book(await self.stage.simulator.calls())
        scene = self._scene()
        self.show.scene(scene)
        return scene

    def _scene(self, judged_ns: int | None = None) -> FleetScene:
        """What was said in the last HEARING is not judged yet, unless a moment is given."""
        now_ns = time.monotonic_ns()
        judged_ns = now_ns - int(LAST_WORDS_S * 1e9) if judged_ns is None else judged_ns
        hearers = {call.number: call.hearers(now_ns) for call in self.calls}
        rows = [
            NodeRow(name, self._standing(name), self.options.node_calls, _heard_by(name, hearers))
            for name in NAMES
            if name in self.stage.nodes or name in self.starting
        ]
        found = account(self.calls, self.stage.receiver.deliveries, self.killed, judged_ns)
        return FleetScene(now_ns, self.calls, tuple(rows), found)

    def _standing(self, name: str) -> Standing:
        node = self.stage.nodes.get(name)
        if node is None:
            return "starting"
        return "up" if node.state == "stopped" else node.state

    def _shares(self) -> str:
        rows = [row for row in self._scene().nodes if row.standing in ("up", "draining")]
        return ", ".join(f"{row.name} {len(row.calls)}" for row in rows)


def _heard_by(name: str, hearers: Mapping[int, tuple[str, ...]]) -> tuple[int, ...]:
    return tuple(number for number, names in hearers.items() if name in names)


def _followed_again(scene: FleetScene) -> int:
    return sum(each.again_s is not None for each in scene.account.takeovers)
