"""The store on a real Redis: every race that its scripts decide. Leases are long; what lapses here is made old in Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from engine.errors import ConfigError
from engine.fleet.store import FleetStore, Held, Offer
from engine.intake.past import Past
from engine.options import FleetOptions
from tests.support.redis_server import Redis, redis_fixture  # noqa: F401 - a fixture

LEASE_S = 60.0


class Nodes:
    """Stores by node names, all of one fleet."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._stack = AsyncExitStack()

    async def __call__(self, node: str, **settings: object) -> FleetStore:
        instance = settings.pop("instance", None)
        options = FleetOptions(redis_url=self.redis.url, node=node, **{"lease_s": LEASE_S, **settings})
        store = FleetStore(options, instance=instance)
        self._stack.push_async_callback(store.close)
        await store.begin()
        return store

    async def close(self) -> None:
        await self._stack.aclose()

    def lose(self) -> None:
        """Redis loses all. Entries are named by the millisecond, so new ones differ from what was lost from the next one on."""
        lost_ms = self.now_ms()
        self.redis.ask("FLUSHALL")
        while self.now_ms() <= lost_ms:
            pass

    def now_ms(self) -> int:
        script = "local t = redis.call('TIME') return t[1] * 1000 + math.floor(t[2] / 1000)"
        return int(self.redis.ask("EVAL", script, "0"))

    async def lapse(self, store: FleetStore) -> None:
        """It was not heard of for a lease, and renewed nothing."""
        client = self.redis.client()
        key = f"{{cueline:{store._options.name}}}:"
        await client.run("ZADD", f"{key}seen", 1, store.consumer)
        for entry, *_ in await client.run("XPENDING", f"{key}offers", "nodes", "-", "+", 10_000, store.consumer):
            await client.run(
                *("XCLAIM", f"{key}offers", "nodes", store.consumer, 0, entry, "IDLE", 10**7, "RETRYCOUNT", 1, "JUSTID")
            )
        await client.close()


@pytest.fixture
async def nodes(redis: Redis) -> AsyncIterator[Nodes]:
    them = Nodes(redis)
    yield them
    await them.close()


async def taken(store: FleetStore, conversation_id: str = "c") -> Offer:
    assert await store.offer(conversation_id, "api") == "offered"
    (offer,) = await store.take(1, 0)
    assert offer.conversation_id == conversation_id
    return offer


def held(offer: Offer, past: Past | None = None) -> Held:
    return Held(offer.entry, offer.conversation_id, past)


async def test_an_offer_is_taken_by_one_and_known_until_it_is_settled(nodes):
    a, b = await nodes("a"), await nodes("b")
    assert await a.offer("c", "api") == "offered"
    assert await b.offer("c", "notifications") == "known"
    (offer,) = await b.take(5, 0)
    assert (offer.conversation_id, offer.source, offer.taken, offer.holder, offer.past) == ("c", "api", 1, None, None)
    assert abs(offer.offered_at_s - b.clock.moment().boot_s) < 20, "by Redis' clock"
    assert await a.take(5, 0) == []
    assert await a.offer("c", "api") == "known"
    assert await a.settle(offer.entry, "c") is False, "not its call"
    assert await b.settle(offer.entry, "c") is True
    assert await b.settle(offer.entry, "c") is False
    assert await a.offer("c", "api") == "offered", "a call may come back"


async def test_offers_are_read_only_as_far_as_asked_and_each_once(nodes):
    a, b = await nodes("a"), await nodes("b")
    for number in range(10):
        await a.offer(f"c{number}", "api")
    first, second = await asyncio.gather(a.take(4, 0), b.take(4, 0))
    rest = await a.take(4, 0)
    assert sorted(offer.conversation_id for offer in (*first, *second, *rest)) == [f"c{number}" for number in range(10)]
    assert (len(first), len(second), len(rest)) == (4, 4, 2)


async def test_who_waits_gets_the_offer_when_it_comes(nodes):
    a, b = await nodes("a"), await nodes("b")
    waiting = asyncio.create_task(b.take(1, 30))
    await a.offer("c", "static", past=Past(1200, a.clock.at(1000.5)))
    (offer,) = await waiting
    assert offer.past == Past(1200, b.clock.at(1000.5))
    assert await b.take(1, 0.01) == []


async def test_renewal_keeps_and_says_what_is_not_ours(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    renewal = await a.renew([held(offer, Past(500, a.clock.moment()))], b"{}")
    assert (renewal.lost, renewal.moved, renewal.missing, renewal.withdrawn) == ({}, set(), set(), set())
    await nodes.lapse(a)
    (again,) = await b.claim_lapsed(5)
    assert (again.entry, again.taken, again.holder) == (offer.entry, 2, None)
    assert again.past is not None
    assert again.past.position_ms == 500, "where its audio was at the last renewal"
    assert (await a.renew([held(offer)], b"{}")).lost == {offer.entry: b.consumer}
    assert await a.settle(offer.entry, "c") is False
    assert await b.settle(offer.entry, "c") is True
    assert (await a.renew([held(offer)], b"{}")).lost == {offer.entry: ""}, "it has ended elsewhere"


async def test_many_are_renewed_at_once_and_one_that_was_deleted_is_missing(nodes):
    a, b = await nodes("a"), await nodes("b")
    for number in range(2500):
        await a.offer(f"c{number}", "api")
    offers = await a.take(2500, 0)
    everything = [held(offer, Past(number, a.clock.at(1.0))) for number, offer in enumerate(offers)]
    await nodes.lapse(a)
    renewal = await a.renew(everything, b"{}")
    assert (renewal.lost, renewal.moved, renewal.missing) == ({}, set(), set())
    idle = "return redis.call('XPENDING', KEYS[1], 'nodes', 'IDLE', 1000000, '-', '+', 9999)"
    assert nodes.redis.ask("EVAL", idle, "1", "{cueline:default}:offers") == "0", "none is old"
    assert await b.claim_lapsed(5) == []
    nodes.redis.ask("XDEL", "{cueline:default}:offers", offers[1700].entry)
    assert (await a.renew(everything, b"{}")).missing == {offers[1700].entry}
    await nodes.lapse(a)
    pasts = {offer.conversation_id: offer.past.position_ms for offer in await b.claim_lapsed(3000) if offer.past}
    assert pasts == {offer.conversation_id: n for n, offer in enumerate(offers) if n != 1700}


async def test_a_lapsed_call_goes_to_one_of_many_claimers(nodes):
    a = await nodes("a")
    for number in range(20):
        await a.offer(f"c{number}", "api")
    offers = await a.take(20, 0)
    others = [await nodes(f"n{number}") for number in range(3)]
    assert [await other.claim_lapsed(20) for other in others] == [[], [], []], "nothing has lapsed"
    await nodes.lapse(a)
    claims = await asyncio.gather(*(other.claim_lapsed(9) for other in others))
    assert [len(claim) for claim in claims] == [9, 9, 2]
    assert sorted(o.entry for claim in claims for o in claim) == sorted(o.entry for o in offers)


async def test_a_renewed_call_of_a_node_that_was_late_is_not_claimed(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    await nodes.lapse(a)
    await a.renew([held(offer)], b"{}")
    assert await b.claim_lapsed(5) == []


async def test_what_is_given_back_is_for_others_at_once_and_for_the_giver_later(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    await b.give_back([offer.entry])
    assert await a.claim_lapsed(5) == [], "not b's to give"
    await a.give_back([offer.entry, "1-1"])
    assert await a.claim_lapsed(5) == []
    assert (await a.view()).waiting == 1
    (again,) = await b.claim_lapsed(5)
    assert (again.entry, again.taken) == (offer.entry, 2)
    assert (await a.view()).waiting == 0


async def test_what_a_consumer_has_and_names_no_more_goes_to_others(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    await a.renew([], b"{}")
    assert await b.claim_lapsed(5) == [], "it may have been taken a moment ago"
    await nodes.lapse(a)
    await a.renew([], b"{}")
    assert [again.entry for again in await b.claim_lapsed(5)] == [offer.entry]


async def test_withdrawn_before_and_after_it_is_taken(nodes):
    a, b = await nodes("a"), await nodes("b")
    assert await b.withdraw("c") == "unknown"
    await a.offer("c", "api")
    assert await b.withdraw("c") == "withdrawn"
    assert await a.take(1, 0) == []
    offer = await taken(a)
    assert await b.withdraw("c") == "asked"
    assert (await a.renew([held(offer)], b"{}")).withdrawn == {"c"}
    assert (await b.renew([], b"{}")).withdrawn == set()
    assert await a.settle(offer.entry, "c") is True
    assert await b.withdraw("c") == "unknown"


async def test_a_withdrawn_call_is_not_claimed_when_its_node_dies(nodes):
    a, b = await nodes("a"), await nodes("b")
    await taken(a)
    assert await b.withdraw("c") == "asked"
    await nodes.lapse(a)
    assert await b.claim_lapsed(5) == []
    assert await b.offer("c", "api") == "offered"
    await b.take(1, 0)
    await nodes.lapse(b)
    assert await a.withdraw("c") == "withdrawn", "nobody alive follows it"


async def test_a_handover(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    assert await b.hand_over(held(offer)) is False, "not b's"
    assert await a.hand_over(held(offer, Past(700, a.clock.at(5.0)))) is True
    assert await a.hand_over(held(offer)) is False, "one stands"
    (coming,) = await b.take(1, 0)
    assert (coming.holder, coming.holder_entry, coming.source) == (a.consumer, offer.entry, "handover")
    assert coming.past == Past(700, a.clock.at(5.0))
    assert (await a.renew([held(offer)], b"{}")).moved == set(), "b does not hear it yet"
    assert await b.took_over(coming) is True
    assert await b.took_over(coming) is True
    assert (await a.renew([held(offer)], b"{}")).moved == {offer.entry}
    assert await a.settle(offer.entry, "c") is False
    assert await b.settle(coming.entry, "c") is True


async def test_the_call_ends_before_the_taker_hears_it(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    await a.hand_over(held(offer))
    (coming,) = await b.take(1, 0)
    assert await a.settle(offer.entry, "c") is True
    assert await b.took_over(coming) is False
    assert (await b.renew([held(coming)], b"{}")).lost == {coming.entry: ""}
    assert (await b.view()).calls == 0


async def test_a_call_in_a_handover_is_counted_once(nodes):
    def counts(view):
        return view.calls, view.waiting, view.handovers

    a, b, c = await nodes("a"), await nodes("b"), await nodes("c")
    offer = await taken(a)
    await a.hand_over(held(offer))
    view = await b.view()
    assert (counts(view), view.oldest_s) == ((1, 0, 1), None), "its giver hears it"
    (coming,) = await b.take(1, 0)
    assert counts(await b.view()) == (1, 0, 1), "both hear it"
    await a.give_back([offer.entry])
    view = await b.view()
    assert (counts(view), view.oldest_s) == ((1, 0, 0), None), "the giver has gone, the taker has it"
    await b.give_back([coming.entry])
    view = await c.view()
    assert counts(view) == (0, 1, 0), "nobody has it"
    assert view.oldest_s is not None


async def test_a_call_waits_from_when_it_was_nobodys(nodes):
    a, b = await nodes("a"), await nodes("b")
    offers = [await taken(a, "c"), await taken(a, "d")]
    for offer in offers:
        await a.hand_over(held(offer))
    offered_ms = nodes.now_ms()
    while nodes.now_ms() < offered_ms + 50:
        pass
    gave_ms = nodes.now_ms()
    await a.leave()
    view = await b.view()
    assert (view.calls, view.waiting, view.handovers) == (0, 2, 0)
    assert view.oldest_s is not None
    assert view.oldest_s <= (nodes.now_ms() - gave_ms) / 1000, "not from its first offer, nor the handover's"


async def test_a_handover_that_is_taken_back(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    await a.hand_over(held(offer))
    await a.withdraw_handover("c")
    assert await b.take(1, 0) == []
    await a.hand_over(held(offer))
    (coming,) = await b.take(1, 0)
    await a.withdraw_handover("c")
    assert (await b.renew([held(coming)], b"{}")).lost == {coming.entry: a.consumer}
    assert await b.took_over(coming) is False
    assert (await a.renew([held(offer)], b"{}")).lost == {}


async def test_a_taker_that_cannot_hear_it_leaves_the_call_with_its_holder(nodes):
    a, b, c = await nodes("a"), await nodes("b"), await nodes("c")
    offer = await taken(a)
    await a.hand_over(held(offer))
    (coming,) = await b.take(1, 0)
    await b.give_back([coming.entry])
    (again,) = await c.claim_lapsed(1)
    assert (again.entry, again.holder, again.holder_entry) == (coming.entry, a.consumer, offer.entry)
    assert await c.settle(again.entry, "c") is True
    assert (await a.renew([held(offer)], b"{}")).lost == {}
    assert await a.hand_over(held(offer)) is True


async def test_the_holder_dies_while_the_handover_waits(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    await a.hand_over(held(offer))
    await nodes.lapse(a)
    assert await b.claim_lapsed(5) == [], "its offer stands for it"
    (coming,) = await b.take(5, 0)
    assert (coming.conversation_id, coming.holder) == ("c", None), "nobody hears it"
    assert await b.took_over(coming) is True
    assert (await b.view()).calls == 1
    assert (await a.renew([held(offer)], b"{}")).moved == {offer.entry}


async def test_holder_and_taker_die(nodes):
    a, b, c = await nodes("a"), await nodes("b"), await nodes("c")
    offer = await taken(a)
    await a.hand_over(held(offer))
    await b.take(1, 0)
    await nodes.lapse(a)
    await nodes.lapse(b)
    claimed = await c.claim_lapsed(5)
    assert [(each.conversation_id, each.holder) for each in claimed] == [("c", None)], "once"
    assert (await c.renew([held(claimed[0])], b"{}")).lost == {}
    assert await c.settle(claimed[0].entry, "c") is True
    assert (await c.view()).calls == 0


async def test_a_dead_takers_handover_goes_to_another_while_the_holder_goes_on(nodes):
    a, b, c = await nodes("a"), await nodes("b"), await nodes("c")
    offer = await taken(a)
    await a.hand_over(held(offer))
    await b.take(1, 0)
    await nodes.lapse(b)
    (again,) = await c.claim_lapsed(5)
    assert (again.holder, again.taken) == (a.consumer, 2)
    assert await c.took_over(again) is True
    assert (await a.renew([held(offer)], b"{}")).moved == {offer.entry}


async def test_quarantine_is_the_fleets(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    assert await a.settle(offer.entry, "c", quarantine_s=3600) is True
    assert await b.offer("c", "api") == "quarantined"
    assert (await b.view()).quarantined == 1
    short = await taken(a, "d")
    await a.settle(short.entry, "d", quarantine_s=0.001)
    async with asyncio.timeout(20):
        while await b.offer("d", "api") == "quarantined":
            await asyncio.sleep(0.002)


async def test_no_more_offers_than_allowed(nodes):
    a = await nodes("a", offers_max=2)
    assert [await a.offer(name, "api") for name in ("c", "d", "e", "c")] == ["offered", "offered", "full", "known"]


async def test_one_leads_and_its_epochs_grow(nodes):
    a, b = await nodes("a"), await nodes("b")
    epoch = await a.lead(60)
    assert epoch is not None
    assert (await a.lead(60), await b.lead(60)) == (epoch, None)
    await b.resign()
    assert await b.lead(60) is None, "not b's to resign"
    await a.resign()
    later = await b.lead(60)
    assert later is not None
    assert later > epoch
    assert await a.offer("c", "notifications", epoch=epoch) == "stale"
    assert await b.offer("c", "notifications", epoch=later) == "offered"
    await b.leave()
    assert await a.lead(60), "who leaves leads no more"


async def test_what_was_lost_is_offered_by_who_follows_it_before_anybody_leads(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    epoch = await b.lead(60)
    assert epoch is not None
    assert await a.lead(60) is None
    nodes.lose()
    assert await b.offer("c", "notifications", epoch=epoch) == "stale", "the lead was lost, too"
    assert (await b.lead(120), await a.lead(120)) == (None, None), "for a minute"
    assert await a.offer("c", "handover", past=Past(9, a.clock.at(1.0)), holder_entry=offer.entry) == "offered"
    assert 50_000 < int(nodes.redis.ask("PTTL", f"{a._options.prefix}leader")) <= 60_000
    nodes.redis.ask("DEL", f"{a._options.prefix}leader")  # it is over
    later = await b.lead(120)
    assert later is not None
    assert later > epoch
    assert await b.offer("c", "notifications", epoch=later) == "known"


async def test_an_effect_is_one_nodes(nodes):
    a, b = await nodes("a"), await nodes("b")
    assert await a.claim_effect("c", "external", "rule", "key-a", 10_000) is True
    assert await a.claim_effect("c", "external", "rule", "key-a", 10_000) is True, "ours stays ours"
    assert await b.claim_effect("c", "external", "rule", "key-b", 11_000) is False, "a second away is the same phrase"
    assert await b.claim_effect("c", "external", "rule", "key-a", 9_000) is False
    assert await b.claim_effect("c", "external", "rule", "key-b", 11_001) is True
    for other in (("d", "external", "rule"), ("c", "internal", "rule"), ("c", "external", "other")):
        assert await b.claim_effect(*other, "key", 10_000) is True
    keys = nodes.redis.ask("EXISTS", "{cueline:default}:effect:c:external:rule")
    assert keys == "1"
    assert 0 < int(nodes.redis.ask("TTL", "{cueline:default}:effect:c:external:rule")) <= 3600


async def test_many_who_claim_an_effect_at_once_get_it_once(nodes):
    stores = [await nodes(f"n{number}") for number in range(5)]
    got = await asyncio.gather(
        *(s.claim_effect("c", "external", "r", s.consumer, 500 + i) for i, s in enumerate(stores))
    )
    assert sum(got) == 1


async def test_an_instance_keeps_its_effects_over_a_restart(nodes):
    before, after = await nodes("a", instance="state-1"), await nodes("a", instance="state-1")
    assert before.consumer != after.consumer
    assert await before.claim_effect("c", "external", "r", "k", 10) is True
    assert await after.claim_effect("c", "external", "r", "k", 10) is True
    assert await (await nodes("a", instance="state-11")).claim_effect("c", "external", "r", "k", 10) is False


async def test_two_fleets_on_one_redis_share_nothing(nodes):
    a, b = await nodes("a", name="one"), await nodes("a", name="two")
    await a.offer("c", "api")
    assert await b.take(5, 0) == []
    assert await b.offer("c", "api") == "offered"
    assert await a.lead(60)
    assert await b.lead(60)
    assert await a.claim_effect("c", "external", "r", "k", 1)
    assert await b.claim_effect("c", "external", "r", "j", 1)
    assert [node.consumer for node in (await a.view()).nodes] == [a.consumer]


async def test_the_view(nodes):
    a, b = await nodes("a.b-1"), await nodes("b")
    offer = await taken(a)
    await a.offer("d", "api")
    await a.lead(60)
    await a.renew([held(offer)], b'{"calls": 1}')
    view = await b.view()
    rows = {node.consumer: node for node in view.nodes}
    assert set(rows) == {a.consumer, b.consumer}
    row = rows[a.consumer]
    assert (row.name, row.status, row.pending) == ("a.b-1", b'{"calls": 1}', 1)
    assert 0 < row.since_s <= view.redis_s
    assert 0 <= row.age_s < 20
    assert (view.leader, view.calls, view.waiting, view.handovers) == (a.consumer, 1, 1, 0)
    assert view.oldest_s is not None
    assert 0 <= view.oldest_s < 20
    assert view.redis_version == nodes.redis.ask("INFO", "server").split("redis_version:")[1].split()[0]
    assert view.redis_memory_bytes > 0
    await a.leave()
    view = await b.view()
    assert [node.name for node in view.nodes] == ["b"]
    assert (view.calls, view.waiting, view.leader) == (0, 2, None), "what it had is for others"
    assert len(await b.claim_lapsed(5)) == 1


async def test_rows_of_the_dead_go_when_what_they_had_is_taken(nodes):
    a, b = await nodes("a"), await nodes("b")
    await taken(a)
    await nodes.lapse(a)
    await b.renew([], b"{}")
    assert {node.name for node in (await b.view()).nodes} == {"a", "b"}, "it has a call still"
    assert len(await b.claim_lapsed(1)) == 1
    await b.renew([], b"{}")
    assert {node.name for node in (await b.view()).nodes} == {"b"}


async def test_redis_that_lost_everything_is_told_again_and_the_call_is_kept(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    epoch = await a.lead(60)
    nodes.lose()
    renewal = await a.renew([held(offer)], b"{}")
    assert (renewal.missing, renewal.lost, renewal.moved) == ({offer.entry}, {}, set())
    assert await a.offer("c", "handover", past=Past(9, a.clock.at(1.0)), holder_entry=offer.entry) == "offered"
    assert (await a.renew([held(offer)], b"{}")).missing == set(), "it is on offer"
    (coming,) = await b.take(1, 0)
    assert (coming.holder, coming.holder_entry) == (a.consumer, offer.entry)
    assert await b.took_over(coming) is True
    assert (await a.renew([held(offer)], b"{}")).moved == {offer.entry}
    later = await b.lead(60)
    assert later is not None
    assert epoch is not None
    assert later > epoch, "epochs grow also then"


async def test_after_that_its_own_offer_may_come_back_to_it_or_the_call_may_end(nodes):
    a = await nodes("a")
    offer, other = await taken(a), await taken(a, "d")
    nodes.lose()
    for each in (offer, other):
        await a.offer(each.conversation_id, "handover", holder_entry=each.entry)
    assert await a.settle(other.entry, "d") is True
    (coming,) = await a.take(5, 0)
    assert (coming.conversation_id, coming.holder) == ("c", a.consumer)
    assert await a.took_over(coming) is True
    assert (await a.renew([held(coming)], b"{}")).lost == {}


async def test_a_reader_that_waits_while_everything_is_lost_gets_what_comes_after(nodes):
    a, b = await nodes("a"), await nodes("b")
    waiting = asyncio.create_task(b.take(1, 30))
    async with asyncio.timeout(20):
        while "cmd=xreadgroup" not in nodes.redis.ask("CLIENT", "LIST"):
            await asyncio.sleep(0.002)
    nodes.lose()
    await a.offer("c", "api")
    assert [offer.conversation_id for offer in await waiting] == ["c"]


async def test_somebody_offered_it_anew_meanwhile(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    nodes.lose()
    assert await b.offer("c", "notifications") == "offered"
    assert await a.offer("c", "handover", holder_entry=offer.entry) == "offered", "nobody has taken the other"
    (coming,) = await b.take(5, 0)
    assert coming.holder == a.consumer
    nodes.lose()
    await b.offer("c", "notifications")
    await b.take(5, 0)
    assert await a.offer("c", "handover", holder_entry=offer.entry) == "known"
    assert (await a.renew([held(offer)], b"{}")).moved == {offer.entry}


async def test_a_node_without_an_address_is_none():
    with pytest.raises(ConfigError, match="redis_url"):
        FleetStore(FleetOptions())


async def test_what_was_given_back_untried_does_not_count_as_taken(nodes):
    a, b = await nodes("a"), await nodes("b")
    offer = await taken(a)
    await a.give_back([offer.entry], untried=True)
    (again,) = await b.claim_lapsed(1)
    assert again.taken == 1
    await b.give_back([offer.entry])
    (third,) = await a.claim_lapsed(1)
    assert third.taken == 2
