"""Traces of a real engine: a span for each delivery, and an engine that does not mind a collector that is not there."""

import socket

from tests.e2e.test_run_outbox import KEYWORDS
from tests.support.collector import collector
from tests.support.commands import receiver
from tests.support.following import assert_heard, heard_in, phrases_of, running
from tests.support.shards import recording
from tests.support.strange_cloud import Line, strange_cloud


async def test_each_delivery_is_a_span(tmp_path):
    said = phrases_of(1)
    async with collector() as it, receiver() as hook, strange_cloud({"call-1": Line(recording(1).pcm)}) as cloud:
        environment = cloud.environment | KEYWORDS | {"CUELINE_WEBHOOK_URL": hook.url}
        async with running(environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": it.url}, tmp_path) as engine:
            await engine.comes_to("call-1", "ended", timeout_s=60)
            await engine.settled()
            assert await engine.command.stop() == 0
    found = sorted((span.attributes["cueline.sink"], span.attributes["cueline.key"]) for span in it.spans)
    keys = [got.headers["webhook-id"] for got in hook.received]
    assert len(keys) == len(said)
    assert found == sorted((sink, key) for sink in ("log", "webhook") for key in keys)
    assert {span.attributes["cueline.outcome"] for span in it.spans} == {"delivered"}
    assert {span.attributes["cueline.conversation_id"] for span in it.spans} == {"call-1"}
    assert not [phrase for phrase, _ in said if phrase in str([span.attributes.values() for span in it.spans])]


async def test_nobody_there_to_take_them(tmp_path):
    async with receiver() as hook, strange_cloud({"call-1": Line(recording(1).pcm)}) as cloud:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            environment = cloud.environment | KEYWORDS | {"CUELINE_WEBHOOK_URL": hook.url}
            environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{nobody.getsockname()[1]}"}
            async with running(environment, tmp_path) as engine:
                await engine.comes_to("call-1", "ended", timeout_s=60)
                await engine.settled()
                assert await engine.command.stop() == 0
        assert len(engine.command.logged("Traces are not taken: they are left out until they are")) <= 1
        assert all(line.startswith("{") for line in engine.command.err), "the library says nothing of its own"
    assert_heard(heard_in(hook, "call-1"), phrases_of(1))
