"""Two engines, a real Redis, the simulator: calls move when a node dies, stands still, or drains."""

import asyncio
import signal
import time

from tests.support.commands import receiver
from tests.support.fleet_nodes import LEASE_S, go_on, halt, kill, live, node, until_live
from tests.support.following import delivered, simulator
from tests.support.redis_server import redis_fixture  # noqa: F401
from tests.support.waiting import until

CALLS = 4
PHRASES = "transfer me,cancel my order,stop recording"


def without_static(cloud):
    return {name: value for name, value in cloud.environment.items() if name != "GENESYS_CONVERSATION_ID"}


async def test_calls_of_a_killed_node_are_followed_by_the_other_within_the_lease_and_two_seconds(tmp_path, redis):
    async with receiver() as hook, simulator("--calls", CALLS, "--loop") as cloud:
        common = without_static(cloud) | {"TARGET_KEYWORD": PHRASES, "CUELINE_WEBHOOK_URL": hook.url}
        async with node("one", redis, common, tmp_path) as one:
            for conversation_id in cloud.ids:
                assert await one.follow(conversation_id) == (
                    202,
                    {"conversation_id": conversation_id, "state": "offered"},
                )
            assert (await one.follow(cloud.ids[0]))[0] == 409
            assert await until_live(one, CALLS) == set(cloud.ids)
            async with node("two", redis, common, tmp_path) as two:
                await until(lambda: delivered(hook), 30)
                kill(one)
                killed_s = time.monotonic()
                assert await until_live(two, CALLS) == set(cloud.ids)
                assert time.monotonic() - killed_s <= LEASE_S + 2
                assert await two.metric("cueline_fleet_takeovers_total") == CALLS
                assert await two.metric("cueline_audio_gap_seconds_total") > 0
                assert (await two.ask("GET", "/readyz"))[1]["conditions"]["fleet"]


async def test_a_drained_node_hands_its_calls_over_and_no_phrase_is_lost_or_doubled(tmp_path, redis):
    async with receiver() as hook, simulator("--calls", CALLS) as cloud:
        common = cloud.follow(1, 2, 3, 4) | {"TARGET_KEYWORD": PHRASES, "CUELINE_WEBHOOK_URL": hook.url}
        async with node("one", redis, common, tmp_path) as one:
            await until_live(one, CALLS)
            async with node("two", redis, common, tmp_path) as two:
                one.command.send(signal.SIGTERM)
                assert await until_live(two, CALLS) == set(cloud.ids)
                assert await one.command.ended(40) == 0
                reasons = [line["reason"] for line in one.command.logged("conversation left")]
                assert reasons == ["handed_over"] * CALLS
                assert await two.metric("cueline_fleet_handovers_total", direction="in") == CALLS
                assert await two.metric("cueline_audio_gap_seconds_total") == 0


async def test_a_node_that_stood_still_past_its_lease_fences_itself(tmp_path, redis):
    async with simulator("--calls", 2, "--loop") as cloud:
        common = cloud.follow(1, 2) | {"TARGET_KEYWORD": PHRASES}
        async with node("one", redis, common, tmp_path) as one:
            await until_live(one, 2)
            async with node("two", redis, common, tmp_path) as two:
                halt(one)
                await until_live(two, 2)
                go_on(one)
                await one.command.says("conversation left", reason="fenced")
                await until_live(one, 0)
                assert await live(two) == set(cloud.ids)
                assert await one.metric("cueline_fleet_fenced_total") == 2


async def test_a_redis_that_comes_back_empty_loses_no_call(tmp_path, redis):
    async with simulator("--calls", 2, "--loop") as cloud, node("one", redis, cloud.follow(1, 2), tmp_path) as one:
        await until_live(one, 2)
        redis.ask("FLUSHALL")
        await asyncio.sleep(0)
        async with node("two", redis, without_static(cloud), tmp_path) as two:
            async with asyncio.timeout(20):
                while len(await live(one) | await live(two)) < 2 or redis.ask("HLEN", "{cueline:default}:calls") != "2":
                    await asyncio.sleep(0.05)
            assert await one.metric("cueline_fleet_fenced_total") == 0
