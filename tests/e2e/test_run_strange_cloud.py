"""`cueline run` against a cloud that others might have written, with nothing but environment variables."""

import asyncio

from tests.support.commands import receiver
from tests.support.following import assert_heard, heard_in, phrases_of, running
from tests.support.shards import recording
from tests.support.strange_cloud import TALKING, Line, strange_cloud

LENGTH_MS = 14_000
NESTED_500 = {"error": {"code": "500", "message": "sorry"}}
LATER = {"type": "subscribe_failed", "code": "too.many.requests", "retryAfter": "0.2"}
MEDIA = {
    "participants": [{"purpose": "customer", "calls": [{"state": "CONNECTED"}], "endTime": None}, {"purpose": "ivr"}]
}


def pcm(number):
    return recording(number).pcm[: 16 * LENGTH_MS]


def said_by(number, *wanted):
    return [(phrase, end_ms) for phrase, end_ms in phrases_of(number, *wanted) if end_ms < LENGTH_MS]


def lines():
    return {
        "plain": Line(pcm(1)),
        "1-byte": Line(pcm(10)[: 16 * 4500], sizes=(1, 319, 321), binary=True, ending="abort"),
        "huge": Line(pcm(4), sizes=(10_000,), ack={"type": "ack"}, ending="state"),
        "odd": Line(
            pcm(3), sizes=(333, 7, 15, 641, 1023), ending="terminated", ack={"id": "voice-stream-1", "result": 0}
        ),
        "later": Line(pcm(7), refusals=[LATER, NESTED_500], looks=[500, MEDIA], binary=True),
        "quiet": Line(pcm(16), ack={"type": "subscription", "status": "listening"}, ending="close 1001"),
    }


def in_lower_case(heard):
    return [(phrase.lower(), at_ms) for phrase, at_ms in heard]


async def test_whatever_the_specs_leave_open_is_taken_as_it_comes(tmp_path):
    """Login, look-up, upgrade and connect fail once each; every line ends in a way of its own."""
    async with receiver() as hook, strange_cloud(lines(), speed=2) as cloud:
        cloud.logins = [503, 429]
        cloud.upgrades = [502, 401]
        cloud.connects = [{"type": "hello"}]
        environment = cloud.environment | {
            "TARGET_KEYWORD": "Transfer me, Cancel My Order,technical support ,STOP RECORDING",
            "CUELINE_WEBHOOK_URL": hook.url,
            "CUELINE_LOG_LEVEL": "debug",
        }
        async with running(environment, tmp_path) as engine:
            ends = await asyncio.gather(
                *(engine.comes_to(name, "ended", "failed", timeout_s=60) for name in cloud.lines)
            )
            code = await engine.command.stop()
        assert code == 0
        assert {info["conversation_id"]: info["reason"] for info in ends} == dict.fromkeys(cloud.lines, "ended")
        wanted = ("transfer me", "cancel my order", "technical support", "stop recording")
        for name, number in {"plain": 1, "huge": 4, "odd": 3, "later": 7}.items():
            assert_heard(in_lower_case(heard_in(hook, name)), said_by(number, *wanted))
        assert_heard(in_lower_case(heard_in(hook, "1-byte")), phrases_of(10)[:1])
        assert {phrase for phrase, _ in heard_in(hook, "plain")} == {"Transfer me", "Cancel My Order"}, "as configured"
        assert heard_in(hook, "quiet") == []
        log = "\n".join(engine.command.err)
        assert not [token for token in cloud.tokens if token in log]
        assert cloud.environment["GENESYS_CLIENT_SECRET"] not in log


async def test_a_call_that_breaks_in_mid_phrase_is_taken_up_again(tmp_path):
    """Cut in the middle of a phrase, which is lost with the rest of the gap; those before and after are heard at their places."""
    first, second, third = phrases_of(1)
    cut_ms = second[1] - 400
    line = Line(recording(1).pcm[: 16 * 26_000], break_at=16 * cut_ms, looks=[TALKING])
    async with receiver() as hook, strange_cloud({"broken": line}) as cloud:
        environment = cloud.environment | {
            "TARGET_KEYWORD": "transfer me,cancel my order,stop recording",
            "CUELINE_WEBHOOK_URL": hook.url,
        }
        async with running(environment, tmp_path) as engine:
            info = await engine.comes_to("broken", "ended", timeout_s=60)
            gap_s = await engine.metric("cueline_audio_gap_seconds_total")
            reconnects = await engine.metric("cueline_reconnects_total", reason="dropped")
        assert (info["reconnects"], reconnects, line.subscriptions) == (1, 1, 2)
        assert info["gap_ms"] >= 0
        assert gap_s == info["gap_ms"] / 1000
        assert_heard(heard_in(hook, "broken"), [first, third], slack_ms=4 * info["gap_ms"])


async def test_a_cloud_without_any_look_up_is_told_apart_from_one_that_is_down(tmp_path):
    """A 404 for everything reads as: no such conversation. The message says what to check."""
    async with (
        strange_cloud({"there": Line(pcm(1)[:16000], looks=[404])}) as cloud,
        running(cloud.environment, tmp_path) as engine,
    ):
        info = await engine.comes_to("there", "failed")
        assert info["reason"] == "not_found"
        assert "check its id and the region" in info["message"]
        assert (await engine.ask("GET", "/readyz"))[0] == 200
