"""Notification channels as a client meets them; the engine's own follower meets them in tests/discovery."""

import json

import pytest
from websockets.asyncio.client import connect

from engine.simulator.channels import Channels
from engine.simulator.conversation import Conversation
from engine.simulator.faults import FaultBoard
from engine.simulator.refusals import RefusalError
from engine.simulator.server import Simulator
from tests.support.simulated import FIRST, noise_wav, options, platform

QUEUE = "v2.routing.queues.q1.conversations.calls"
LIVE = {
    "interval": "2026-01-01T00:00:00Z/2027-01-01T00:00:00Z",
    "conversationFilters": [{"type": "and", "predicates": [{"dimension": "conversationEnd", "operator": "notExists"}]}],
}


@pytest.fixture
async def simulator(tmp_path):
    noise_wav(tmp_path / "a.wav", 60_000)
    async with Simulator(options(tmp_path / "a.wav", calls=3, queues=("q1", "q2"), heartbeat_s=0.05)) as running:
        yield running


async def test_a_channels_socket_beats_answers_and_tells_of_calls(simulator):
    async with platform(simulator) as api:
        opened = (await api("POST", "/notifications/channels")).body
        answer = await api(
            "PUT", f"/notifications/channels/{opened['id']}/subscriptions", [{"id": QUEUE}, {"id": "v2.x"}]
        )
        assert [each["state"] for each in answer.body["entities"]] == ["Permitted", "Rejected"]
        async with connect(opened["connectUri"]) as socket:
            await socket.send('{"message":"ping"}')
            told = [json.loads(await socket.recv()) for _ in range(3)]
            assert {each["eventBody"]["message"] for each in told} == {"pong", "WebSocket Heartbeat"}
            await simulator.end_call(FIRST)
            while (event := json.loads(await socket.recv()))["topicName"] == "channel.metadata":
                pass
    assert (event["topicName"], event["eventBody"]["id"]) == (QUEUE, FIRST)
    assert [each["state"] for each in event["eventBody"]["participants"]] == ["disconnected"] * 2
    assert event["eventBody"]["participants"][1]["queue"] == {"id": "q1"}


async def test_the_query_finds_live_calls_by_queue_and_page(simulator):
    await simulator.end_call(FIRST)
    of_q1 = [{"type": "or", "predicates": [{"dimension": "queueId", "operator": "matches", "value": "q1"}]}]
    async with platform(simulator) as api:

        async def found(**more):
            answer = await api("POST", "/analytics/conversations/details/query", LIVE | more)
            assert answer.status == 200, answer.text
            return answer.body["totalHits"], len(answer.body.get("conversations", ()))

        assert await found() == (2, 2)
        assert await found(segmentFilters=of_q1) == (1, 1)
        assert await found(paging={"pageSize": 1, "pageNumber": 2}) == (2, 1)
        assert await found(paging={"pageSize": 1, "pageNumber": 3}) == (2, 0)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        LIVE | {"paging": {"pageSize": 101}},
        LIVE | {"paging": {"pageSize": "x"}},
        LIVE | {"segmentFilters": [{"type": "and", "predicates": [{"dimension": "ani", "value": "1"}]}]},
    ],
)
async def test_queries_that_the_platform_would_refuse(simulator, body):
    async with platform(simulator) as api:
        assert (await api("POST", "/analytics/conversations/details/query", body)).status == 400


def test_the_channel_beyond_twenty_takes_the_place_of_the_oldest():
    channels = Channels(FaultBoard(), 60)
    ids = [channels.open().id for _ in range(21)]
    assert [each.id for each in channels.all] == ids[1:]
    with pytest.raises(RefusalError):
        channels.find(ids[0])


def test_a_thousand_topics_and_no_more():
    channels = Channels(FaultBoard(), 60)
    channel = channels.open()
    topics = [f"t{number}" for number in range(1000)]
    assert len(channels.subscribe(channel.id, topics).topics) == 1000
    with pytest.raises(RefusalError, match="1000"):
        channels.subscribe(channel.id, [*topics, "one more"])


def test_a_channel_ends_with_its_life():
    channels = Channels(FaultBoard(), 0)
    channels.open()
    assert channels.all == ()


def test_a_call_by_a_queue_names_it():
    assert Conversation(FIRST, 0, "q").named("queueId") == ("q",)
    assert Conversation(FIRST, 0).named("queueId") == ()
