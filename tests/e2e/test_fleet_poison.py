"""A call that ends who hears it is kept from the whole fleet: by the node on which two workers died of it, or by the count of its takings."""

import pytest

from engine.fleet.calls import TAKEN_MAX
from tests.support.commands import receiver
from tests.support.fleet_nodes import kill, live, node, until_live
from tests.support.following import delivered, simulator
from tests.support.poison import PHRASE
from tests.support.redis_server import redis_fixture  # noqa: F401
from tests.support.waiting import until

POISON, HARMLESS = 10, (3, 4)  # call 10 says it at 4.1 s; the others never do
POISONED = f"""
[[rules]]
name = "transfer"
phrases = ["transfer me"]

[[rules]]
name = "poison"
match = "tests.support.poison:aborts"
phrases = ["x"]
hear = ["{PHRASE}"]
"""
LEASE_S = 2.0
QUARANTINED = "conversation quarantined: two workers died of it"
KEPT = "A call was taken by node after node and is kept from all"


def offered_calls(cloud):
    """The environment without calls of its own: they are offered."""
    return {name: value for name, value in cloud.environment.items() if name != "GENESYS_CONVERSATION_ID"}


def said(nodes, event, **fields):
    return [line for each in nodes for line in each.command.logged(event, **fields)]


async def refused_as_quarantined(engine, conversation_id):
    status, body = await engine.follow(conversation_id)
    assert (status, body["reason"]) == (409, "quarantined"), (status, body)


@pytest.mark.timeout(180)
async def test_a_call_of_which_two_workers_died_is_followed_by_no_node_any_more(tmp_path, redis):
    async with receiver() as hook, simulator("--calls", POISON, "--loop") as cloud:
        bad, good = cloud.ids[POISON - 1], {cloud.ids[number - 1] for number in HARMLESS}
        common = offered_calls(cloud) | {"CUELINE_WEBHOOK_URL": hook.url}
        async with (
            node("one", redis, common, tmp_path, more=POISONED) as one,
            node("two", redis, common, tmp_path, more=POISONED) as two,
        ):
            nodes = (one, two)
            for conversation_id in (bad, *good):
                assert (await one.follow(conversation_id))[0] == 202
            await until(lambda: said(nodes, QUARANTINED), 60)
            [line] = said(nodes, QUARANTINED)
            assert line["conversation_id"] == bad
            await until(lambda: said(nodes, "conversation left", conversation_id=bad, reason="quarantined"), 20)
            async with node("three", redis, common, tmp_path, more=POISONED) as three:
                for each in (*nodes, three):  # one that was not there when it happened, too
                    await refused_as_quarantined(each, bad)
                await until(lambda: {each["conversation_id"] for each in delivered(hook)} >= good, 60)
                assert set().union(*[await live(each) for each in (*nodes, three)]) == good
                deaths = sum([await each.metric("cueline_worker_restarts_total") for each in (*nodes, three)])
                assert deaths == 2, "no third worker died of it, on whichever node"


@pytest.mark.timeout(180)
async def test_a_call_that_ends_node_after_node_is_kept_from_the_next(tmp_path, redis):
    """Whoever follows it is killed as a whole: what no quarantine of workers can tell."""
    async with simulator("--calls", 1, "--loop") as cloud:
        common, bad = offered_calls(cloud), cloud.ids[0]
        for number in range(TAKEN_MAX):
            async with node(f"node-{number}", redis, common, tmp_path, LEASE_S) as doomed:
                if number == 0:
                    assert (await doomed.follow(bad))[0] == 202
                await until_live(doomed, 1)
                kill(doomed)
        async with node("last", redis, common, tmp_path, LEASE_S) as last:
            await last.command.says(KEPT, conversation_id=bad)
            await refused_as_quarantined(last, bad)
            assert await live(last) == set()
