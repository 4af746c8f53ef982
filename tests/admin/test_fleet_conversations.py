"""`/v1/conversations` in a fleet: what is said where Redis does not do what was asked, and where nobody has the call."""

from contextlib import asynccontextmanager

import pytest

from engine.fleet.offers import FleetOffers
from engine.fleet.store import FleetStore
from engine.options import FleetOptions
from tests.support.admin import running
from tests.support.redis_server import redis_server

ADDRESS = "/v1/conversations"
ONE = {"conversation_id": "c"}


@asynccontextmanager
async def fleet(url: str, *here: str):
    """The API of a node that follows `here` itself."""
    store = FleetStore(FleetOptions(redis_url=url, node="a"))
    followed = set(here)

    async def remove(conversation_id: str) -> bool:
        found = conversation_id in followed
        followed.discard(conversation_id)
        return found

    offers = FleetOffers(store, lambda _: True, remove, lambda: None)
    async with running(offers=offers) as admin:
        yield admin, offers
    await store.close()


async def refused(answer, reason: str, detail: str) -> None:
    async with answer as got:
        told = await got.json()
        assert (got.status, told["reason"], got.headers["Retry-After"]) == (503, reason, "5")
        assert detail in told["detail"]
        assert "hush" not in told["detail"]


def counted(admin, reason: str) -> float | None:
    return admin.metrics.registry.get_sample_value("cueline_conversations_refused_total", {"reason": reason})


async def test_redis_is_away():
    async with fleet("redis://:hush@127.0.0.1:1", "mine") as (admin, _):
        why = "Redis at 127.0.0.1:1 can't be reached (connection refused"
        await refused(admin.http.post(ADDRESS, json=ONE), "unreachable", why)
        await refused(admin.http.delete(f"{ADDRESS}/c"), "unreachable", why)
        async with admin.http.delete(f"{ADDRESS}/mine") as answer:
            assert answer.status == 204, "it was followed here"
        assert (counted(admin, "redis"), counted(admin, "capacity")) == (1, None)


async def test_redis_is_full(tmp_path):
    with redis_server(tmp_path) as redis:
        redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        redis.ask("CONFIG", "SET", "maxmemory", "1kb")
        async with fleet(redis.url) as (admin, _):
            await refused(admin.http.post(ADDRESS, json=ONE), "full", "it is out of memory: raise maxmemory")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_redis_is_a_replica(tmp_path, method):
    with redis_server(tmp_path) as redis:
        async with fleet(redis.url) as (admin, offers):
            assert await offers.offer("c", "api") == "offered"
            redis.ask("REPLICAOF", "127.0.0.1", "1")
            asked = admin.http.post(ADDRESS, json={"conversation_id": "d"})
            if method == "DELETE":
                asked.close()
                asked = admin.http.delete(f"{ADDRESS}/c")
            await refused(asked, "readonly", "it is a replica")


async def test_nobody_has_it(tmp_path):
    with redis_server(tmp_path) as redis:
        async with fleet(redis.url) as (admin, _):
            async with admin.http.delete(f"{ADDRESS}/c") as answer:
                assert (answer.status, (await answer.json())["detail"]) == (
                    404,
                    "no node of the fleet has this conversation",
                )
            async with admin.http.get(f"{ADDRESS}/c") as answer:
                assert (answer.status, "this engine follows no such" in (await answer.json())["detail"]) == (404, True)
