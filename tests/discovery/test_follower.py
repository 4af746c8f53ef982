"""The follower against the simulator: real sockets, the real platform process with the real SDK."""

import asyncio
import contextlib

import pytest

from engine.discovery import keeper
from engine.discovery.alone import LeadsAlone
from engine.discovery.follower import Follower
from engine.genesys.platform import PlatformClient
from engine.metrics import Metrics
from engine.options import DiscoveryOptions, GenesysOptions
from engine.simulator.options import CallOptions, SimulatorOptions, conversation_id
from engine.simulator.server import Simulator
from tests.support.simulated import FAST, noise_wav
from tests.support.waiting import until

QUEUES = ("queue-a", "queue-b")


class Taken:
    """Offers that takes everything."""

    def __init__(self):
        self.log = []

    @property
    def live(self):
        live = set()
        for what, name in self.log:
            (live.add if what == "offer" else live.discard)(name)
        return live

    async def offer(self, conversation_id, source):
        assert source == "notifications"
        self.log.append(("offer", conversation_id))
        return "offered"

    async def withdraw(self, conversation_id):
        self.log.append(("withdraw", conversation_id))
        return True


class Term:
    """A Leadership that a test gives and takes."""

    def __init__(self):
        self.epoch, self.lost, self._mine = None, asyncio.Event(), asyncio.Event()

    def give(self, epoch):
        self.epoch, self.lost = epoch, asyncio.Event()
        self._mine.set()

    def take(self):
        self.epoch = None
        self._mine.clear()
        self.lost.set()

    async def wait_to_lead(self):
        await self._mine.wait()
        return self.epoch


@pytest.fixture(autouse=True)
def _brisk(monkeypatch):
    monkeypatch.setattr(keeper, "OVERLAP_S", 0.05)


@contextlib.asynccontextmanager
async def cloud(tmp_path, calls=0, **settings):
    noise_wav(tmp_path / "a.wav", 60_000)
    played = tuple(
        CallOptions(conversation_id=conversation_id(number), wav=tmp_path / "a.wav") for number in range(calls)
    )
    repertoire = (CallOptions(conversation_id="any", wav=tmp_path / "a.wav"),)
    fixed = {
        "port": 0,
        "calls": played,
        "repertoire": repertoire,
        "queues": QUEUES,
        "delivery": FAST,
        "heartbeat_s": 0.2,
    }
    async with Simulator(SimulatorOptions.model_validate(fixed | settings)) as simulator:
        yield simulator


@contextlib.asynccontextmanager
async def following(simulator, leadership=None, **settings):
    """A follower of both queues unless told otherwise; yields what it offers, and its metrics."""
    names = {"queues": QUEUES, "query_again_s": 1.0, "requests_per_minute": 6000.0}
    options = DiscoveryOptions.model_validate(names | settings)
    genesys = GenesysOptions(
        client_id=simulator.options.client_id,
        client_secret=simulator.options.client_secret,
        login_url=simulator.url,
        api_url=simulator.url,
        realtime_url=simulator.realtime_url,
    )
    taken, metrics = Taken(), Metrics()
    async with PlatformClient(genesys) as platform:
        follower = Follower(options, platform, taken, leadership or LeadsAlone(), metrics)
        task = asyncio.create_task(follower.run())
        try:
            yield taken, metrics
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def up(metrics):
    return metrics.registry.get_sample_value("cueline_discovery_channels_up")


def queries(metrics, outcome="done"):
    return metrics.registry.get_sample_value("cueline_discovery_queries_total", {"outcome": outcome})


def asked(simulator, path):
    return sum(path in request.path for request in simulator.requests)


async def steady(metrics):
    """Followed, and what was there before has been asked for twice."""
    await until(lambda: up(metrics) == 1 and queries(metrics) >= 2)


async def test_calls_are_offered_as_they_begin_and_withdrawn_as_they_end(tmp_path):
    async with cloud(tmp_path) as simulator, following(simulator) as (taken, metrics):
        await steady(metrics)
        ids = [simulator.place_call() for _ in range(3)]
        await until(lambda: taken.live == set(ids))
        await simulator.end_call(ids[1])
        await until(lambda: taken.live == {ids[0], ids[2]})
    assert sorted(taken.log) == sorted([*(("offer", each) for each in ids), ("withdraw", ids[1])])


async def test_calls_that_were_live_before_are_found_by_the_query(tmp_path):
    async with cloud(tmp_path, calls=250) as simulator, following(simulator) as (taken, metrics):
        await until(lambda: len(taken.live) == 250)
        await steady(metrics)
        assert len(taken.log) == 250


async def test_calls_of_other_queues_are_left_alone(tmp_path):
    async with cloud(tmp_path, calls=4) as simulator, following(simulator, queues=("queue-b",)) as (taken, metrics):
        await steady(metrics)
        simulator.place_call("queue-a")
        mine = simulator.place_call("queue-b")
        await until(lambda: mine in taken.live)
    assert taken.live == {conversation_id(1), conversation_id(3), mine}


async def test_all_queues_and_one_that_is_made_later(tmp_path):
    async with (
        cloud(tmp_path, calls=2) as simulator,
        following(simulator, queues=(), all_queues=True, list_queues_every_s=1.0) as (taken, _),
    ):
        await until(lambda: len(taken.live) == 2)
        assert [len(channel.topics) for channel in simulator.channels] == [2]
        await until(lambda: asked(simulator, "/routing/queues") >= 2)
        assert len(simulator.channels) == 1


@pytest.mark.parametrize("fault", ["channel_drop", "channel_silence"])
async def test_a_lost_channel_is_replaced_and_what_was_missed_is_made_up(tmp_path, fault):
    async with cloud(tmp_path) as simulator, following(simulator, heartbeat_limit_s=0.5) as (taken, metrics):
        await steady(metrics)
        before = queries(metrics)
        simulator.arm(fault)
        missed = simulator.place_call()
        await until(lambda: missed in taken.live, 30)
        await until(lambda: queries(metrics) > before and up(metrics) == 1)
        after = simulator.place_call()
        await until(lambda: after in taken.live)
    assert len(taken.log) == 2


async def test_a_socket_that_is_announced_to_close_is_replaced_before(tmp_path):
    async with cloud(tmp_path, closing_s=30) as simulator, following(simulator) as (taken, metrics):
        await steady(metrics)
        before = queries(metrics)
        simulator.arm("channel_closing")
        await until(lambda: len(simulator.channels) == 2 and up(metrics) == 1)
        ids = [simulator.place_call() for _ in range(2)]
        await until(lambda: taken.live == set(ids))
        assert queries(metrics) == before  # nothing was missed, nothing had to be asked


async def test_a_channel_is_renewed_before_its_time_is_over(tmp_path):
    async with cloud(tmp_path, channel_life_s=3) as simulator, following(simulator) as (taken, metrics):
        await steady(metrics)
        before = queries(metrics)
        ids = []
        while asked(simulator, "/notifications/channels/") < 4:
            ids.append(simulator.place_call())
            await asyncio.sleep(0.05)
        await until(lambda: taken.live == set(ids))
        assert queries(metrics) == before
    assert len(taken.log) == len(ids)


@pytest.mark.parametrize("fault", ["event_repeated", "event_late", "channel_garbage"])
async def test_events_repeated_late_and_broken_do_no_harm(tmp_path, fault):
    async with cloud(tmp_path) as simulator, following(simulator) as (taken, metrics):
        await steady(metrics)
        simulator.arm(fault, count=3)
        ids = [simulator.place_call() for _ in range(4)]
        await until(lambda: taken.live == set(ids))
        for each in ids:
            await simulator.end_call(each)
        await until(lambda: taken.live == set())
    assert len(taken.log) == 8


async def test_a_transfer_to_a_queue_that_nobody_follows_does_not_end_the_call(tmp_path):
    async with cloud(tmp_path) as simulator, following(simulator, queues=("queue-a",)) as (taken, metrics):
        await steady(metrics)
        call = simulator.place_call("queue-a")
        await until(lambda: call in taken.live)
        conversation = simulator._cloud.calls[call].conversation
        conversation.transfer(conversation.participants[-1].id, {"queueId": "queue-z"}, 1)
        simulator._cloud.calls[call].announce()
        other = simulator.place_call("queue-a")
        await until(lambda: other in taken.live)
        assert taken.live == {call, other}
        await simulator.end_call(call)
        await until(lambda: taken.live == {other})


async def test_a_platform_that_refuses_for_a_while(tmp_path):
    faults = ({"name": "api_500", "count": 3},)
    async with cloud(tmp_path, calls=2, faults=faults) as simulator, following(simulator) as (taken, _):
        await until(lambda: len(taken.live) == 2, 60)


async def test_only_the_leader_follows_and_a_new_term_begins_with_a_query(tmp_path):
    term = Term()
    async with cloud(tmp_path) as simulator, following(simulator, term) as (taken, metrics):
        assert asked(simulator, "/notifications") == 0
        term.give(1)
        await steady(metrics)
        first = simulator.place_call()
        await until(lambda: taken.live == {first})
        term.take()
        await until(lambda: up(metrics) == 0)
        second = simulator.place_call()
        term.give(2)
        await until(lambda: taken.live == {first, second})
        assert up(metrics) == 1
