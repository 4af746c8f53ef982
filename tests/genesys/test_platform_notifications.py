"""Channels, topics, queries and queues against real sockets, through the real process and the real SDK."""

import pytest

from engine.errors import PlatformError
from engine.genesys.notification_messages import LiveCall
from engine.genesys.platform_notifications import PAGE, live_call
from tests.support.loopback_platform import DROP, Reply

CHANNELS = "/api/v2/notifications/channels"
QUERY = "/api/v2/analytics/conversations/details/query"
OPENED = {"id": "ch-1", "connectUri": "wss://streaming/channels/ch-1", "expires": "2999-01-01T00:00:00.000Z"}


async def test_a_channel(cloud, connect):
    cloud.script("POST", CHANNELS, Reply(body=OPENED))
    opened = await (await connect()).open_channel()
    assert (opened.channel_id, opened.connect_uri) == ("ch-1", "wss://streaming/channels/ch-1")
    assert opened.life_s > 1e9


@pytest.mark.parametrize("expires", [None, "soon", "2001-01-01T00:00:00Z", 7])
async def test_a_channel_whose_life_is_not_told(cloud, connect, expires):
    cloud.script("POST", CHANNELS, Reply(body=OPENED | {"expires": expires}))
    assert (await (await connect()).open_channel()).life_s is None


@pytest.mark.parametrize("body", [{}, {"id": "x"}, OPENED | {"connectUri": "http://x"}, OPENED | {"id": 7}])
async def test_an_answer_that_names_no_channel(cloud, connect, body):
    cloud.script("POST", CHANNELS, Reply(body=body))
    with pytest.raises(PlatformError, match="names no channel"):
        await (await connect()).open_channel()


async def test_a_channel_is_never_opened_twice_for_one_request(cloud, connect):
    cloud.script("POST", CHANNELS, DROP)
    with pytest.raises(PlatformError) as caught:
        await (await connect()).open_channel()
    assert (caught.value.happened, cloud.count("POST", CHANNELS)) == ("unknown", 1)


async def test_topics_are_set_and_those_refused_are_told(cloud, connect):
    path = f"{CHANNELS}/ch-1/subscriptions?ignoreErrors=true"
    states = [{"id": "t1", "state": "Permitted"}, {"id": "t2", "state": "Rejected", "rejectionReason": "…"}, 7]
    cloud.script("PUT", path, Reply(500), Reply(body={"entities": states}))
    assert await (await connect()).subscribe("ch-1", ("t1", "t2")) == ("t2",)
    assert cloud.of("PUT", path)[-1].json == [{"id": "t1"}, {"id": "t2"}]


async def test_a_channels_id_that_is_none_is_never_put_into_an_address(cloud, connect):
    with pytest.raises(PlatformError, match="channel's id"):
        await (await connect()).subscribe("../x", ())
    assert cloud.requests == []


async def test_the_query_for_live_calls(cloud, connect):
    told = {"conversationId": "c-1", "participants": [{"sessions": [{"mediaType": "voice", "segments": [{}]}]}]}
    cloud.script("POST", QUERY, Reply(body={"conversations": [told, {"conversationId": "a/b"}, 7]}))
    found = await (await connect()).live_calls("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", 2, ("q1", "q2"), ("u1",))
    assert (found.calls, found.more) == ((LiveCall("c-1", (), ()),), False)
    [sent] = cloud.of("POST", QUERY)

    def matches(name, value):
        return {"type": "dimension", "dimension": name, "operator": "matches", "value": value}

    assert sent.json == {
        "interval": "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z",
        "order": "asc",
        "orderBy": "conversationStart",
        "paging": {"pageSize": 100, "pageNumber": 2},
        "conversationFilters": [
            {
                "type": "and",
                "predicates": [{"type": "dimension", "dimension": "conversationEnd", "operator": "notExists"}],
            }
        ],
        "segmentFilters": [
            {"type": "and", "predicates": [matches("mediaType", "voice")]},
            {"type": "or", "predicates": [matches("queueId", "q1"), matches("queueId", "q2"), matches("userId", "u1")]},
        ],
    }


async def test_a_full_page_is_followed_by_another(cloud, connect):
    cloud.script("POST", QUERY, Reply(body={"conversations": [{"conversationId": "c"}] * PAGE}))
    assert (await (await connect()).live_calls("a", "b", 1)).more


async def test_no_live_calls(cloud, connect):
    cloud.script("POST", QUERY, Reply(body={"totalHits": 0}))
    found = await (await connect()).live_calls("a", "b", 1)
    assert (found.calls, found.more) == ((), False)


@pytest.mark.parametrize(
    ("changes", "live"),
    [
        ({}, True),
        ({"conversationEnd": "2026-01-01T00:00:00Z"}, False),
        ({"participants": []}, False),
        ({"participants": [{"sessions": [{"mediaType": "email", "segments": [{}]}]}]}, False),
        ({"participants": [{"sessions": [{"mediaType": "voice", "segments": [{"segmentEnd": "…"}]}]}]}, False),
        ({"participants": [{"sessions": [{"mediaType": "voice", "segments": [{"segmentType": "wrapup"}]}]}]}, False),
    ],
)
def test_what_of_the_answer_is_a_live_voice_call(changes, live):
    session = {"mediaType": "voice", "segments": [{"queueId": "q", "segmentType": "interact"}]}
    entry = {"conversationId": "c", "participants": [{"userId": "u", "sessions": [session]}]}
    assert live_call(entry | changes) == (LiveCall("c", ("q",), ("u",)) if live else None)


@pytest.mark.parametrize(("pages", "more"), [(2, True), (1, False), (None, False)])
async def test_the_list_of_queues(cloud, connect, pages, more):
    body = {"entities": [{"id": "q1"}, {"id": "q/2"}, {}, 7], "pageCount": pages}
    cloud.script("GET", "/api/v2/routing/queues?pageNumber=1&pageSize=500", Reply(body=body))
    listed = await (await connect()).queues(1)
    assert (listed.queues, listed.more) == (("q1",), more)
