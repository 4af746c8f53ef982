"""How a node takes offers, or doesn't: a real Redis, a host that refuses, hears and ends as the test wants it."""

import asyncio

import pytest

from engine.fleet.calls import TAKEN_MAX
from engine.fleet.handing import _offer
from engine.fleet.offers import FleetOffers
from tests.support.fleet_hosts import Host, comes, key, member, owning, quarantined
from tests.support.redis_server import redis_fixture  # noqa: F401 - a fixture

QUICK_S = 1.0  # a lease for what has to lapse


async def test_a_call_refused_for_lack_of_room_is_given_back_and_another_takes_it(redis):
    async with member(redis, "one", Host(refuses="capacity")) as one:
        await one.store.offer("c", "api")
        await comes(lambda: one.host.refused)
        async with member(redis, "two") as two:
            await comes(lambda: two.host.began == ["c"])
            assert one.call() is None
            assert two.call().entry == owning(redis)


async def test_a_call_that_no_node_has_room_for_waits_and_is_not_taken_for_poison(redis):
    hosts = [Host(refuses="capacity"), Host(refuses="capacity")]
    async with member(redis, "one", hosts[0], lease_s=QUICK_S) as one, member(redis, "two", hosts[1], lease_s=QUICK_S):
        await one.store.offer("c", "api")
        await comes(lambda: sum(host.refused for host in hosts) > TAKEN_MAX + 1, 30)
        hosts[1].refuses = None
        await comes(lambda: hosts[1].began == ["c"])
        assert not quarantined(redis)


async def test_an_offer_that_no_node_can_ever_take_waits_until_it_is_withdrawn(redis):
    async with member(redis, "one", Host(places=0)) as one:
        await one.store.offer("c", "api")
        await one.renewed()
        view = await one.store.view()
        assert (view.waiting, view.calls, one.node.state) == (1, 0, "full")
        assert await one.store.withdraw("c") == "withdrawn"
        assert (await one.store.view()).waiting == 0
        one.host.places = 1
        await one.store.offer("d", "api")
        await comes(lambda: one.host.began)
        assert one.host.began == ["d"]


async def test_a_quarantined_call_is_kept_from_the_whole_fleet(redis):
    async with member(redis, "one", Host(refuses="quarantined")) as one, member(redis, "two", runs=False) as two:
        await one.store.offer("c", "api")
        await comes(lambda: quarantined(redis))
        assert owning(redis) == "-1"
        assert await two.store.offer("c", "api") == "quarantined"
        assert one.host.refused == 1


async def test_a_call_with_an_impossible_name_is_settled(redis):
    async with member(redis, "one", Host(refuses="invalid")) as one:
        await one.store.offer("c", "api")
        await comes(lambda: one.host.refused and owning(redis) == "-1")
        assert not quarantined(redis)
        assert redis.ask("XLEN", key("offers")) == "0"


@pytest.mark.parametrize("reason", ["ended", "not_found", "no_voice"])
async def test_an_offer_of_an_ended_call_is_settled_and_not_offered_around(redis, reason):
    async with member(redis, "one", Host(hears=False)) as one:
        await one.store.offer("c", "api")
        await comes(one.call)
        async with member(redis, "two") as two:
            one.host.leave("c", reason)
            await comes(lambda: owning(redis) == "-1")
            assert (len(one.node.calls), two.host.began) == (0, [])
            assert await two.store.offer("c", "api") == "offered", "it may be offered again"


async def test_a_call_that_fails_on_node_after_node_is_kept_from_all(redis):
    """Each node that takes it can't go on with it: five times, then nobody is to try."""
    hosts = [Host(hears=False), Host(hears=False)]
    async with member(redis, "one", hosts[0], lease_s=QUICK_S) as one, member(redis, "two", hosts[1], lease_s=QUICK_S):
        await one.store.offer("c", "api")
        async with asyncio.timeout(30):
            while not quarantined(redis):
                for host in hosts:
                    if "c" in host.calls:
                        host.leave("c", "error")
                await asyncio.sleep(0.01)
        assert sum(len(host.began) for host in hosts) == TAKEN_MAX
        assert await one.store.offer("c", "api") == "quarantined"


async def test_a_call_that_kills_node_after_node_is_kept_from_all(redis):
    """Nobody says anything of these: they are gone with what they had."""
    async with member(redis, "last", Host(places=0), lease_s=QUICK_S) as last:
        await last.store.offer("c", "api")
        for number in range(TAKEN_MAX):
            async with member(redis, f"n{number}", runs=False, lease_s=QUICK_S) as dying:
                offers = await dying.store.take(1, 0)
                async with asyncio.timeout(10):
                    while not offers:
                        offers = await dying.store.claim_lapsed(1)
                        await asyncio.sleep(0.02)
                assert offers[0].taken == number + 1
        last.host.places = 1
        await comes(lambda: quarantined(redis))
        assert last.host.began == []


async def test_a_withdrawn_call_is_let_go_by_the_node_that_has_it(redis):
    async with member(redis, "one") as one, member(redis, "two", runs=False) as two:
        await one.store.offer("c", "api")
        await comes(one.call)

        async def nothing_here(_conversation_id: str) -> bool:
            return False

        offers = FleetOffers(two.store, lambda _: True, nothing_here, lambda: None)
        assert await offers.withdraw("c") is True
        assert await offers.withdraw("unknown") is False
        await one.renewed()
        await comes(lambda: one.host.left == [("c", "removed")])
        await comes(lambda: owning(redis) == "-1")
        assert redis.ask("ZCARD", key("withdrawn")) == "0"
        assert await two.store.offer("c", "api") == "offered"


async def test_a_call_withdrawn_in_a_handover_is_let_go_by_both(redis):
    async with member(redis, "one") as one:
        await one.store.offer("c", "api")
        await comes(one.call)
        await one.node.read_no_more()
        async with member(redis, "two", Host(hears=False)) as two:
            assert await _offer(one.node, one.call())
            await comes(two.call)
            assert two.call().phase == "coming"
            assert await two.store.withdraw("c") == "asked"
            await one.renewed()
            await two.renewed()
            await comes(lambda: not one.host.calls)
            await two.renewed()
            await comes(lambda: not two.host.calls)
            assert one.host.left == [("c", "removed")]
            await comes(lambda: owning(redis) == "-1" and redis.ask("XLEN", key("offers")) == "0")
