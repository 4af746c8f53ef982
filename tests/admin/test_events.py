"""The event stream: never waits, loses the oldest, counts it, and continues where a reader was."""

import asyncio

import orjson
import pytest

from engine.admin.events import FOLLOWERS, KEPT, WAITING, WAITING_BYTES, EventStream
from engine.errors import RefusedError


async def numbers(follower, count: int) -> list[int]:
    return [(await follower.next(1)).number for _ in range(count)]


async def test_everybody_hears_everything_in_order() -> None:
    stream = EventStream()
    followers = [stream.follow(), stream.follow()]
    for index in range(3):
        stream.publish("phrase", {"index": index})
    for follower in followers:
        events = [await follower.next(1) for _ in range(3)]
        assert [(event.number, event.kind, orjson.loads(event.data)) for event in events] == [
            (1, "phrase", {"index": 0}),
            (2, "phrase", {"index": 1}),
            (3, "phrase", {"index": 2}),
        ]


async def test_a_waiting_reader_is_woken() -> None:
    stream = EventStream()
    follower = stream.follow()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(follower.next(5))
        await asyncio.sleep(0)
        stream.publish("k", {})
    assert waiting.result().kind == "k"


async def test_nothing_in_time() -> None:
    assert await EventStream().follow().next(0.001) is None


async def test_a_slow_reader_loses_the_oldest_and_is_told() -> None:
    lost = []
    stream = EventStream(lambda: lost.append(1))
    slow, quick = stream.follow(), stream.follow()
    for number in range(1, WAITING + 4):
        stream.publish("k", {})
        assert (await quick.next(1)).number == number
    assert (slow.take_lost(), slow.take_lost(), quick.take_lost(), len(lost)) == (3, 0, 0, 3)
    assert await numbers(slow, WAITING) == list(range(4, WAITING + 4))


async def test_a_reader_who_comes_back_continues() -> None:
    stream = EventStream()
    for _ in range(KEPT + 10):
        stream.publish("k", {})
    assert await numbers(stream.follow(after=KEPT + 7), 3) == [KEPT + 8, KEPT + 9, KEPT + 10]
    assert await numbers(stream.follow(after=0), 1) == [11]
    assert await stream.follow().next(0.001) is None
    assert await stream.follow(after=10**9).next(0.001) is None


async def test_followers_are_bounded_and_places_come_free() -> None:
    stream = EventStream()
    followers = [stream.follow() for _ in range(FOLLOWERS)]
    with pytest.raises(RefusedError) as caught:
        stream.follow()
    assert caught.value.reason == "capacity"
    followers[0].close()
    stream.follow().close()


async def test_closing_ends_all_and_takes_no_more() -> None:
    stream = EventStream()
    follower = stream.follow()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(follower.next(5))
        await asyncio.sleep(0)
        stream.close()
    assert waiting.result() is None
    assert follower.closed
    stream.publish("k", {})
    with pytest.raises(RefusedError) as caught:
        stream.follow()
    assert caught.value.reason == "draining"


async def test_what_waits_is_bounded_in_bytes_too():
    lost = []
    stream = EventStream(lambda: lost.append(1))
    follower = stream.follow()
    large = "x" * (WAITING_BYTES // 3)
    for _ in range(4):
        stream.publish("k", {"text": large})
    assert (len(lost), follower.take_lost()) == (2, 2)
    assert [(await follower.next(1)).number for _ in range(2)] == [3, 4]
    stream.publish("k", {"text": "x" * (WAITING_BYTES + 1)})  # one always has room
    assert (await follower.next(1)).number == 5
    assert len(lost) == 2


async def test_a_stream_may_keep_nothing():
    stream = EventStream(kept=0)
    assert not stream.followed
    stream.publish("k", {})
    follower = stream.follow(after=0)
    assert (stream.followed, stream.number) == (True, 1)
    assert await follower.next(0.001) is None
    follower.close()
    assert not stream.followed
