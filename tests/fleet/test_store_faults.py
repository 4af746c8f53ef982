"""What the store says and does when its Redis is absent, closed, old, a replica, full, frozen, or was killed."""

import asyncio

import pytest
from pydantic import SecretStr

from engine.errors import FleetError
from engine.fleet.store import FleetStore, Held
from engine.intake.past import Past
from engine.options import FleetOptions
from tests.support.redis_server import redis_server


def store_of(url: str, **settings: object) -> FleetStore:
    return FleetStore(FleetOptions(redis_url=url, node="a", **settings))


async def refused(url: str, **settings: object) -> FleetError:
    """What `begin` says, which never holds the address or the password."""
    store = store_of(url, **settings)
    with pytest.raises(FleetError) as caught:
        await store.begin()
    await store.close()
    assert "redis://" not in str(caught.value)
    assert "hush" not in str(caught.value)
    return caught.value


async def test_nobody_listens():
    error = await refused("redis://:hush@127.0.0.1:1/0")
    assert error.kind == "unreachable"
    assert str(error).startswith("Redis at 127.0.0.1:1 can't be reached (connection refused: is it running there?)")


async def test_passwords(tmp_path):
    with redis_server(tmp_path, password="hush-hush") as redis:
        bare = redis.url.replace(":hush-hush@", "")
        error = await refused(bare)
        assert (error.kind, "CUELINE_REDIS_PASSWORD" in str(error)) == ("refused", True)
        error = await refused(bare, redis_password=SecretStr("hush"))
        assert (error.kind, "password" in str(error)) == ("refused", True)
        for store in (store_of(redis.url), store_of(bare, redis_password=SecretStr("hush-hush"))):
            await store.begin()
            await store.close()


async def test_a_socket_file(tmp_path):
    with redis_server(tmp_path, unix=True) as redis:
        store = store_of(redis.url)
        await store.begin()
        assert store.where == str(redis.path)
        await store.close()


async def test_a_user_without_rights(tmp_path):
    with redis_server(tmp_path) as redis:
        redis.ask("ACL", "SETUSER", "reader", "on", ">word", "~*", "+@read", "+info", "+command", "+client", "+hello")
        error = await refused(redis.url.replace("redis://", "redis://reader:word@"))
        assert (error.kind, "rights" in str(error)) == ("refused", True)


async def test_one_that_lacks_a_command(tmp_path):
    with redis_server(tmp_path, options={"rename-command": "XAUTOCLAIM NONE"}) as redis:
        error = await refused(redis.url)
    assert error.kind == "old"
    assert "lacks XAUTOCLAIM: a fleet needs Redis 6.2 or newer" in str(error)


async def test_a_replica(tmp_path):
    with redis_server(tmp_path / "one") as primary:
        options = {"replicaof": f"127.0.0.1 {primary.port}"}
        with redis_server(tmp_path / "two", options=options) as replica:
            error = await refused(replica.url)
            assert (error.kind, "primary" in str(error)) == ("readonly", True)
            store = store_of(replica.url)
            async with asyncio.timeout(20):
                while "master_link_status:up" not in replica.ask("INFO", "replication"):
                    await asyncio.sleep(0.01)
            with pytest.raises(FleetError) as caught:
                await store.offer("c", "api")
            assert caught.value.kind == "readonly"
            await store.close()


async def test_out_of_memory_no_offer_gets_in_but_leases_hold(tmp_path):
    with redis_server(tmp_path) as redis:
        store = store_of(redis.url)
        await store.begin()
        await store.offer("c", "api")
        (offer,) = await store.take(1, 0)
        redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        redis.ask("CONFIG", "SET", "maxmemory", "1mb")
        for asked in (store.offer("d", "api"), store.claim_effect("c", "external", "r", "k", 1)):
            with pytest.raises(FleetError) as caught:
                await asked
            assert (caught.value.kind, "memory" in str(caught.value)) == ("full", True)
        held = Held(offer.entry, "c", Past(10, store.clock.moment()))
        renewal = await store.renew([held], b"{}")
        assert (renewal.lost, renewal.missing) == ({}, set())
        assert (await store.view()).calls == 1
        assert await store.settle(offer.entry, "c") is True
        redis.ask("CONFIG", "SET", "maxmemory", "0")
        assert await store.offer("d", "api") == "offered"
        await store.close()


async def test_killed_and_restarted_with_its_log_it_has_everything(tmp_path):
    with redis_server(tmp_path, aof=True) as redis:
        store = store_of(redis.url)
        await store.begin()
        for name in ("c", "d"):
            await store.offer(name, "api")
        (offer,) = await store.take(1, 0)
        redis.kill()
        with pytest.raises(FleetError) as caught:
            await store.renew([Held(offer.entry, "c", None)], b"{}")
        assert caught.value.kind == "unreachable"
        redis.start()
        renewal = await store.renew([Held(offer.entry, "c", None)], b"{}")  # by EVAL: it knows no scripts any more
        assert (renewal.lost, renewal.missing) == ({}, set())
        assert [each.conversation_id for each in await store.take(5, 0)] == ["d"]
        assert await store.offer("c", "api") == "known"
        await store.close()


async def test_a_frozen_one_is_an_error_in_time_and_serves_again(tmp_path):
    with redis_server(tmp_path) as redis:
        store = store_of(redis.url, lease_s=1.0)  # a third of it for an answer
        await store.begin()
        redis.freeze()
        with pytest.raises(FleetError, match=r"no answer in 0\.33") as caught:
            await store.offer("c", "api")
        assert caught.value.kind == "unreachable"
        redis.thaw()
        assert await store.offer("c", "api") in ("offered", "known"), "it may have been done"
        assert [offer.conversation_id for offer in await store.take(5, 0)] == ["c"]
        await store.close()


async def test_ten_thousand_offers_at_once_go_to_three_who_have_room(tmp_path):
    with redis_server(tmp_path) as redis:
        stores = [store_of(redis.url) for _ in range(3)]
        for store in stores:
            await store.begin()
        calls = [f"c{number}" for number in range(10_000)]

        async def some(mine: list[str]) -> list[str]:
            return [await stores[0].offer(call, "api") for call in mine]

        states = await asyncio.gather(*(some(calls[first::4]) for first in range(4)))
        assert {state for part in states for state in part} == {"offered"}
        assert (await stores[0].view()).waiting == 10_000

        async def reader(store: FleetStore) -> list[str]:
            found: list[str] = []
            while len(found) < 3000:
                found += [offer.conversation_id for offer in await store.take(min(16, 3000 - len(found)), 0)]
            return found

        read = [call for part in await asyncio.gather(*(reader(store) for store in stores)) for call in part]
        assert len(read) == len(set(read)) == 9000
        view = await stores[1].view()
        assert (view.waiting, view.calls) == (1000, 9000), "what nobody has room for waits"
        for store in stores:
            await store.close()
