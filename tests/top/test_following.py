"""Connecting again and again, against real sockets; what is waited is noted instead."""

import asyncio

import pytest

from engine.errors import LiveError
from engine.live_client import LiveClient, LiveEvent
from engine.top.following import BACKOFF_S, BEHIND, ENDED, JITTER, follow
from tests.support.live import Feed, serving
from tests.support.waiting import until


class Looker:
    """Follows, and does something at each rest."""

    def __init__(self, *, good: bool = True) -> None:
        self.good = good
        self.kinds: list[str] = []
        self.downs: list[tuple[str, float]] = []

    def on_event(self, event: LiveEvent) -> bool:
        self.kinds.append(event.kind)
        return self.good

    def on_down(self, why: str, wait_s: float) -> None:
        self.downs.append((why, wait_s))

    async def rest(self, _seconds: float) -> None:
        await asyncio.sleep(0)

    async def follow(self, url: str) -> None:
        await follow(LiveClient(url), self.on_event, self.on_down, self.rest)


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_engine_that_comes_goes_and_comes_back():
    async with serving(Feed()) as url:
        pass
    port, looker = int(url.rpartition(":")[2]), Looker()
    task = asyncio.create_task(looker.follow(url))
    await until(lambda: len(looker.downs) >= 6)
    waits = [wait_s for _, wait_s in looker.downs[:6]]
    for wait_s, base_s in zip(waits, (*BACKOFF_S, BACKOFF_S[-1], BACKOFF_S[-1]), strict=True):
        assert abs(wait_s - base_s) <= JITTER * base_s
    for _ in range(2):
        feed, seen, downs = Feed(), len(looker.kinds), len(looker.downs)
        async with serving(feed, port):
            await until(lambda seen=seen: len(looker.kinds) > seen)
            feed.hang_up()
            await until(lambda downs=downs: any(why == ENDED for why, _ in looker.downs[downs:]))
        ended = next(wait_s for why, wait_s in looker.downs[downs:] if why == ENDED)
        assert ended <= BACKOFF_S[0] * (1 + JITTER), "a connection that was good starts patience anew"
    await cancelled(task)


async def test_who_fell_behind_connects_anew():
    feed, looker = Feed(), Looker(good=False)
    async with serving(feed) as url:
        task = asyncio.create_task(looker.follow(url))
        await until(lambda: feed.connections >= 3)
        await cancelled(task)
    assert {why for why, _ in looker.downs} == {BEHIND}


async def test_what_can_not_be_mended_ends_it():
    async with serving(Feed(token="right")) as url:
        with pytest.raises(LiveError, match="wants a token"):
            await Looker().follow(url)
