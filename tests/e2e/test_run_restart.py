"""The supervisor killed in mid-call and started again: the calls are heard on, nothing twice, and positions stay true."""

import asyncio
import signal
import time

from tests.support.commands import receiver
from tests.support.engine import shared_memory
from tests.support.following import QUICK, assert_heard, delivered, heard_in, phrases_of, running, simulator
from tests.support.waiting import until

PHRASES = "transfer me,cancel my order,stop recording"
STEADY, ENDING, SILENT = 1, 2, 3


async def died(engine):
    engine.command.send(signal.SIGKILL)
    assert await engine.command.ended(30) == -signal.SIGKILL
    await engine.command.vanished()


async def test_calls_are_taken_up_again_after_two_kills_in_a_row(tmp_path):
    """One phrase before, one after; a call that ended meanwhile is closed. Nobody says again which calls there are."""
    before, *_, last = phrases_of(STEADY)
    memory = shared_memory()
    async with receiver() as hook, simulator("--calls", 3) as cloud:
        begun_s = time.monotonic()  # of the calls, at the earliest
        steady, ending, _ = cloud.ids
        once = cloud.follow(STEADY, ENDING) | {"TARGET_KEYWORD": PHRASES, "CUELINE_WEBHOOK_URL": hook.url}
        again = {name: value for name, value in once.items() if name != "GENESYS_CONVERSATION_ID"}
        async with running(once, tmp_path, QUICK) as engine:
            await until(lambda: heard_in(hook, steady), 40)
            await died(engine)
        await cloud.end(ENDING)
        async with running(again, tmp_path, QUICK) as engine:
            await engine.command.says("conversations of an earlier engine are taken up again", count=2)
            assert (await engine.comes_to(ending, "ended"))["reason"] == "ended"
            await engine.comes_to(steady, "listening")
            await until_heard(engine, steady)
            first = await engine.info(steady)
            assert first["gap_ms"] > 0
            await died(engine)
        async with running(again, tmp_path, QUICK) as engine:
            await engine.command.says("conversations of an earlier engine are taken up again", count=1)
            await until_heard(engine, steady)
            in_time = (time.monotonic() - begun_s) * 1000 < last[1] - 2000  # two starts on a busy machine may take it
            assert (await engine.info(steady))["gap_ms"] > 0
            assert await engine.metric("cueline_audio_gap_seconds_total") > 0
            info = await engine.comes_to(steady, "ended", timeout_s=60)
            assert info["reason"] == "ended"
            await engine.settled()
            await engine.command.says("conversation left", conversation_id=steady)
            left = {line["conversation_id"]: line["reason"] for line in engine.command.logged("conversation left")}
            assert left == {steady: "ended"}
        async with running(again, tmp_path, QUICK) as engine:
            assert not engine.command.logged("conversations of an earlier engine are taken up again")
            assert await engine.ask("GET", "/v1/conversations") == (200, {"conversations": []})
        heard = heard_in(hook, steady)
        assert_heard(heard[:1], [before])
        if in_time:
            assert_heard(heard[-1:], [last])
        # A kill between the answer and its record sends once more, with the same id; no id stands for two phrases.
        places = {(data["conversation_id"], data["rule"], data["utterance_start_ms"]) for data in delivered(hook)}
        assert len(places) == len({got.headers["webhook-id"] for got in hook.received})
    assert shared_memory() <= memory


async def until_heard(engine, conversation_id):
    """Audio has come, and for long enough that its place has been noted."""
    async with asyncio.timeout(20):
        while (await engine.info(conversation_id))["audio_ms"] < 500:
            await asyncio.sleep(0.02)


async def test_term_keeps_what_it_cuts_off_for_the_next_engine_and_ctrl_c_forgets_it(tmp_path):
    async with simulator("--calls", 1, "--loop") as cloud:
        (name,) = cloud.ids
        again = {key: value for key, value in cloud.follow(1).items() if key != "GENESYS_CONVERSATION_ID"}
        for environment, number, resumed in (
            (cloud.follow(1), signal.SIGTERM, False),
            (cloud.follow(1), signal.SIGINT, True),
            (again, signal.SIGTERM, False),
        ):
            async with running(environment | {"CUELINE_DRAIN_S": "5"}, tmp_path, QUICK) as engine:
                taken_up = engine.command.logged("conversations of an earlier engine are taken up again")
                assert bool(taken_up) == resumed
                if environment is not again:
                    await engine.comes_to(name, "listening")
                    assert not engine.command.logged("conversation refused")
                engine.command.send(number)
                assert await engine.command.ended(30) == 0
