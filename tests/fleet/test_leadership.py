"""One leads; the others wait; who can't renew stops before another begins, and what it then offers is stale."""

import asyncio
from contextlib import asynccontextmanager

from pydantic import SecretStr

from engine.fleet.leadership import FleetLeadership
from engine.fleet.store import FleetStore
from engine.metrics import Metrics
from engine.options import FleetOptions
from tests.support.redis_server import redis_fixture  # noqa: F401 - a fixture

LEASE_S = 3.0


@asynccontextmanager
async def candidate(redis):
    store = FleetStore(FleetOptions(redis_url=SecretStr(redis.url), node="a", lease_s=LEASE_S))
    await store.begin()
    leading = FleetLeadership(store, LEASE_S, Metrics().fleet)
    task = asyncio.create_task(leading.run())
    try:
        yield store, leading
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await leading.stand_down()
        await store.close()


async def test_one_leads_and_another_follows_it_at_once(redis):
    async with asyncio.timeout(60), candidate(redis) as (_, first):
        epoch = await first.wait_to_lead()
        assert (first.epoch, first.lost.is_set()) == (epoch, False)
        async with candidate(redis) as (_, second):
            assert second.epoch is None
            assert second.lost.is_set()
            await first.stand_down()
            assert (first.epoch, first.lost.is_set()) == (None, True)
            assert await second.wait_to_lead() > epoch
            await asyncio.sleep(LEASE_S)  # it asks no more
            assert first.epoch is None


async def test_a_redis_that_is_away_for_long_ends_it_and_it_begins_anew(redis):
    async with asyncio.timeout(60), candidate(redis) as (store, leading):
        epoch = await leading.wait_to_lead()
        lost = leading.lost
        redis.freeze()
        await lost.wait()
        assert leading.epoch is None
        redis.thaw()
        later = await leading.wait_to_lead()
        assert leading.lost is not lost
        assert not leading.lost.is_set()
        assert later >= epoch, "the same where the lock outlived the loss"
        assert await store.offer("c", "notifications", epoch=later) == "offered"


async def test_another_that_took_the_lock_is_heeded(redis):
    async with asyncio.timeout(60), candidate(redis) as (store, leading):
        epoch = await leading.wait_to_lead()
        redis.ask("DEL", "{cueline:default}:leader")
        other = FleetStore(FleetOptions(redis_url=SecretStr(redis.url), node="b", lease_s=LEASE_S))
        taken = await other.lead(60)
        assert taken is not None
        assert taken > epoch
        await leading.lost.wait()
        assert await store.offer("c", "notifications", epoch=epoch) == "stale"
        await other.close()
