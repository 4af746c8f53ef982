"""How a node keeps its calls, and gives them away: Redis away, empty, back; a node over its limit; what Redis is owed."""

import asyncio
from functools import partial

import pytest

from engine.errors import FleetError
from engine.fleet import handing
from engine.fleet.chores import Chores
from engine.fleet.handing import hand_all_over, relieve
from engine.fleet.store import Held
from tests.support.cutting_proxy import cutting_proxy
from tests.support.fleet_hosts import Host, comes, key, member, owning
from tests.support.redis_server import redis_fixture  # noqa: F401 - a fixture

QUICK_S = 2.0  # a lease for what has to lapse


async def follows(one, *conversation_ids):
    for conversation_id in conversation_ids:
        await one.store.offer(conversation_id, "api")
    await comes(lambda: all(one.call(each) for each in conversation_ids))


async def test_a_node_reads_its_own_offer_back_after_redis_lost_all_and_keeps_the_call(redis):
    async with member(redis, "one") as one:
        await follows(one, "c")
        before = one.call().entry
        redis.ask("FLUSHALL")
        await one.renewed()
        await comes(lambda: one.call().entry != before and not one.call().adopting)
        assert (one.call().entry, one.call().phase) == (owning(redis), "ours")
        await one.renewed()
        assert (one.host.began, one.host.left, one.call().lost_at) == (["c"], [], 0)
        assert redis.ask("HLEN", key("handovers")) == "0"


async def test_a_call_offered_anew_by_others_before_its_node_knew_of_the_loss_is_kept_without_a_gap(redis):
    async with member(redis, "one") as one, member(redis, "two", runs=False) as two:
        await follows(one, "c")
        redis.ask("FLUSHALL")
        assert await two.store.offer("c", "api") == "offered"
        await comes(lambda: redis.ask("XLEN", key("offers")) == "1" and one.call().entry == owning(redis))
        await one.renewed()
        await one.renewed()
        assert (one.call().phase, one.host.began, one.host.left) == ("ours", ["c"], [])


async def test_calls_outlive_a_redis_that_is_away_for_less_than_the_lease(redis):
    async with cutting_proxy(redis.port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        async with member(url, "one") as one:
            await follows(one, "c", "d")
            await proxy.cut()
            one.node.renewing.hurry()
            await comes(lambda: one.metric("cueline_fleet_redis_up") == 0)
            assert (one.node.following.ready, one.node.state) == (True, "ready")
            await proxy.restore()
            await one.renewed()
            await comes(lambda: one.metric("cueline_fleet_redis_up") == 1)
            assert (one.host.left, one.metric("cueline_fleet_fenced_total")) == ([], 0)
            await follows(one, "e")


async def test_calls_are_let_go_when_redis_is_away_for_longer_and_taken_again_when_it_is_back(redis):
    async with (
        cutting_proxy(redis.port) as proxy,
        member(f"redis://127.0.0.1:{proxy.port}/0", "one", lease_s=QUICK_S) as one,
    ):
        await follows(one, "c", "d")
        await proxy.cut()
        await comes(lambda: not one.host.calls)
        assert sorted(one.host.left) == [("c", "fenced"), ("d", "fenced")]
        assert one.metric("cueline_fleet_fenced_total") == 2
        await comes(lambda: one.node.state == "fenced")
        assert not one.node.following.ready
        await proxy.restore()
        await comes(lambda: len(one.host.calls) == 2)
        assert one.node.state == "ready"
        assert {one.call(each).entry for each in "cd"} == {owning(redis, each) for each in "cd"}


async def test_a_frozen_redis_is_as_one_that_is_away(redis):
    async with member(redis, "one", lease_s=QUICK_S) as one:
        await follows(one, "c")
        redis.freeze()
        try:
            await comes(lambda: one.host.left == [("c", "fenced")])
        finally:
            redis.thaw()
        await comes(lambda: one.host.began == ["c", "c"])


async def test_a_call_that_ended_while_redis_was_away_is_settled_when_it_is_back(redis):
    async with cutting_proxy(redis.port) as proxy, member(f"redis://127.0.0.1:{proxy.port}/0", "one") as one:
        await follows(one, "c")
        await proxy.cut()
        one.host.leave("c", "ended")
        one.node.renewing.hurry()
        await comes(lambda: one.metric("cueline_fleet_redis_up") == 0)
        assert owning(redis) != "-1"
        await proxy.restore()
        await comes(lambda: owning(redis) == "-1")
        assert redis.ask("XLEN", key("offers")) == "0"


async def test_what_redis_is_owed_is_told_in_order_and_again_until_it_is_taken_or_pointless(monkeypatch):
    monkeypatch.setattr("engine.fleet.chores.RETRY_S", 0.001)
    told, faults = [], {"first": 3, "never": 10**9, "last": 0}

    async def tell(name):
        told.append(name)
        if faults[name]:
            faults[name] -= 1
            raise FleetError("away", "unreachable")

    patient, hasty = Chores(60), Chores(0)
    for chores, name in ((patient, "first"), (patient, "last"), (hasty, "never"), (hasty, "last")):
        chores.owe(partial(tell, name))
    for chores in (patient, hasty):
        running = asyncio.create_task(chores.run())
        await chores.done(10)
        running.cancel()
    assert told == ["first"] * 4 + ["last", "never", "last"]


async def test_waiting_for_what_is_owed_has_an_end():
    chores = Chores(60)
    chores.owe(partial(asyncio.sleep, 3600))
    running = asyncio.create_task(chores.run())
    await chores.done(0.01)
    running.cancel()


@pytest.fixture
def hurried(monkeypatch):
    """Seconds of a node's patience with its load become tenths."""
    for name, value in (("OVER_S", 1.0), ("OFFER_S", 1.0), ("REST_S", 0.5)):
        monkeypatch.setattr(handing, name, value)


async def test_a_node_over_its_limit_hands_the_youngest_call_over(redis, hurried):
    async with member(redis, "one") as one:
        await follows(one, "old")
        await follows(one, "young")
        one.host.load_now = 0.95
        relieving = asyncio.create_task(relieve(one.node, 0.9))
        await comes(lambda: not one.node.taking.reading)
        async with member(redis, "two") as two:
            await comes(lambda: two.call("young") and two.call("young").phase == "ours")
            one.host.load_now = 0.5
            await comes(lambda: one.host.left == [("young", "handed_over")])
            assert two.metric("cueline_fleet_handovers_total", direction="in") == 1
            assert one.metric("cueline_fleet_handovers_total", direction="out") == 1
            await comes(lambda: one.node.taking.reading)
            assert (set(one.host.calls), set(two.host.calls)) == ({"old"}, {"young"})
        relieving.cancel()


async def test_a_call_that_nobody_wants_is_taken_back(redis, hurried):
    async with member(redis, "one") as one:
        await follows(one, "old")
        await follows(one, "young")
        one.host.load_now = 0.95
        relieving = asyncio.create_task(relieve(one.node, 0.9))
        await comes(lambda: one.call("young").phase == "offered")
        await comes(lambda: one.call("young").phase == "ours")
        assert redis.ask("HLEN", key("handovers")) == "0"
        assert redis.ask("XLEN", key("offers")) == "2"
        one.host.load_now = 0.0
        relieving.cancel()
        await one.renewed()
        assert (one.call("young").entry, one.host.left) == (owning(redis, "young"), [])


async def test_a_handover_whose_taker_never_hears_is_had_by_its_holder_still(redis, hurried):
    async with member(redis, "one") as one, member(redis, "two", Host(hears=False), runs=False) as two:
        await follows(one, "c")
        await one.node.read_no_more()
        draining = asyncio.create_task(hand_all_over(one.node))
        await comes(lambda: one.call().phase == "offered")
        (coming,) = await two.store.take(1, 1)
        assert await two.store.settle(coming.entry, "c"), "it could not hear it"
        await asyncio.sleep(0)
        assert owning(redis) == one.call().entry
        await comes(lambda: redis.ask("HLEN", key("handovers")) == "1")  # it offers it again
        (coming,) = await two.store.take(1, 5)
        assert coming.holder == one.store.consumer
        assert await two.store.took_over(coming)
        await asyncio.wait_for(draining, 12)
        assert one.host.left == [("c", "handed_over")]


async def test_a_withdrawn_handover_is_let_go_by_its_taker(redis):
    async with member(redis, "one") as one:
        await follows(one, "c")
        await one.node.read_no_more()
        async with member(redis, "two", Host(hears=False)) as two:
            assert await handing._offer(one.node, one.call())
            await comes(two.call)
            await handing._take_back(one.node, one.call())
            await two.renewed()
            await comes(lambda: two.host.left == [("c", "handed_over")])
            await one.renewed()
            assert (one.call().phase, one.call().entry) == ("ours", owning(redis))


async def test_a_node_that_has_left_is_seen_no_more_however_long_its_process_lives(redis):
    async with member(redis, "one") as one, member(redis, "two", runs=False) as two:
        await one.renewed()
        one.node.renewing.hurry()
        await one.node.leave()
        for _ in range(5):
            one.node.renewing.hurry()
            await asyncio.sleep(0.05)
        assert [node.name for node in (await two.store.view()).nodes] == ["two"]


async def test_a_holder_that_dies_in_a_handover_leaves_the_call_to_its_taker(redis):
    async with member(redis, "one", runs=False, lease_s=QUICK_S) as one:
        await one.store.offer("c", "api")
        (offer,) = await one.store.take(1, 5)
        assert await one.store.hand_over(Held(offer.entry, "c", None))
        async with member(redis, "two", Host(hears=False), lease_s=QUICK_S) as two:
            await comes(two.call)
            two.host.hear("c")
            await comes(lambda: two.call() and two.call().phase == "ours")
            assert two.call().entry == owning(redis)
            assert redis.ask("XLEN", key("offers")) == "1"


@pytest.mark.parametrize(("reason", "taken"), [("drained", 1), ("unreachable", 2)])
async def test_a_drain_says_nothing_of_a_call_that_is_given_back(redis, reason, taken):
    async with member(redis, "one") as one, member(redis, "two", runs=False) as two:
        await one.store.offer("c", "api")
        await comes(lambda: one.call("c"))
        one.host.leave("c", reason)
        offers = []
        while not offers:
            offers = await two.store.claim_lapsed(1)
        assert offers[0].taken == taken
