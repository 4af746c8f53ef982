"""The worked example: nothing but environment variables, a simulator, a webhook receiver, and what comes of it."""

import asyncio
import contextlib
import json
from types import SimpleNamespace

import pytest
import pytest_asyncio
from cloudevents.core.bindings import http
from standardwebhooks import Webhook

from tests.support.commands import receiver
from tests.support.following import MANIFEST, assert_heard, heard_in, phrases_of, running, simulator
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "whsec_Y3VlbGluZSBlbmQgdG8gZW5kIHRlc3Q="
PHRASES = ("transfer me", "cancel my order")
FOLLOWED = (1, 2, 15)  # the last one says neither phrase
ADDED, REMOVED = 12, 17
METRICS = [
    "cueline_frame_latency_seconds_bucket",
    "cueline_queue_depth_frames",
    "cueline_spot_latency_seconds_bucket",
    "cueline_frames_total",
    "cueline_frames_dropped_total",
    "cueline_audio_seconds_total",
    "cueline_decode_seconds_total",
    "cueline_utterances_total",
    "cueline_phrases_spotted_total",
    "cueline_commands_total",
    "cueline_outbox_pending",
    "cueline_conversations",
    "cueline_worker_restarts_total",
    "cueline_shard_utilization_ratio",
    "cueline_loop_lag_seconds",
    "cueline_token_seconds_left",
    "cueline_model_info",
]


async def follow_events(http, events):
    """Collect the server-sent events until the server ends them."""
    async with http.get("/v1/events", timeout=None) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        kind = None
        async for line in response.content:
            name, _, value = line.decode().strip().partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                events.append((kind, json.loads(value)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def example(tmp_path_factory):
    """Three calls followed from the start, one added, one removed again; all of them played to their ends."""
    async with receiver() as hook, simulator("--speed", 3) as cloud:
        environment = cloud.follow(*FOLLOWED) | {
            "TARGET_KEYWORD": ",".join(PHRASES),
            "CUELINE_WEBHOOK_URL": hook.url,
            "CUELINE_WEBHOOK_SECRET": SECRET,
            "CUELINE_LOG_LEVEL": "debug",
        }
        async with running(environment, tmp_path_factory.mktemp("example")) as engine:
            it = SimpleNamespace(hook=hook, cloud=cloud, engine=engine, events=[], added=None)
            following = asyncio.create_task(follow_events(engine.http, it.events))
            it.ready = await engine.ask("GET", "/readyz")
            it.added = await engine.follow(cloud.ids[ADDED - 1])
            it.twice = await engine.follow(cloud.ids[0])
            await engine.follow(cloud.ids[REMOVED - 1])
            await engine.comes_to(cloud.ids[REMOVED - 1], "listening")
            _, it.listing = await engine.ask("GET", "/v1/conversations")
            it.removal = await engine.ask("DELETE", f"/v1/conversations/{cloud.ids[REMOVED - 1]}")
            for number in (*FOLLOWED, ADDED):
                await engine.comes_to(cloud.ids[number - 1], "ended")
            _, it.metrics = await engine.ask("GET", "/metrics")
            _, it.last_listing = await engine.ask("GET", "/v1/conversations")
            it.code = await engine.command.stop()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait_for(following, 10)
            yield it


@pytest.mark.parametrize("number", [*FOLLOWED, ADDED])
async def test_every_phrase_is_delivered_once_and_nothing_else(example, number):
    assert_heard(heard_in(example.hook, example.cloud.ids[number - 1]), phrases_of(number, *PHRASES))


async def test_nothing_comes_of_other_conversations(example):
    heard = {json.loads(got.body)["data"]["conversation_id"] for got in example.hook.received}
    assert heard <= {example.cloud.ids[number - 1] for number in (*FOLLOWED, ADDED)}


async def test_the_body_is_the_cloud_event_that_is_promised(example):
    for got in example.hook.received:
        event = http.from_http_event(http.HTTPMessage(got.headers, got.body))
        data = event.get_data()
        assert event.get_specversion() == "1.0"
        assert event.get_type() == "cueline.phrase.spotted.v1"
        assert event.get_source() == f"/conversations/{data['conversation_id']}"
        assert event.get_datacontenttype() == "application/json"
        assert set(data) == {
            *("conversation_id", "channel", "rule", "phrase", "text", "confidence", "fired_on"),
            *("utterance_start_ms", "phrase_end_ms", "audio_position_ms", "spotted_at"),
        }
        key = f"{data['conversation_id']}/{data['channel']}/{data['rule']}/{data['utterance_start_ms']}"
        assert event.get_id() == key
        assert (data["channel"], data["rule"]) == ("external", data["phrase"].replace(" ", "-"))
        assert data["phrase"] in data["text"]
        assert data["utterance_start_ms"] < data["phrase_end_ms"] <= data["audio_position_ms"]
        assert data["spotted_at"].endswith("Z")


async def test_it_is_signed_as_standard_webhooks_are(example):
    for got in example.hook.received:
        assert Webhook(SECRET).verify(got.body, got.headers)["id"] == got.headers["webhook-id"]
    ids = [got.headers["webhook-id"] for got in example.hook.received]
    assert len(set(ids)) == len(ids)


async def test_the_admin_api_lists_adds_and_removes(example):
    assert example.ready[0] == 200
    assert example.added[0] == 201
    assert (example.twice[0], example.twice[1]["reason"]) == (409, "duplicate")
    assert example.removal == (204, "")
    ids = example.cloud.ids
    listed = {info["conversation_id"] for info in example.listing["conversations"]}
    assert listed == {ids[number - 1] for number in (*FOLLOWED, ADDED, REMOVED)}
    left = {info["conversation_id"]: info for info in example.last_listing["conversations"]}
    assert left[ids[REMOVED - 1]]["reason"] == "removed"
    for number in (*FOLLOWED, ADDED):
        info = left[ids[number - 1]]
        assert (info["state"], info["reason"], info["gap_ms"]) == ("ended", "ended", 0)
        assert info["audio_ms"] == pytest.approx(MANIFEST[number - 1]["duration_ms"], abs=20)


async def test_events_tell_of_conversations_phrases_and_commands(example):
    kinds = [kind for kind, _ in example.events]
    assert set(kinds) == {"conversation", "phrase", "command"}
    phrases = [data for kind, data in example.events if kind == "phrase"]
    assert len(phrases) == len(example.hook.received)
    assert all("text" not in data for data in phrases)
    outcomes = {(data["sink"], data["outcome"]) for kind, data in example.events if kind == "command"}
    assert outcomes == {("log", "delivered"), ("webhook", "delivered")}
    states = [data["state"] for kind, data in example.events if kind == "conversation"]
    assert {"connecting", "listening", "ended"} <= set(states)


async def test_every_metric_is_there_and_nothing_was_dropped(example):
    names = {line.partition("{")[0].partition(" ")[0] for line in example.metrics.splitlines()}
    assert set(METRICS) <= names
    samples = [line for line in example.metrics.splitlines() if line.startswith("cueline_frames_dropped_total")]
    assert samples
    assert all(line.endswith(" 0.0") for line in samples)
    ids = [*example.cloud.ids, *(got.headers["webhook-id"] for got in example.hook.received)]
    assert not any(identity in example.metrics for identity in ids)


async def test_the_log_holds_neither_words_nor_secrets(example):
    """The whole run, at debug level."""
    log = "\n".join([*example.engine.command.out, *example.engine.command.err]).lower()
    assert example.engine.command.events
    client_secret = example.cloud.environment["GENESYS_CLIENT_SECRET"]
    secrets = [SECRET, SECRET.removeprefix("whsec_"), "hush-hush", client_secret]
    said = [each["sentence"] for call in MANIFEST for each in [*call["said"], *call["talk"]]]
    texts = [json.loads(got.body)["data"]["text"] for got in example.hook.received]
    assert [word for word in [*secrets, *said, *texts, *PHRASES] if word.lower() in log] == []


async def test_ctrl_c_ends_it_with_nothing_left(example):
    assert example.code == 0
    assert not example.engine.command.logged("Commands are left undelivered")
    await until(lambda: not example.engine.command.children)
