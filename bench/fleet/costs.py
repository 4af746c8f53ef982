"""One lease period of a fleet's nodes, as they live it, and what Redis counts of it.

In a lease period a node renews three times, looks for lapsed calls every half second, reads offers every half second, and in
each call one phrase is spotted. Operations are all that Redis executed, those within scripts and the scripts themselves too
(INFO commandstats), so the figure is the same on every machine.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from engine.fleet.store import FleetStore, Held
from engine.intake.past import Past
from engine.options import FleetOptions
from engine.redis_client import RedisClient, open_redis

LEASE_S = 10.0
RENEWALS = 3
LOOKS = 20  # a node with room looks every half second


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one lease period."""

    nodes: int
    calls: int  # of each node
    operations: float  # per call: renewals, looks, reads
    effect_operations: float  # of one phrase
    renewal_ms: float  # a node's processor, one renewal of all its calls
    renewal_redis_ms: float  # Redis' processor, the same
    effect_us: float  # Redis' processor, one phrase
    redis_s: float  # Redis' processor, the whole period


def store_at(url: str, node: str = "n") -> FleetStore:
    """A node's store."""
    return FleetStore(FleetOptions(redis_url=SecretStr(url), node=node, lease_s=LEASE_S))


async def period(url: str, nodes: int, calls: int) -> Cost:
    """One lease period of so many nodes with so many calls each, on a fresh Redis."""
    stores = [store_at(url, f"n{number}") for number in range(nodes)]
    watch = open_redis(SecretStr(url))
    held = [await _filled(store, calls) for store in stores]
    await watch.run("CONFIG", "RESETSTAT")
    begun = await _processor(watch)
    node_s, redis_s = await _renewals(stores, held, watch)
    for store in stores:
        for _ in range(LOOKS):
            await store.claim_lapsed(16)
            await store.take(16, 0)
    coordination, before = await _operations(watch), await _processor(watch)
    for store, mine in zip(stores, held, strict=True):
        for call in mine:
            await store.claim_effect(call.conversation_id, "external", "rule", call.entry, 1000)
    now, all_calls, renewals = await _processor(watch), nodes * calls, nodes * RENEWALS
    cost = Cost(
        nodes=nodes,
        calls=calls,
        operations=coordination / all_calls,
        effect_operations=(await _operations(watch) - coordination) / all_calls,
        renewal_ms=1000 * node_s / renewals,
        renewal_redis_ms=1000 * redis_s / renewals,
        effect_us=1e6 * (now - before) / all_calls,
        redis_s=now - begun,
    )
    for store in stores:
        await store.close()
    await watch.close()
    return cost


async def _filled(store: FleetStore, calls: int) -> list[Held]:
    await store.begin()
    for number in range(calls):
        state = await store.offer(f"{store.consumer}-{number}", "api")
        assert state == "offered", state
    offers = await store.take(calls, 0)
    assert len(offers) == calls
    return [Held(offer.entry, offer.conversation_id, Past(1000, store.clock.moment())) for offer in offers]


async def _renewals(
    stores: Sequence[FleetStore], held: Sequence[Sequence[Held]], watch: RedisClient
) -> tuple[float, float]:
    """Processor seconds of this process and of Redis."""
    redis_s, node_s = await _processor(watch), time.process_time()
    for _ in range(RENEWALS):
        for store, mine in zip(stores, held, strict=True):
            renewal = await store.renew(mine, b'{"calls": 1}')
            assert not renewal.lost
            assert not renewal.missing
    return time.process_time() - node_s, await _processor(watch) - redis_s


async def _info(watch: RedisClient, section: str) -> dict[str, str]:
    lines = (await watch.run("INFO", section)).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


async def _operations(watch: RedisClient) -> int:
    """All that were executed but our own looks."""
    stats = await _info(watch, "commandstats")
    rows = {name: int(row.split("calls=")[1].split(",")[0]) for name, row in stats.items()}
    return sum(count for name, count in rows.items() if name not in ("cmdstat_info", "cmdstat_config|resetstat"))


async def _processor(watch: RedisClient) -> float:
    """Seconds that Redis has used."""
    cpu = await _info(watch, "cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])
