"""The whole engine within this process: what stands in which order, and that nothing is left, however it ends."""

import asyncio
import contextlib
import os
import signal

import aiohttp
import psutil
import pytest
from structlog.testing import capture_logs

from engine import config
from engine.errors import ConfigError, ModelError, VocabularyError
from engine.shards.pool import QUARANTINED
from engine.supervisor import Supervisor
from tests.support.commands import receiver
from tests.support.engine import shared_memory
from tests.support.following import assert_heard, heard_in, phrases_of
from tests.support.shards import descendants, recording
from tests.support.strange_cloud import Line, strange_cloud
from tests.support.waiting import until

MS = 16  # bytes


def options(tmp_path, **environment):
    somewhere = {
        "GENESYS_CLIENT_ID": "id",
        "GENESYS_CLIENT_SECRET": "s3cret",
        "GENESYS_LOGIN_URL": "http://127.0.0.1:9",
        "GENESYS_API_URL": "http://127.0.0.1:9",
        "GENESYS_REALTIME_URL": "ws://127.0.0.1:9",
        "CUELINE_ADMIN_PORT": "0",
        "CUELINE_SHARDS": "1",
        "CUELINE_STATE_DIR": str(tmp_path),
    }
    return config.load(None, somewhere | environment)


@pytest.fixture(autouse=True)
def nothing_left():
    """No process, no shared memory, no file descriptor."""
    memory, files = shared_memory(), psutil.Process().num_fds()
    yield
    assert descendants() == []
    assert shared_memory() <= memory
    assert psutil.Process().num_fds() <= files


@contextlib.asynccontextmanager
async def up(settings):
    """A supervisor that is up, its task, and a client of its admin API."""
    supervisor = Supervisor(settings)
    life = asyncio.create_task(supervisor.run())
    admin = supervisor._admin  # ready, and listening: the one comes just before the other
    await until(lambda: life.done() or (all(supervisor._readiness().values()) and admin.listening), 30)
    assert not life.done(), life.exception()
    async with aiohttp.ClientSession(supervisor._admin.url) as http:
        yield supervisor, life, http
    if not life.done():
        signal.raise_signal(signal.SIGINT)
        await asyncio.wait_for(life, 15)


async def listed(http):
    async with http.get("/v1/conversations") as response:
        return {info["conversation_id"]: info for info in (await response.json())["conversations"]}


async def test_a_call_from_its_socket_to_the_webhook(tmp_path):
    (said, *_) = phrases_of(1)
    line = Line(recording(1).pcm[: MS * 8000])
    with capture_logs() as logs:
        async with receiver() as hook, strange_cloud({"call": line}) as cloud:
            settings = options(tmp_path, **cloud.environment, CUELINE_WEBHOOK_URL=hook.url)
            async with up(settings) as (_, life, _http):
                await until(lambda: hook.received)
                assert_heard(heard_in(hook, "call"), [said])
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.wait_for(life, 15)
    order = ["Platform process started.", "cueline is up", "Phrase spotted", "stopping"]
    assert [line["event"] for line in logs if line["event"] in order] == order


async def test_without_credentials_it_serves_audiohook_alone(tmp_path):
    nothing = {"GENESYS_CLIENT_ID": "", "GENESYS_CLIENT_SECRET": ""}
    settings = options(tmp_path, **nothing, CUELINE_AUDIOHOOK_API_KEY="key", CUELINE_AUDIOHOOK_PORT="0")
    with capture_logs() as logs:
        async with up(settings) as (_, _life, http):
            async with http.post("/v1/conversations", json={"conversation_id": "a"}) as response:
                assert response.status == 409
                body = await response.json()
            assert body["reason"] == "credentials"
            assert "GENESYS_CLIENT_ID" in body["detail"]
            assert await listed(http) == {}
    assert not [line for line in logs if line["event"] == "Platform process started."]


@pytest.mark.parametrize(
    ("environment", "error"),
    [
        ({"VOSK_MODEL_PATH": "/nowhere"}, ModelError),
        ({"TARGET_KEYWORD": "flibbertigibbet"}, VocabularyError),
        ({"CUELINE_WEBHOOK_URL": "http://127.0.0.1:1/", "CUELINE_WEBHOOK_SECRET": "whsec_?"}, ConfigError),
    ],
    ids=["model", "word", "secret"],
)
async def test_a_start_that_fails_says_why_and_undoes_what_was_done(tmp_path, environment, error):
    with pytest.raises(error):
        await Supervisor(options(tmp_path, **environment)).run()


@pytest.mark.parametrize("second", [False, True])
async def test_a_signal_while_it_starts_ends_it(tmp_path, second):
    life = asyncio.create_task(Supervisor(options(tmp_path)).run())
    await until(descendants)
    signal.raise_signal(signal.SIGTERM)
    await asyncio.sleep(0)
    if second:
        signal.raise_signal(signal.SIGTERM)
    await asyncio.wait_for(life, 15)


async def test_a_conversation_without_room_is_refused_and_the_other_goes_on(tmp_path):
    lines = {"first": Line(recording(1).pcm), "second": Line(recording(2).pcm)}
    async with strange_cloud(lines, speed=1) as cloud:
        settings = options(tmp_path, **cloud.environment)
        settings = settings.model_copy(update={"shards": settings.shards.model_copy(update={"rings": 1})})
        supervisor = Supervisor(settings)
        with capture_logs() as logs:
            life = asyncio.create_task(supervisor.run())
            await until(lambda: supervisor._conversations.live and supervisor._admin.listening, 30)
        (told,) = [line for line in logs if line["event"] == "conversation refused"]
        assert (told["conversation_id"], told["reason"]) == ("second", "capacity")
        await until(lambda: supervisor._conversations.list()[-1].state == "listening")
        assert supervisor._readiness() == {
            "model_loaded": True,
            "shards_up": True,
            "not_draining": True,
            "capacity_left": False,
            "state_writable": True,
        }
        async with (
            aiohttp.ClientSession(supervisor._admin.url) as http,
            http.post("/v1/conversations", json={"conversation_id": "third"}) as response,
        ):
            assert (response.status, (await response.json())["reason"]) == (503, "capacity")
        assert cloud.counts["upgrade"] == 1
        refused = supervisor._metrics.registry.get_sample_value(
            "cueline_conversations_refused_total", {"reason": "capacity"}
        )
        assert refused == 2
        signal.raise_signal(signal.SIGINT)
        await asyncio.wait_for(life, 15)


async def test_a_shard_that_is_given_up_fails_its_conversations_and_says_so(tmp_path):
    async with strange_cloud({"call": Line(recording(1).pcm)}, speed=1) as cloud:
        settings = options(tmp_path, **cloud.environment)
        settings = settings.model_copy(update={"shards": settings.shards.model_copy(update={"restart_limit": 0})})
        with capture_logs() as logs:
            async with up(settings) as (supervisor, _, http):
                await until(lambda: supervisor._conversations.list()[0].state == "listening")
                follower = supervisor._events.follow()
                psutil.Process(supervisor._pool.worker_pids[0]).kill()
                await until(lambda: supervisor._conversations.live == 0)
                assert (await listed(http))["call"]["reason"] == "error"
                event = await follower.next(5)
                assert event is not None
                assert b'"reason":"error"' in event.data
                async with http.get("/readyz") as response:
                    assert response.status == 503
        (told,) = [line for line in logs if line["event"] == "channel can't be heard"]
        assert (told["conversation"], told["error"]) == ("call", "ShardGivenUp")


async def test_a_channel_that_cannot_be_heard_ends_its_conversation_and_says_whether_it_is_quarantined(tmp_path):
    async with up(options(tmp_path)) as (supervisor, _, _):
        failed = []
        supervisor._conversations.fail = lambda *said: failed.append(said)
        supervisor._reports.channel_failed("a", "external", QUARANTINED)
        supervisor._reports.channel_failed("b", "external", "ShardGivenUp")
        assert failed == [("a", "quarantined"), ("b", "error")]
