import asyncio
import contextlib

import pytest

from engine.discovery.handing import Handing
from engine.errors import FleetError
from tests.support.waiting import until

AWAY = FleetError("away", "unreachable")


class Taker:
    """Offers that are taken as `answers` says, by conversation; the last answer stays."""

    def __init__(self, **answers):
        self.answers = answers
        self.log = []

    async def offer(self, conversation_id, source):
        assert source == "notifications"
        self.log.append(("offer", conversation_id))
        return self.answer(conversation_id, "offered")

    async def withdraw(self, conversation_id):
        self.log.append(("withdraw", conversation_id))
        return self.answer(conversation_id, True)

    def answer(self, conversation_id, usual):
        answers = self.answers.get(conversation_id, [usual])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, FleetError):
            raise answer
        return answer


@contextlib.asynccontextmanager
async def handing(taker):
    working = Handing(taker, pause_s=0.01)
    task = asyncio.create_task(working.run())
    try:
        yield working
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_calls_are_handed_in_in_order():
    taker = Taker()
    async with handing(taker) as work:
        for number in range(100):
            work.live(f"c{number}")
        await until(lambda: len(taker.log) == 100)
    assert taker.log == [("offer", f"c{number}") for number in range(100)]


async def test_a_call_that_ended_before_it_could_be_offered_is_only_withdrawn():
    taker = Taker()
    async with handing(taker) as work:
        work.live("c")
        work.ended("c")
        await until(lambda: taker.log)
    assert taker.log == [("withdraw", "c")]


@pytest.mark.parametrize("outcome", ["full", AWAY], ids=["full", "redis"])
async def test_what_found_no_room_is_offered_again(outcome):
    taker = Taker(c=[outcome, outcome, "offered"])
    async with handing(taker) as work:
        work.live("c")
        await until(lambda: len(taker.log) == 3 and work.waiting == 0)
    assert taker.log == [("offer", "c")] * 3


async def test_what_ended_while_redis_was_away_is_withdrawn_when_it_is_back():
    taker = Taker(c=[AWAY, AWAY, True])
    async with handing(taker) as work:
        work.ended("c")
        await until(lambda: len(taker.log) == 3 and work.waiting == 0)
    assert taker.log == [("withdraw", "c")] * 3


async def test_what_nobody_has_need_not_be_withdrawn_again():
    taker = Taker(c=[False])
    async with handing(taker) as work:
        work.ended("c")
        work.live("d")
        await until(lambda: len(taker.log) == 2 and work.waiting == 0)
        await asyncio.sleep(0.03)
    assert taker.log == [("withdraw", "c"), ("offer", "d")]


async def test_what_found_no_room_and_ended_is_not_offered_again():
    taker = Taker(c=["full"])
    async with handing(taker) as work:
        work.live("c")
        await until(lambda: taker.log)
        work.ended("c")
        await until(lambda: ("withdraw", "c") in taker.log)
        assert work.waiting == 0


@pytest.mark.parametrize("outcome", ["known", "stale", "refused", "quarantined"])
async def test_what_was_answered_otherwise_is_settled(outcome):
    taker = Taker(c=[outcome])
    async with handing(taker) as work:
        work.live("c")
        work.live("d")
        await until(lambda: len(taker.log) == 2 and work.waiting == 0)
