"""Nodes of a fleet on a real Redis in this process, each with a host that only pretends to follow calls.

`Host` says what a node's engine would: how much room there is, whether a call is refused, when its audio comes, why it leaves.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from engine.errors import RefusedError
from engine.fleet.node import Node
from engine.fleet.store import FleetStore
from engine.fleet.ticks import tick
from engine.fleet_metrics import FleetMetrics
from engine.intake.conversation import END_REASONS, EndReason, Share
from engine.intake.past import Past
from engine.options import FleetOptions
from tests.support.redis_server import Redis

LEASE_S = 60.0  # nothing lapses by itself; who wants a renewal asks for it
ROOM = 100


@dataclass
class Followed:
    """A call as far as the node looks at it."""

    share: Share
    state: str = "connecting"
    place: Past | None = None

    def note(self) -> Past | None:
        return self.place or self.share.past


@dataclass
class Host:
    """`refuses`: the reason for which the next calls are refused. `hears`: audio comes at once."""

    hears: bool = True
    refuses: str | None = None
    load_now: float = 0.0
    places: int = ROOM
    calls: dict[str, Followed] = field(default_factory=dict)
    began: list[str] = field(default_factory=list)
    refused: int = 0
    left: list[tuple[str, EndReason]] = field(default_factory=list)

    def room(self) -> int:
        return self.places - len(self.calls)

    def load(self) -> float:
        return self.load_now

    def status(self) -> dict[str, object]:
        return {}

    def share(self, conversation_id: str, share: Share) -> Followed:
        if self.refuses:
            self.refused += 1
            raise RefusedError(self.refuses, "as the test wants it")
        assert conversation_id not in self.calls
        self.calls[conversation_id] = call = Followed(share)
        self.began.append(conversation_id)
        if self.hears:
            asyncio.get_running_loop().call_soon(self.hear, conversation_id)
        return call

    def hear(self, conversation_id: str) -> None:
        """Its audio begins."""
        if call := self.calls.get(conversation_id):
            call.state = "listening"
            call.share.on_audio(0.0)

    def fail(self, key: str, reason: EndReason) -> None:
        asyncio.get_running_loop().call_soon(self.leave, key, reason)

    def leave(self, conversation_id: str, reason: EndReason) -> None:
        """The call leaves here."""
        call = self.calls.pop(conversation_id)
        call.state = END_REASONS[reason]
        self.left.append((conversation_id, reason))
        call.share.on_left(reason)


@dataclass
class Member:
    """A node and what it stands on."""

    node: Node
    store: FleetStore
    host: Host
    registry: CollectorRegistry

    def call(self, conversation_id: str = "c"):
        """The call as the node has it; None where it follows it not."""
        return self.node.calls.get(conversation_id)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    async def renewed(self) -> None:
        """One renewal from now on is answered and has been heeded."""
        since = tick().boot_s
        async with asyncio.timeout(20):
            while self.node.following._seen.since.boot_s < since:
                self.node.renewing.hurry()
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def member(
    redis: Redis | str, name: str, host: Host | None = None, *, runs: bool = True, **settings: object
) -> AsyncIterator[Member]:
    """A node of that name, running unless it is said otherwise. Its calls are its own until the lease ends: it dies with the block."""
    url = redis if isinstance(redis, str) else redis.url
    options = FleetOptions(redis_url=url, node=name, **{"lease_s": LEASE_S, **settings})
    store, host, registry = FleetStore(options), host or Host(), CollectorRegistry()
    try:
        await store.begin()
        node = Node(options, store, host, FleetMetrics(registry))
        it = Member(node, store, host, registry)
        if runs:
            async with node.running():
                yield it
        else:
            yield it
    finally:
        await store.close()


async def comes(condition: Callable[[], object], timeout_s: float = 12.0) -> None:
    """Wait for it."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def key(name: str) -> str:
    """Of the fleet `default`."""
    return f"{{cueline:default}}:{name}"


def owning(redis: Redis, conversation_id: str = "c") -> str:
    """The entry that owns a call, "-1" where there is none."""
    return redis.ask("HGET", key("calls"), conversation_id)


def quarantined(redis: Redis, conversation_id: str = "c") -> bool:
    return redis.ask("ZSCORE", key("quarantined"), conversation_id) != "-1"
