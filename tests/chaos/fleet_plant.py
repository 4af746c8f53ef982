"""The fleet as the chaos needs it: the stage of the demo, each node behind a proxy of its own, a receiver that keeps every request.

Who follows which call is read in the simulator's book: a node logs in to it by its own name.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
import psutil

from engine.demo.calls import numbered
from engine.demo.fleet_simulator import FleetCall
from engine.demo.fleet_stage import FleetOptions, FleetStage
from engine.demo.processes import Event
from engine.errors import DemoError
from tests.chaos.fleet_account import Subscribed
from tests.chaos.plant import IMPATIENT, ChaosCall
from tests.chaos.receiver import Receiver
from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.engine import MARK

NODES = ("north", "east", "south")
DRAIN_S = 20.0
DRAINED_S = 30.0
FRESH_MS = 500  # a subscription that got audio so shortly ago is one that gets it
STEP_S = 0.05
TAKEN_S = 30.0
OFFERED = (201, 202, 409)


class Silent:
    """Nobody is told of the set-up's steps."""

    def begun(self, step: str) -> None:
        """Nothing."""

    def done(self, step: str) -> None:
        """Nothing."""


class FleetPlant:
    """What is at work; made by `fleet_planted`."""

    def __init__(self, stage: FleetStage, stack: AsyncExitStack, receiver: Receiver, mark: str) -> None:
        self.stage = stage
        self.receiver = receiver
        self.mark = mark
        self.lease_s = stage.options.lease_s
        self.proxies: dict[str, CuttingProxy] = {}
        self.wrong: list[str] = []  # what was not as it has to be, in sentences
        self.went_on_ns: dict[int, int] = {}  # by a fault's number: when a stopped node went on
        self.striking = 0  # the number of the fault that strikes now
        self.said: list[tuple[int, str, Event]] = []  # every line of the nodes' logs: when, who, what
        stage.on_event = lambda name, event: self.said.append((time.monotonic_ns(), name, event))
        self._stack = stack
        self._lives: dict[str, int] = {}

    # nodes

    @property
    def up(self) -> list[str]:
        """Names of those that should be at work."""
        return [name for name, node in self.stage.nodes.items() if node.state == "up"]

    async def start(self, name: str) -> None:
        """Start a node behind its proxy, on the state it left if it has been there."""
        if name not in self.proxies:
            self.proxies[name] = await self._stack.enter_async_context(cutting_proxy(self.stage.redis.port))
        settings = {
            "CUELINE_REDIS_URL": self.stage.redis.url_at(self.proxies[name].port),
            "CUELINE_DRAIN_S": str(DRAIN_S),
        }
        await self.stage.start_node(name, settings, ["--config", str(self.stage.folder / "cueline.toml")])

    def successor(self, name: str) -> str:
        """A name for the node that replaces this one: `north`, `north-2`, …"""
        stem = name.partition("-")[0]
        self._lives[stem] = self._lives.get(stem, 1) + 1
        return f"{stem}-{self._lives[stem]}"

    async def drain(self, name: str) -> None:
        """Ask it to go, and wait until it has; what was not orderly is noted."""
        self.stage.terminate_node(name)
        try:
            code = await self.stage.node_left(name, DRAINED_S)
        except DemoError as error:
            self.wrong.append(str(error))
            await self.stage.kill_node(name)
            return
        if code != 0:
            self.wrong.append(f"The node {name} drained and ended with exit code {code}.")

    async def calls_of(self, name: str) -> frozenset[str]:
        """The calls whose audio goes to this node, by the simulator's book."""
        now_ns = time.monotonic_ns()
        calls = await self.stage.simulator.calls()
        return frozenset(
            call.conversation_id
            for call in calls
            if any(each.client.endswith(f".{name}") for each in _fresh(call, now_ns))
        )

    async def ready(self, name: str) -> bool:
        """Whether the node says that it takes calls, Redis and all; one that is full is as good."""
        status, body = await self.stage.http.ask("GET", f"{self.stage.nodes[name].url}/readyz")
        conditions = body.get("conditions", body.get("checks", {})) if isinstance(body, dict) else {}
        return status == 200 or (bool(conditions) and conditions.get("fleet") is True)

    async def leader(self) -> str | None:
        """Who follows the notifications, by the nodes' own metrics."""
        for name in self.up:
            status, body = await self.stage.http.ask("GET", f"{self.stage.nodes[name].url}/metrics")
            if status == 200 and isinstance(body, bytes) and b"\ncueline_fleet_leader 1.0" in body:
                return name
        return None

    # calls

    async def offer_all(self) -> None:
        """Offer every call and wait until all are followed; DemoError where they are not."""
        for conversation_id in self.stage.simulator.conversation_ids:
            status = await self.stage.offer(conversation_id)
            if status not in OFFERED:
                raise DemoError(f"A node does not take an offer ({status}).")
            await asyncio.sleep(self.stage.options.stagger_ms / 1000)
        try:
            await self.until(self.quiet, TAKEN_S)
        except TimeoutError:
            raise DemoError(f"Not every call is followed by one node after {TAKEN_S:.0f} s.") from None

    async def calls(self) -> tuple[ChaosCall, ...]:
        """As the simulator has them in its book, each with a name of its own."""
        found = numbered(await self.stage.simulator.calls())
        return tuple(ChaosCall.model_validate(call.model_dump()) for call in found)

    async def quiet(self) -> bool:
        """Whether every call is heard by exactly one."""
        now_ns = time.monotonic_ns()
        return all(len(_fresh(call, now_ns)) == 1 for call in await self.stage.simulator.calls())

    async def well(self) -> bool:
        """Whether every call is heard by exactly one, and every node says that it is well."""
        return await self.quiet() and all([await self.ready(name) for name in self.up])

    async def followed_again(self, conversation_ids: frozenset[str], since_ns: int) -> bool:
        """Whether each of these is heard by a subscription that began after this moment."""
        now_ns = time.monotonic_ns()
        return all(
            any(subscribed_of(call, now_ns).at_ns(each.from_ms) > since_ns for each in _fresh(call, now_ns))
            for call in await self.stage.simulator.calls()
            if call.conversation_id in conversation_ids
        )

    async def until(self, holds: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Ask until it holds. TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                with contextlib.suppress(ConnectionError, aiohttp.ClientError, psutil.Error):
                    if await holds():
                        return
                await asyncio.sleep(STEP_S)


def _fresh(call: FleetCall, now_ns: int) -> list:
    """The subscriptions that get audio now."""
    return [each for each in call.sent if call.elapsed_ms(now_ns) - each.to_ms < FRESH_MS]


def subscribed_of(call: FleetCall | ChaosCall, now_ns: int) -> Subscribed:
    """The call as its account needs it."""
    sent = tuple((each.from_ms, each.to_ms) for each in call.sent)
    return Subscribed(call.conversation_id, call.started_ns or now_ns, sent, call.elapsed_ms(now_ns))


@asynccontextmanager
async def fleet_planted(
    options: FleetOptions,
    environ: Mapping[str, str],
    hurry: asyncio.Event,
    folder: Path,
    nodes: tuple[str, ...] = NODES,
) -> AsyncIterator[FleetPlant]:
    """Redis, simulator, receiver and nodes until the block is left. DemoError where one does not start."""
    mark = uuid4().hex
    (folder / "cueline.toml").write_text(IMPATIENT)
    async with AsyncExitStack() as proxies, AsyncExitStack() as stack:  # nodes end before their way to Redis does
        stage = FleetStage(options, {**environ, MARK: mark}, Silent(), hurry, folder)
        receiver = stage.receiver = Receiver()  # type: ignore[assignment]
        await stage.start(stack)
        plant = FleetPlant(stage, proxies, receiver, mark)
        await asyncio.gather(*(plant.start(name) for name in nodes))
        yield plant
