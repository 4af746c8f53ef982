"""The end: of a call, of the engine, and of patience. What was said before it is delivered."""

import asyncio
import signal

from aiohttp import web

from tests.support.commands import answer, receiver
from tests.support.following import QUICK, assert_heard, delivered, heard_in, hears, phrases_of, running
from tests.support.shards import recording
from tests.support.strange_cloud import Line, strange_cloud
from tests.support.waiting import until

MS = 16  # bytes
KEYWORDS = {"TARGET_KEYWORD": "transfer me,cancel my order,stop recording,technical support,close my account"}


async def test_what_is_said_at_the_very_end_of_a_call_is_delivered(tmp_path):
    """The calls end, in each way there is, with the phrase's last sound."""
    calls = {}
    for number, ending in zip((1, 2, 4, 7), ("close 1000", "abort", "state", "terminated"), strict=True):
        (phrase, end_ms) = phrases_of(number)[0]
        pcm = recording(number).pcm[: MS * end_ms]
        calls[f"call-{number}"] = (Line(pcm, ending=ending), [(phrase, end_ms)])
    lines = {name: line for name, (line, _) in calls.items()}
    async with receiver() as hook, strange_cloud(lines, speed=2) as cloud:
        environment = cloud.environment | KEYWORDS | {"CUELINE_WEBHOOK_URL": hook.url}
        async with running(environment, tmp_path) as engine:
            for name, (_, said) in calls.items():
                await engine.comes_to(name, "ended")
                await hears(engine, hook, name, said)


async def test_what_is_said_just_before_ctrl_c_is_delivered(tmp_path):
    """Ctrl-C comes with the phrase's last sound; the call would go on. The receiver fails at first."""
    (phrase, end_ms), *_ = phrases_of(1)
    line = Line(recording(1).pcm)
    async with receiver(answer(503), answer(200)) as hook, strange_cloud({"call-1": line}, speed=1) as cloud:
        environment = cloud.environment | KEYWORDS | {"CUELINE_WEBHOOK_URL": hook.url}
        async with running(environment, tmp_path) as engine:
            await until(lambda: line.at >= MS * end_ms)
            engine.command.send(signal.SIGINT)
            assert await engine.command.ended(30) == 0
            await engine.command.vanished()
        assert_heard(heard_in(hook, "call-1")[-1:], [(phrase, end_ms)])
        assert len({got.headers["webhook-id"] for got in hook.received}) == 1
        (left,) = engine.command.logged("conversation left")
        assert left["reason"] == "drained"


async def test_after_term_calls_go_on_until_the_deadline_and_no_more_are_taken(tmp_path):
    """TERM comes before the first phrase; two calls end in time, one would go on for long."""
    first, *_ = phrases_of(1)
    lines = {"short": Line(recording(1).pcm[: MS * 8000]), "long": Line(recording(1).pcm), "other": Line(b"")}
    async with receiver() as hook, strange_cloud(lines, speed=2) as cloud:
        cloud.environment["GENESYS_CONVERSATION_ID"] = "short,long"
        environment = cloud.environment | KEYWORDS | {"CUELINE_WEBHOOK_URL": hook.url, "CUELINE_DRAIN_S": "9"}
        async with running(environment, tmp_path) as engine:
            await engine.comes_to("long", "listening")
            loop = asyncio.get_running_loop()
            begun = loop.time()
            engine.command.send(signal.SIGTERM)
            await engine.ready(503)
            assert loop.time() - begun < 5
            _, body = await engine.ask("GET", "/readyz")
            assert body["conditions"]["not_draining"] is False
            status, body = await engine.follow("other")
            assert (status, body["reason"]) == (503, "draining")
            assert (await engine.ask("GET", "/healthz"))[0] == 200
            assert (await engine.comes_to("short", "ended"))["reason"] == "ended"
            assert await engine.command.ended(30) == 0
            took_s = loop.time() - begun
        assert 5 < took_s < 20
        assert_heard(heard_in(hook, "short"), [first])
        assert_heard(heard_in(hook, "long")[:1], [first])
        reasons = {line["conversation_id"]: line["reason"] for line in engine.command.logged("conversation left")}
        assert reasons == {"short": "ended", "long": "drained"}
        assert not engine.command.logged("workers killed at the deadline")


async def test_a_second_signal_hurries(tmp_path):
    """An hour's patience, two signals: it ends now, and says whether that cut anything off."""
    async with strange_cloud({"call-1": Line(recording(1).pcm)}, speed=1) as cloud:
        environment = cloud.environment | {"CUELINE_DRAIN_S": "3600"}
        async with running(environment, tmp_path) as engine:
            await engine.comes_to("call-1", "listening")
            engine.command.send(signal.SIGTERM)
            await engine.command.says("stopping", signal="SIGTERM", grace_s=3600.0)
            await engine.ready(503)
            assert (await engine.info("call-1"))["state"] == "listening"
            engine.command.send(signal.SIGTERM)
            code = await engine.command.ended(60)
            last = engine.command.logged("cueline has stopped")
            cut_off = engine.command.logged("channels were not heard to their ends") or engine.command.logged(
                "workers killed at the deadline"
            )
            # nothing waits for what a worker that lacks a processor has not heard yet: then the code says so
            assert (code, [line["orderly"] for line in last]) == ((1, [False]) if cut_off else (0, [True]))
            assert [line["reason"] for line in engine.command.logged("conversation left")] == ["drained"]
            await engine.command.vanished()


async def test_a_webhook_that_is_down_gets_all_when_it_is_up_and_holds_up_nobody(tmp_path):
    """Refused connections, then 500, then silence, then well: each event arrives once in the end; the file sink waits for none of it."""

    async def silence(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3)
        return web.Response()

    config = (
        QUICK
        + """
[[sinks]]
name = "events"
type = "file"
path = "events.jsonl"

[[sinks]]
name = "webhook"
type = "webhook"
url = "http://127.0.0.1:9/"
timeout_s = 0.5

[[rules]]
name = "all"
phrases = ["transfer me", "cancel my order", "stop recording"]
refractory_s = 0
sinks = ["events", "webhook"]
"""
    )
    said = phrases_of(1)
    async with (
        receiver(answer(500), silence, answer(200)) as hook,
        strange_cloud({"call-1": Line(recording(1).pcm)}) as cloud,
    ):
        environment = cloud.environment | {"CUELINE_WEBHOOK_URL": hook.url}
        async with running(environment, tmp_path, config) as engine:
            await engine.comes_to("call-1", "ended")
            await engine.settled()
            assert await engine.metric("cueline_commands_total", sink="webhook", outcome="delivered") == len(said)
            assert await engine.metric("cueline_commands_total", sink="events", outcome="delivered") == len(said)
        bodies = {got.headers["webhook-id"]: got.body for got in hook.received}
        assert len(bodies) == len(said)
        assert len(hook.received) == len(said) + 2
        lines = (tmp_path / "events.jsonl").read_bytes().splitlines()
        assert sorted(lines) == sorted(bodies.values())
        assert {data["rule"] for data in delivered(hook)} == {"all"}


async def test_a_webhook_that_stays_down_is_told_and_the_end_does_not_wait_for_it(tmp_path):
    line = Line(recording(1).pcm[: MS * 8000])
    async with strange_cloud({"call-1": line}) as cloud:
        environment = cloud.environment | {
            "CUELINE_WEBHOOK_URL": "http://127.0.0.1:9/hook?key=hush-hush",
            "CUELINE_DRAIN_S": "3",
        }
        async with running(environment, tmp_path) as engine:
            await engine.comes_to("call-1", "ended")
            await engine.command.says("Phrase spotted")
            engine.command.send(signal.SIGTERM)
            assert await engine.command.ended(30) == 0
            (told,) = engine.command.logged("Commands wait for the next start")
            assert (told["level"], told["deliveries"]) == ("warning", 1)
            assert "hush-hush" not in "\n".join(engine.command.err)
