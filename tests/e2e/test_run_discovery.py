"""`cueline run` alone, told a queue and nothing else: calls are followed as they come, and their phrases delivered."""

import asyncio

from tests.support.commands import receiver
from tests.support.following import hears as assert_hears
from tests.support.following import phrases_of, running, simulator


async def test_calls_of_a_queue_are_followed_as_they_come(tmp_path):
    async with receiver() as hook, simulator("--speed", 2, "--calls", 0, "--queues", 1) as cloud:
        environment = cloud.environment | {"TARGET_KEYWORD": "transfer me", "CUELINE_WEBHOOK_URL": hook.url}
        assert "GENESYS_CONVERSATION_ID" not in environment
        async with running(environment, tmp_path) as engine:
            async with asyncio.timeout(20):
                while not await engine.metric("cueline_discovery_queries_total", outcome="done"):
                    await asyncio.sleep(0.02)  # from then on nothing is missed
            async with cloud.http.post(f"{cloud.url}/simulator/calls") as response:
                call = (await response.json())["conversation_id"]
            info = await appears(engine, call)
            assert info["source"] == "realtime"
            await engine.comes_to(call, "ended", timeout_s=60)
            await assert_hears(engine, hook, call, phrases_of(1, "transfer me"))
            assert await engine.metric("cueline_discovery_events_total", kind="call") >= 2


async def appears(engine, conversation_id):
    """Wait until the engine knows the conversation; return it."""
    async with asyncio.timeout(20):
        while True:
            status, body = await engine.ask("GET", f"/v1/conversations/{conversation_id}")
            if status == 200:
                return body
            await asyncio.sleep(0.01)
