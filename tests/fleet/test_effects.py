"""Who may have an effect: Redis says so; while it does not answer, only what no other node can have heard is done."""

import asyncio
from dataclasses import replace

from engine.errors import FleetError
from engine.fleet.calls import Calls
from engine.fleet.effects import FleetEffects
from engine.fleet.rights import Tick
from engine.fleet.rows import Offer
from engine.fleet.ticks import tick
from engine.metrics import Metrics
from tests.support.commands import command
from tests.support.waiting import until

LEASE_S = 60.0


class Store:
    """Redis' word on a phrase: what it says in turn; then it is away."""

    def __init__(self, *said: bool) -> None:
        self.said = list(said)
        self.asked: list[tuple[object, ...]] = []

    async def claim_effect(self, *asked: object) -> bool:
        self.asked.append(asked)
        if not self.said:
            raise FleetError("away", "unreachable")
        return self.said.pop(0)


class Heard:
    state = "listening"

    def note(self):
        return None


def spotted(ago_s: float = 1.0):
    return replace(command(1), phrase_end_ns=round((tick().mono_s - ago_s) * 1e9))


def taken(holder: str | None = None, ago_s: float = 30.0) -> Calls:
    calls, now = Calls(LEASE_S), tick()
    given = Offer("1-0", command(1).conversation_id, "api", 0.0, None, holder, holder, 1)
    calls.take(given, Tick(now.boot_s - ago_s, now.mono_s - ago_s), Heard)
    return calls


def elsewhere(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("cueline_fleet_effects_elsewhere_total")


async def test_redis_is_asked_by_rule_channel_and_end_of_the_phrase():
    store, metrics, said = Store(True, False), Metrics(), spotted()
    effects = FleetEffects(store, taken(), metrics.fleet)
    assert await effects.claim(said)
    assert not await effects.claim(said)
    assert store.asked[0] == (said.conversation_id, said.channel, said.rule, said.idempotency_key, said.phrase_end_ms)
    assert elsewhere(metrics) == 1


async def test_what_ended_after_our_right_is_another_nodes():
    metrics = Metrics()
    effects = FleetEffects(Store(), taken(ago_s=100.0), metrics.fleet)
    assert effects.ours(spotted(ago_s=50.0))
    assert not effects.ours(spotted(ago_s=40.0))
    assert elsewhere(metrics) == 1


async def test_while_redis_is_away_what_only_we_hear_is_done():
    assert await FleetEffects(Store(), taken(), Metrics().fleet).claim(spotted())
    assert await FleetEffects(Store(), Calls(LEASE_S), Metrics().fleet).claim(spotted()), "a call of AudioHook"


async def test_while_redis_is_away_what_another_may_have_heard_waits_for_it():
    for calls, said in ((taken("two-1"), spotted()), (taken(), replace(spotted(), phrase_end_ns=0))):
        store = Store()
        claiming = asyncio.create_task(FleetEffects(store, calls, Metrics().fleet).claim(said))
        await until(lambda store=store: len(store.asked) == 2)
        store.said.append(False)
        assert not await claiming
