"""What becomes of calls that a node had to let go while Redis was away for longer than the lease, and came back empty."""

from tests.support.cutting_proxy import cutting_proxy
from tests.support.fleet_hosts import comes, key, member, owning
from tests.support.redis_server import redis_fixture  # noqa: F401 - a fixture

LEASE_S = 2.0


async def test_a_fenced_call_that_redis_has_forgotten_is_offered_again(redis):
    async with (
        cutting_proxy(redis.port) as proxy,
        member(f"redis://127.0.0.1:{proxy.port}/0", "one", lease_s=LEASE_S) as one,
    ):
        await one.store.offer("c", "api")
        await comes(one.call)
        await proxy.cut()
        await comes(lambda: one.host.left == [("c", "fenced")])
        redis.ask("FLUSHALL")
        await proxy.restore()
        await comes(one.call, 30)
        await comes(lambda: one.call().entry == owning(redis))
        assert one.host.began == ["c", "c"]


async def test_one_that_has_ended_meanwhile_is_not(redis):
    async with (
        cutting_proxy(redis.port) as proxy,
        member(redis, "two", runs=False, lease_s=LEASE_S) as two,
        member(f"redis://127.0.0.1:{proxy.port}/0", "one", lease_s=LEASE_S) as one,
    ):
        await one.store.offer("c", "api")
        await comes(one.call)
        await proxy.cut()
        await comes(lambda: one.host.left == [("c", "fenced")])
        lapsed = []
        while not lapsed:
            lapsed = await two.store.claim_lapsed(1)
        assert await two.store.settle(lapsed[0].entry, "c")
        await proxy.restore()
        await two.store.offer("d", "api")
        await comes(lambda: one.call("d"), 30)
        await comes(one.node.chores._owed.empty)
        assert one.host.began == ["c", "d"]
        assert redis.ask("HGET", key("calls"), "c") == "-1"


async def test_a_new_offers_wait_is_counted_a_takeovers_is_not(redis):
    async with member(redis, "one", runs=False, lease_s=LEASE_S) as one, member(redis, "two", lease_s=LEASE_S) as two:
        await two.store.offer("new", "api")
        await comes(lambda: two.call("new"))
        await one.store.offer("lost", "api")
        await comes(lambda: two.call("lost"))
        two.host.leave("lost", "drained")  # given back, so that it is claimed anew
        await comes(lambda: two.host.began.count("lost") == 2, 30)
        assert two.metric("cueline_fleet_claims_total") == 3
        assert two.metric("cueline_fleet_offer_wait_seconds_count") == 2
