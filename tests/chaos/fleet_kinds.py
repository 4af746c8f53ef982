"""The table of what can happen to a fleet: whom it strikes, what it does, what it may cost, and when it is over."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal

from tests.chaos.fleet_figures import Allowed
from tests.chaos.fleet_plant import FleetPlant

PAST_LEASE_S = 2.5  # a node that was stopped or cut off goes on so long after its lease
SHORT = 0.3  # of a lease: with a third between two renewals, a node's right holds through it
WITHOUT_REDIS_S = 1.0
AGAIN_S = 20.0  # beyond the lease, a killed node's calls are waited for

Recovered = Callable[[], Awaitable[bool]]
Inject = Callable[[FleetPlant, str, frozenset[str]], Awaitable[Recovered]]  # the node, and the calls it followed


@dataclass(frozen=True, slots=True)
class FleetKind:
    """`inject` does it and returns what to wait for."""

    name: str
    says: str
    recovers: str
    strikes: Literal["node", "leader", "redis", "all"]
    inject: Inject
    allowed: Allowed = field(default_factory=Allowed)
    cuts: bool = False  # audio may be missing of the struck node's calls
    forgets: bool = False  # what was heard and not spotted yet is gone, and what was answered may not be known
    stops: bool = False  # the node goes on to be sent audio that it does not hear
    limit_s: float = 30.0  # it has to be recovered from by then, beyond the lease


async def _kill(plant: FleetPlant, node: str, calls: frozenset[str]) -> Recovered:
    at_ns = await plant.stage.kill_node(node)
    try:
        await plant.until(lambda: plant.followed_again(calls, at_ns), plant.lease_s + AGAIN_S)
    finally:
        await plant.start(node)
    return plant.well


async def _leader_kill(plant: FleetPlant, node: str, calls: frozenset[str]) -> Recovered:
    """While nobody follows the notifications a call begins."""
    at_ns = await plant.stage.kill_node(node)
    placed = (await plant.stage.simulator.place()).conversation_id
    try:
        await plant.until(lambda: plant.followed_again(calls | {placed}, at_ns), plant.lease_s + AGAIN_S)
    finally:
        await plant.start(node)

    async def recovered() -> bool:
        return await plant.leader() is not None and await plant.well()

    return recovered


async def _stop(plant: FleetPlant, node: str, _calls: frozenset[str]) -> Recovered:
    number = plant.striking
    plant.stage.stop_node(node)
    await asyncio.sleep(plant.lease_s + PAST_LEASE_S)
    plant.went_on_ns[number] = plant.stage.continue_node(node)
    return plant.well


async def _halt(plant: FleetPlant, node: str, _calls: frozenset[str]) -> Recovered:
    plant.stage.stop_node(node)
    await asyncio.sleep(SHORT * plant.lease_s)
    plant.stage.continue_node(node)
    return plant.well


async def _redis_kill(plant: FleetPlant, _node: str, _calls: frozenset[str]) -> Recovered:
    await plant.stage.redis.kill()
    await asyncio.sleep(WITHOUT_REDIS_S)
    await plant.stage.redis.start()
    return plant.well


async def _redis_stop(plant: FleetPlant, _node: str, _calls: frozenset[str]) -> Recovered:
    plant.stage.redis.signal(signal.SIGSTOP)
    await asyncio.sleep(SHORT * plant.lease_s)
    plant.stage.redis.signal(signal.SIGCONT)
    return plant.well


async def _redis_flush(plant: FleetPlant, _node: str, _calls: frozenset[str]) -> Recovered:
    await _say(plant, "FLUSHALL")
    seconds = plant.lease_s / 3 + 1  # every node has renewed, and found out
    over_s = time.monotonic() + seconds

    async def recovered() -> bool:
        return time.monotonic() > over_s and await plant.leader() is not None and await plant.well()

    return recovered


async def _say(plant: FleetPlant, command: str) -> None:
    """A command for Redis, by the address that the nodes have."""
    from redis.asyncio import Redis

    async with Redis.from_url(plant.stage.redis.url) as client:
        await client.execute_command(command)


def _away(how: Literal["stall", "mute", "cut"], leases: float, more_s: float = 0.0) -> Inject:
    """The node is parted from Redis for so long."""

    async def inject(plant: FleetPlant, node: str, _calls: frozenset[str]) -> Recovered:
        proxy = plant.proxies[node]
        if how == "cut":
            await proxy.cut()
        else:
            proxy.stall() if how == "stall" else proxy.mute()
        await asyncio.sleep(leases * plant.lease_s + more_s)
        await proxy.restore()
        return plant.well

    return inject


async def _drain(plant: FleetPlant, _node: str, _calls: frozenset[str]) -> Recovered:
    """Each drains once its successor is up; the next successor starts meanwhile."""
    leaving = plant.up
    await plant.start(plant.successor(leaving[0]))
    for name, following in zip_longest(leaving, leaving[1:]):
        async with asyncio.TaskGroup() as group:
            group.create_task(plant.drain(name))
            if following:
                group.create_task(plant.start(plant.successor(following)))
    return plant.well


_ONE = "every call is heard by one node, and every node is well"
_LED = f"{_ONE}; the new call, too, and another node leads"
_AGAIN = f"{_ONE}, and one leads"
KINDS: dict[str, FleetKind] = {
    kind.name: kind
    for kind in (
        FleetKind("node_kill", "SIGKILL to all of a node's processes; started again once its calls are followed", _ONE, "node", _kill, cuts=True, forgets=True),
        FleetKind("leader_kill", "the same to the node that follows the notifications, and meanwhile another call begins", _LED, "leader", _leader_kill, cuts=True, forgets=True),
        FleetKind("node_stop", "SIGSTOP to all of a node's processes until 2.5 s past the lease, then SIGCONT", _ONE, "node", _stop, cuts=True, stops=True),
        FleetKind("node_halt", "the same for 0.3 of a lease", _ONE, "node", _halt),
        FleetKind("redis_kill", "SIGKILL to Redis, a second without it, a start on its append-only file", _ONE, "redis", _redis_kill),
        FleetKind("redis_stop", "SIGSTOP to Redis for 0.3 of a lease", _ONE, "redis", _redis_stop),
        FleetKind("redis_flush", "FLUSHALL: Redis has forgotten everything", _AGAIN, "redis", _redis_flush, Allowed(meets=True)),
        FleetKind("redis_partition", "nothing passes between a node and Redis until 2.5 s past the lease", _ONE, "node", _away("stall", 1.0, PAST_LEASE_S), cuts=True),
        FleetKind("redis_mute", "Redis hears a node and the node does not hear Redis, for two leases and 2.5 s", _ONE, "node", _away("mute", 2.0, PAST_LEASE_S), Allowed(leases=2.0), cuts=True),
        FleetKind("redis_blip", "nothing passes between a node and Redis for 0.3 of a lease", _ONE, "node", _away("stall", SHORT)),
        FleetKind("redis_cut", "a node's connections to Redis break, and none is taken for 0.3 of a lease", _ONE, "node", _away("cut", SHORT)),
        FleetKind("node_drain", "each node in turn: another comes, SIGTERM, it hands over and goes", _ONE, "all", _drain, Allowed(meets=True), limit_s=120.0),
    )
}  # fmt: skip
