"""Checks and actions against real sockets, through the real process and the real SDK."""

import pytest

from engine.errors import PlatformError
from engine.genesys.checks import ConversationCheck
from engine.genesys.platform_messages import TransferTarget
from tests.support.loopback_platform import DROP, LOGIN, LOOK_UP, STALL, Reply

AS_CALL = "/api/v2/conversations/calls/conv-1"
PARTICIPANTS = "/api/v2/conversations/conv-1/participants"
REPLACE = f"{PARTICIPANTS}/p-agent/replace/queue"
QUEUE = TransferTarget("queue", "queue-7")


@pytest.fixture
def act(connect):
    """Run one action on a new client; return what it raised."""

    async def attempt(method, *arguments, **changed):
        client = await connect(**changed)
        with pytest.raises(PlatformError) as caught:
            await getattr(client, method)("conv-1", *arguments)
        return caught.value

    return attempt


async def test_a_live_conversation(cloud, connect):
    assert await (await connect()).check("conv-1") == ConversationCheck(live=True, reason="live")
    assert cloud.tally() == {("POST", LOGIN): 1, ("GET", LOOK_UP): 1}


@pytest.mark.parametrize(
    ("general", "as_call", "reason"),
    [
        (Reply(404), Reply(404), "not_found"),
        (Reply(404), Reply(body={"participants": [{"id": "p", "state": "connected"}]}), "live"),
        (Reply(404), Reply(403), "not_visible"),
        (Reply(403, {"code": "not.authorized"}), Reply(500), "not_visible"),
        (Reply(body={"endTime": "2026-01-01T00:00:00Z"}), Reply(500), "ended"),
        (Reply(body={"participants": [{"calls": [], "chats": [{}]}]}), Reply(500), "no_voice"),
    ],
)
async def test_why_a_conversation_cannot_be_followed(cloud, connect, general, as_call, reason):
    cloud.script("GET", LOOK_UP, general)
    cloud.script("GET", AS_CALL, as_call)
    assert (await (await connect()).check("conv-1")).reason == reason


TOKEN = "/api/v2/tokens/me"


@pytest.mark.parametrize(
    ("told", "organization", "scopes"),
    [
        ({"organization": {"name": "Org"}, "authorizedScope": ["a", "b"]}, "Org", ("a", "b")),
        ({"organization": {"name": "Org"}}, "Org", ()),
        ({"organization": "Org", "authorizedScope": "a"}, "", ()),
        ({"organization": {"name": 7}, "authorizedScope": [None, "a"]}, "", ("a",)),
    ],
)
async def test_whose_token_it_is_and_what_for(cloud, connect, told, organization, scopes):
    cloud.script("GET", TOKEN, Reply(200, told))
    described = await (await connect()).describe_token()
    assert (described.organization, described.scopes) == (organization, scopes)
    assert cloud.tally() == {("POST", LOGIN): 1, ("GET", TOKEN): 1}


async def test_a_platform_that_does_not_tell_of_tokens(cloud, connect):
    cloud.script("GET", TOKEN, Reply(403))
    with pytest.raises(PlatformError, match="look at the token") as caught:
        await (await connect()).describe_token()
    assert caught.value.status == 403


async def test_an_answer_that_is_no_conversation_is_an_error(cloud, act):
    cloud.script("GET", LOOK_UP, Reply(200, b"<html>maintenance</html>"))
    error = await act("check")
    assert "not a JSON object" in str(error)


@pytest.mark.parametrize("identity", ["../../users/me", "a/b", "", "a b", "ä"])
async def test_an_id_that_is_none_is_never_put_into_an_address(cloud, connect, identity):
    with pytest.raises(PlatformError, match="conversation's id") as caught:
        await (await connect()).check(identity)
    assert (caught.value.status, cloud.requests) == (400, [])


@pytest.mark.parametrize(
    ("target", "path", "body"),
    [
        (QUEUE, f"{PARTICIPANTS}/p-agent/replace/queue", {"queueId": "queue-7"}),
        (TransferTarget("user", "user-7"), f"{PARTICIPANTS}/p-agent/replace/agent", {"userId": "user-7"}),
        (TransferTarget("address", "+4930123456"), f"{PARTICIPANTS}/p-agent/transfer", {"address": "+4930123456"}),
    ],
)
async def test_transfers(cloud, connect, target, path, body):
    await (await connect()).transfer("conv-1", target)
    [sent] = cloud.of("POST", path)
    assert sent.json == {"transferType": "Unattended", **body}


@pytest.mark.parametrize(("participant", "identity"), [("customer", "p-customer"), ("agent", "p-agent")])
async def test_disconnects_the_participant_that_is_meant(cloud, connect, participant, identity):
    await (await connect()).disconnect("conv-1", participant)
    [sent] = cloud.of("PATCH", f"{AS_CALL}/participants/{identity}")
    assert sent.json == {"state": "disconnected"}


async def test_sets_attributes(cloud, connect):
    await (await connect()).set_attributes("conv-1", "customer", {"intent": "cancel", "größe": "7"})
    [sent] = cloud.of("PATCH", f"{PARTICIPANTS}/p-customer/attributes")
    assert sent.json == {"attributes": {"intent": "cancel", "größe": "7"}}


async def test_attributes_beyond_a_packet_are_refused(cloud, act):
    error = await act("set_attributes", "customer", {"intent": "x" * 200_000})
    assert error.happened == "no"
    assert cloud.requests == []


@pytest.mark.parametrize("target", [("queue", "../x"), ("user", ""), ("address", "+49 30"), ("address", "a\nb")])
async def test_a_target_that_is_none_is_refused_before_anything_is_sent(cloud, act, target):
    error = await act("transfer", TransferTarget(*target))
    assert (error.status, error.happened) == (400, "no")
    assert cloud.requests == []


@pytest.mark.parametrize("method", ["disconnect", "transfer"])
async def test_nobody_to_act_on(cloud, act, method):
    cloud.script("GET", LOOK_UP, Reply(body={"participants": []}))
    error = await act(method, "agent" if method == "disconnect" else QUEUE)
    assert (error.status, error.happened) == (404, "no")
    assert "no live" in str(error)
    assert cloud.count("POST", REPLACE) == 0


@pytest.mark.parametrize("trouble", [DROP, STALL, Reply(500), Reply(503, headers={"Retry-After": "0"})])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_an_action_is_never_replayed(cloud, act, method, trouble):
    path = REPLACE if method == "POST" else f"{AS_CALL}/participants/p-customer"
    cloud.script(method, path, trouble)
    name, argument = ("transfer", QUEUE) if method == "POST" else ("disconnect", "customer")
    error = await act(name, argument, request_timeout_s=0.6)
    assert error.happened == "unknown"
    assert error.status == trouble.status if trouble.behaviour == "answer" else error.status == 0
    assert cloud.count(method, path) == 1


async def test_an_action_that_was_not_done_for_429_is_sent_again_after_retry_after(cloud, connect):
    cloud.script("POST", REPLACE, Reply(429, headers={"Retry-After": "0.2"}), Reply(202, {}))
    await (await connect()).transfer("conv-1", QUEUE)
    assert cloud.count("POST", REPLACE) == 2


async def test_an_action_that_429_holds_up_for_too_long_was_not_done(cloud, act):
    cloud.script("POST", REPLACE, Reply(429, headers={"Retry-After": "600"}))
    error = await act("transfer", QUEUE)
    assert (error.status, error.retry_after_s, error.happened) == (429, 600, "no")
    assert cloud.count("POST", REPLACE) == 1


async def test_an_action_with_an_expired_token_is_sent_once_more_with_a_new_one(cloud, connect):
    cloud.script("POST", REPLACE, Reply(401), Reply(202, {}))
    await (await connect()).transfer("conv-1", QUEUE)
    bearers = [request.headers["authorization"] for request in cloud.of("POST", REPLACE)]
    assert bearers == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("status", [400, 403, 404, 409])
async def test_an_action_that_is_refused_was_not_done(cloud, act, status):
    refusal = Reply(status, {"code": "no.such.queue", "message": "call +4930123456"}, {"ININ-Correlation-Id": "abc-1"})
    cloud.script("POST", REPLACE, refusal)
    error = await act("transfer", QUEUE)
    assert (error.status, error.happened) == (status, "no")
    assert f"{status}, no.such.queue, correlation abc-1" in str(error)
    assert "+49" not in str(error)
    assert cloud.count("POST", REPLACE) == 1


async def test_a_look_up_that_fails_leaves_the_action_undone(cloud, act):
    cloud.script("GET", LOOK_UP, Reply(500, headers={"Retry-After": "0"}))
    error = await act("transfer", QUEUE)
    assert (error.status, error.happened) == (500, "no")
    assert cloud.count("POST", REPLACE) == 0
