"""A host that drops every call at once: all come back, as fast as the budget says and no faster, and no new call waits for them."""

import asyncio
from contextlib import asynccontextmanager
from time import monotonic

from engine.errors import PlatformError
from engine.intake.conversation import Conversation
from engine.intake.realtime_client import RealtimeConversation
from engine.intake.retry_budget import RetryBudget, TokenBucket
from engine.metrics import Metrics
from tests.support.realtime import ENDED, LIVE, FakePlatform, FakeShards, Peer, options, realtime_server
from tests.support.waiting import until

CALLS = 300
PER_S = 60.0
TIMER_S = 0.01  # a loop's timer may be so early
CHECKS = 60.0  # a minute: 15 at once, and one every 1.3 s


class Turns:
    """Listens to a budget's sockets: when each turn is due. What a machine that stalls opens late is no fault of the budget."""

    def __init__(self, sockets: TokenBucket) -> None:
        self._sockets = sockets
        self.due_s: list[float] = []

    def turn_s(self, now_s: float) -> float:
        wait_s = self._sockets.turn_s(now_s)
        self.due_s.append(now_s + wait_s)
        return wait_s

    def kept_by(self, opened_s: list[float], others: int = 0) -> bool:
        """Whether each was opened in its turn or later, but for so many others that need none."""
        return all(opened_s[index + others] > due_s - TIMER_S for index, due_s in enumerate(sorted(self.due_s)))


class Host:
    """Its calls talk until it goes down once; then they talk on."""

    def __init__(self) -> None:
        self.down = asyncio.Event()
        self.opened_s: list[float] = []

    async def talk(self, peer: Peer) -> None:
        self.opened_s.append(monotonic())
        first = not self.down.is_set()
        await peer.subscribe()
        await peer.play(bytes(320))
        if first:
            await self.down.wait()
            peer.drop()
            return
        await peer.stay()


class Calls:
    """Many conversations with one budget."""

    def __init__(self, url: str) -> None:
        self.options = options(url, reconnects_per_s=PER_S, reconnect_checks_per_minute=CHECKS, connect_timeout_s=20.0)
        self.retries = RetryBudget(self.options)
        self.retries.sockets = self.turns = Turns(self.retries.sockets)
        self.platform, self.shards, self.metrics = FakePlatform(), FakeShards(), Metrics()
        self.all: list[Conversation] = []
        self.tasks: list[asyncio.Task[None]] = []

    def add(self, *, resumed: bool = False) -> Conversation:
        name = f"conv-{len(self.all)}"
        conversation = Conversation(name, "realtime", self.metrics, lambda _: None, resumed=resumed)
        self.all.append(conversation)
        lease = self.shards.lease(name, ("external",))
        client = RealtimeConversation(conversation, lease, self.options, self.platform, self.retries, self.metrics)
        self.tasks.append(asyncio.create_task(client.run()))
        return conversation

    @property
    def waiting(self) -> float | None:
        return self.metrics.registry.get_sample_value("cueline_reconnects_waiting")


@asynccontextmanager
async def calls_on(url: str):
    calls = Calls(url)
    try:
        yield calls
    finally:
        for task in calls.tasks:
            task.cancel()
        await asyncio.wait(calls.tasks)
    assert calls.waiting == 0


def in_one_second(times_s: list[float]) -> int:
    """The most that fell into any second."""
    return max(sum(begin_s <= each_s < begin_s + 1 for each_s in times_s) for begin_s in times_s)


async def test_all_come_back_within_the_budget_and_a_new_call_waits_for_none_of_them():
    host = Host()
    async with realtime_server(host.talk) as server, calls_on(server.url) as calls:
        for _ in range(CALLS):
            calls.add()
        await until(lambda: all(call.info.audio_ms for call in calls.all), 60)
        opened = len(host.opened_s)
        assert (opened, len(calls.platform.checked)) == (CALLS, CALLS)
        began_s = monotonic()
        host.down.set()
        await until(lambda: len(host.opened_s) > opened)
        assert calls.waiting > 0
        new = calls.add()
        await until(lambda: new.state == "listening")
        assert calls.waiting > 0
        await until(lambda: sum(call.info.audio_ms == 40 for call in calls.all) == CALLS, 60)
        took_s = monotonic() - began_s
    again_s = host.opened_s[opened:]
    assert len(again_s) == CALLS + 1
    assert len(calls.turns.due_s) == CALLS
    assert in_one_second(calls.turns.due_s) <= 2 * PER_S + 1  # the burst, a second's share
    assert calls.turns.kept_by(again_s, others=1)  # the new call
    assert took_s >= CALLS / PER_S - 1
    assert all((call.info.reconnects, call.state) == (1, "listening") for call in calls.all if call is not new)
    assert len(calls.platform.checked) - CALLS - 1 <= CHECKS / 4 + took_s * CHECKS * 0.75 / 60 + 1


async def test_those_of_an_earlier_engine_come_as_a_host_s_do():
    host = Host()
    host.down.set()  # it was before
    async with realtime_server(host.talk) as server, calls_on(server.url) as calls:
        for _ in range(150):
            calls.add(resumed=True)
        await until(lambda: all(call.info.audio_ms for call in calls.all), 60)
    assert len(calls.turns.due_s) == len(host.opened_s) == 150
    assert in_one_second(calls.turns.due_s) <= 2 * PER_S + 1
    assert calls.turns.kept_by(host.opened_s)
    assert len(calls.platform.checked) < 40  # looks; the others were live a moment ago


async def test_one_that_was_opened_without_a_look_is_looked_at_when_no_audio_comes():
    """The call ended while the host was down, which takes the subscription all the same and says nothing."""

    async def silent(peer: Peer) -> None:
        await peer.subscribe()
        await peer.stay()

    async with realtime_server(silent) as server, calls_on(server.url) as calls:
        calls.options = options(server.url, connect_timeout_s=0.2)
        calls.platform = FakePlatform(ENDED)
        while calls.retries.checks.take(monotonic()):
            pass
        call = calls.add(resumed=True)
        await until(lambda: call.state == "listening")
        assert calls.platform.checked == []
        await until(lambda: call.over, 20)
        assert (call.info.reason, calls.platform.checked) == ("ended", ["conv-0"])


async def test_one_that_was_opened_without_a_look_and_talks_is_not_looked_at():
    async def talk(peer: Peer) -> None:
        await peer.subscribe()
        for _ in range(20):
            await peer.play(bytes(320))
            await asyncio.sleep(0.02)
        await peer.close(1000)

    async with realtime_server(talk) as server, calls_on(server.url) as calls:
        calls.options = options(server.url, connect_timeout_s=0.1)
        while calls.retries.checks.take(monotonic()):
            pass
        call = calls.add(resumed=True)
        await until(lambda: call.over, 20)
        assert (call.info.reason, call.info.audio_ms, calls.platform.checked) == ("ended", 400, [])


async def test_a_first_look_that_failed_is_made_again_before_any_socket():
    """Never live before: without a look it is not opened, however long its turn takes."""

    async def talk(peer: Peer) -> None:
        await peer.subscribe()
        await peer.close(1000)

    async with realtime_server(talk) as server, calls_on(server.url) as calls:
        calls.platform = FakePlatform(PlatformError("not now", status=500, retry_after_s=0.001), LIVE)
        calls.retries = RetryBudget(options(server.url, reconnect_checks_per_minute=120.0))
        while calls.retries.checks.take(monotonic()):
            pass
        call = calls.add()
        await until(lambda: call.state == "reconnecting")
        await until(lambda: calls.waiting)
        assert server.openings == 0
        await until(lambda: call.over, 20)
        assert (call.info.reason, len(calls.platform.checked)) == ("ended", 2)
