"""Redis, simulator, receiver and nodes as a play of the fleet needs them: nodes come, are killed, halted and drained.

A node is a `cueline run` with a name, a limit, a state folder and a port of its own. It is one to the simulator too: it logs in
as `cueline-simulator.NAME`, so the simulator's book says what of each call went to which node. Everything ends with the block.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from engine.demo.fleet_simulator import OK, Asking, FleetSimulator
from engine.demo.process_tree import signal_tree
from engine.demo.processes import Child, Event, child_environment, running
from engine.demo.receiver import Receiver
from engine.demo.redis_process import RedisProcess
from engine.demo.scene import counted
from engine.demo.stage import START_S, Steps, engine_settings, wanted_phrases
from engine.errors import DemoError
from engine.simulator.options import SPEECH_DIR

CLIENT = "cueline-simulator"
DRAIN_S = 20.0
END_S = 6.0
GONE = ("ended", "failed")
FLEET = "demo"

NodeState = Literal["up", "stopped", "draining", "dead", "left"]


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What the play is made of."""

    calls: int
    node_calls: int | None = 8  # a node takes so many; None: what its shards take
    lease_s: float = 3.0
    loop: bool = True  # recordings over and over
    speech: Path = SPEECH_DIR
    stagger_ms: int = 150
    queues: int = 0  # that the calls come by, so that notifications tell of them
    settings: Mapping[str, str] = field(default_factory=dict)  # further variables of every node


@dataclass(slots=True)
class Node:
    """One of the fleet; since `begun_ns` of the monotonic clock it is up."""

    name: str
    child: Child
    url: str
    begun_ns: int
    stack: AsyncExitStack
    state: NodeState = "up"


class FleetStage:
    """What is at work; made by `fleet_staged`."""

    def __init__(
        self, options: FleetOptions, environ: Mapping[str, str], steps: Steps, hurry: asyncio.Event, folder: Path
    ) -> None:
        self.options = options
        self.folder = folder
        self.receiver = Receiver()
        self.redis = RedisProcess(folder, child_environment(environ, {}))
        self.nodes: dict[str, Node] = {}  # by name, the dead ones too
        self.on_event: Callable[[str, Event], None] | None = None  # told every log line of every node, with its name
        self._environ = environ
        self._steps = steps
        self._hurry = hurry
        self.http = Asking()
        self.simulator = FleetSimulator(_simulate(options), environ, hurry, self.http)

    async def start(self, stack: AsyncExitStack) -> None:
        """Redis, receiver and simulator; nodes come later. DemoError where one does not start."""
        await stack.enter_async_context(self.http)
        await stack.enter_async_context(self.receiver)
        self._steps.begun("starting Redis")
        stack.push_async_callback(self.redis.stop)
        await self.redis.start()
        self._steps.done(f"Redis at 127.0.0.1:{self.redis.port}, with an append-only file")
        self._steps.begun("starting the simulator")
        await self.simulator.start(stack)
        self._steps.done(f"simulator: {counted(self.options.calls, 'call')} at {self.simulator.url}")
        stack.push_async_callback(self._end_nodes)

    # nodes

    async def start_node(
        self, name: str, settings: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
    ) -> Node:
        """Start one; a name that is dead or has left may come again, on the state it left. DemoError where it does not come up."""
        earlier = self.nodes.get(name)
        assert earlier is None or earlier.state in ("dead", "left"), f"{name} is there already"
        environment = child_environment(self._environ, self._settings(name) | dict(settings or {}))
        stack = AsyncExitStack()

        def heard(event: Event) -> None:
            if self.on_event is not None:
                self.on_event(name, event)

        starting = running(f"node {name}", ["run", *arguments], environment, _up, self._hurry, heard)
        try:
            child = await stack.enter_async_context(starting)
            up = await child.ready(START_S)
        except BaseException:
            await stack.aclose()
            raise
        node = self.nodes[name] = Node(name, child, up["admin"], time.monotonic_ns(), stack)
        return node

    def _settings(self, name: str) -> dict[str, str]:
        ours = self.simulator.environment | engine_settings(wanted_phrases(self.options.speech), self.receiver)
        ours.pop("GENESYS_CONVERSATION_ID", None)  # calls are offered, not given
        limit = self.options.node_calls
        ours |= {
            "GENESYS_CLIENT_ID": f"{CLIENT}.{name}",
            "CUELINE_REDIS_URL": self.redis.url,
            "CUELINE_FLEET": FLEET,
            "CUELINE_NODE": name,
            "CUELINE_LEASE_S": str(self.options.lease_s),
            "CUELINE_SHARDS": "1",
            "CUELINE_STATE_DIR": str(self.folder / name),
            "CUELINE_DRAIN_S": str(DRAIN_S),
        }
        return ours | ({} if limit is None else {"CUELINE_MAX_CALLS": str(limit)}) | dict(self.options.settings)

    async def kill_node(self, name: str) -> int:
        """SIGKILL to all its processes at once, as if its machine had died; return the moment (monotonic ns)."""
        node, at_ns = self.nodes[name], time.monotonic_ns()
        node.state = "dead"
        signal_tree(node.child.pid, signal.SIGKILL)
        await node.stack.aclose()
        return at_ns

    def stop_node(self, name: str) -> int:
        """SIGSTOP to all its processes; return the moment."""
        return self._signal(name, signal.SIGSTOP, "stopped")

    def continue_node(self, name: str) -> int:
        """SIGCONT to all its processes; return the moment."""
        return self._signal(name, signal.SIGCONT, "up")

    def terminate_node(self, name: str) -> int:
        """SIGTERM to the node: it drains; return the moment. `node_left` waits for its end."""
        node, at_ns = self.nodes[name], time.monotonic_ns()
        node.state = "draining"
        node.child.signal(signal.SIGTERM)
        return at_ns

    async def node_left(self, name: str, timeout_s: float) -> int:
        """The exit code of a node that drains; DemoError where it has not ended by then."""
        node = self.nodes[name]
        await node.child.ending(timeout_s)
        code = node.child.exit_code
        if code is None:
            raise DemoError(f"The node {name} has not ended {timeout_s:.0f} s after it was asked to drain.")
        node.state = "left"
        await node.stack.aclose()
        return code

    def _signal(self, name: str, number: signal.Signals, state: NodeState) -> int:
        node, at_ns = self.nodes[name], time.monotonic_ns()
        node.state = state
        signal_tree(node.child.pid, number)
        return at_ns

    async def _end_nodes(self) -> None:
        """All of them, at once and without waiting for calls."""

        async def end(node: Node) -> None:
            if node.state not in ("dead", "left"):
                signal_tree(node.child.pid, signal.SIGCONT)
                node.child.signal(signal.SIGINT)
                await node.child.ending(END_S)
                signal_tree(node.child.pid, signal.SIGKILL)
            await node.stack.aclose()

        await asyncio.gather(*map(end, self.nodes.values()))

    # what can be asked

    async def offer(self, conversation_id: str, name: str | None = None) -> int:
        """`POST /v1/conversations` at this node (the first that is up, when None); the answer's status, 0 without one."""
        node = self.nodes[name] if name else next(each for each in self.nodes.values() if each.state == "up")
        status, _ = await self.http.ask("POST", f"{node.url}/v1/conversations", {"conversation_id": conversation_id})
        return status

    async def offer_all(self, name: str | None = None) -> list[int]:
        """Every call of the simulator; the statuses."""
        return [await self.offer(each, name) for each in self.simulator.conversation_ids]

    async def followed(self, name: str) -> dict[str, str] | None:
        """What this node says it follows now: conversation → state; None where it does not answer."""
        status, body = await self.http.ask("GET", f"{self.nodes[name].url}/v1/conversations")
        if status != OK:
            return None
        rows = body["conversations"]
        return {row["conversation_id"]: row["state"] for row in rows if row["state"] not in GONE}

    def check(self) -> None:
        """DemoError when the simulator, or a node that should be up, has ended."""
        self.simulator.check()
        for node in self.nodes.values():
            if node.state == "up":
                node.child.check()


@asynccontextmanager
async def fleet_staged(
    options: FleetOptions, environ: Mapping[str, str], steps: Steps, hurry: asyncio.Event
) -> AsyncIterator[FleetStage]:
    """Redis, simulator and receiver, no node yet; nothing of anything is left behind. DemoError where one does not start."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="cueline-fleet-")))
        stage = FleetStage(options, environ, steps, hurry, folder)
        await stage.start(stack)
        yield stage


def _simulate(options: FleetOptions) -> list[str]:
    words = ["simulate", "--port", "0", "--json", "--speech", str(options.speech), "--calls", str(options.calls)]
    return [
        *words,
        "--stagger-ms",
        str(options.stagger_ms),
        *(["--loop"] if options.loop else []),
        "--queues",
        str(options.queues),
    ]


def _up(event: Event) -> bool:
    return event.get("event") == "cueline is up"
