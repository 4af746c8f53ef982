import asyncio
import contextlib
import time
from pathlib import Path

from engine.simulator.call import Call
from engine.simulator.conversation import Conversation
from engine.simulator.delivery import Track
from engine.simulator.options import CallOptions, DeliveryOptions
from engine.simulator.playback import Playback
from engine.simulator.ticker import Ticker
from tests.support.waiting import until

MS = 1_000_000


class Ear:
    """Notes when each message came, in milliseconds of the monotonic clock."""

    def __init__(self):
        self.at_ms, self.ended = [], False

    async def deliver(self, message, position_ms):
        self.at_ms.append(time.monotonic_ns() / MS)

    async def end(self, reason):
        self.ended = True


def call_of(count: int) -> tuple[Call, Ear]:
    track = Track((b"x",) * count, tuple(20 * MS * (n + 1) for n in range(count)), 20 * MS * count)
    options = CallOptions(conversation_id="abc", wav=Path("a.wav"))
    call, ear = Call(options, DeliveryOptions(), Playback(track, DeliveryOptions()), Conversation("abc", 0)), Ear()
    call.listeners.add(ear)
    return call, ear


@contextlib.asynccontextmanager
async def running(ticker: Ticker):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ticker.run())
        yield
        task.cancel()


async def test_messages_keep_to_the_clock_and_none_is_early():
    ticker, (call, ear) = Ticker(), call_of(15)
    async with running(ticker):
        start_ns = time.monotonic_ns()
        call.playback.start(start_ns)
        ticker.add(call)
        await until(lambda: ear.ended)
    lags_ms = [at - start_ns / MS - 20 * (n + 1) for n, at in enumerate(ear.at_ms)]
    assert len(lags_ms) == 15
    assert min(lags_ms) >= 0
    assert sorted(lags_ms)[7] < 20  # the clock is absolute: lateness does not add up


async def test_a_second_call_starts_after_the_first_has_ended():
    ticker = Ticker()
    async with running(ticker):
        for _ in range(2):
            call, ear = call_of(2)
            call.playback.start(time.monotonic_ns())
            ticker.add(call)
            await until(lambda: ear.ended)  # noqa: B023 - awaited before it changes
            assert len(ear.at_ms) == 2


async def test_after_a_halt_everything_due_is_sent_at_once():
    ticker, (call, ear) = Ticker(), call_of(200)
    async with running(ticker):
        call.playback.start(time.monotonic_ns() - 3000 * MS)
        ticker.add(call)
        await until(lambda: len(ear.at_ms) >= 150)
        assert ear.at_ms[149] - ear.at_ms[0] < 500
        await call.end("enough")
