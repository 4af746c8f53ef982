import orjson
import pytest

from engine.genesys.notifications import CallSeen, Heartbeat, Ignored, SocketClosing, read_notification

QUEUE = "v2.routing.queues.3e4a.conversations.calls"
BODY = {
    "id": "c-1",
    "participants": [
        {"id": "p1", "purpose": "customer", "state": "connected"},
        {"id": "p2", "purpose": "acd", "state": "disconnected", "endTime": "2026-01-01T00:00:00Z"},
        {"id": "p3", "purpose": "agent", "state": "alerting"},
    ],
}


def read(topic, body=None):
    return read_notification(orjson.dumps({"topicName": topic, "version": "2", "eventBody": body, "metadata": {}}))


@pytest.mark.parametrize("topic", [QUEUE, "v2.users.7f.conversations.calls"])
def test_a_call(topic):
    assert read(topic, BODY) == CallSeen("c-1", {"p1": "talking", "p2": "over", "p3": "coming"})


def test_signs_of_life_and_the_announced_end():
    assert read("channel.metadata", {"message": "WebSocket Heartbeat"}) == Heartbeat()
    assert read("channel.metadata", {"message": "pong"}) == Heartbeat()
    assert read("v2.system.socket_closing", {"message": "…"}) == SocketClosing()


@pytest.mark.parametrize(
    ("state", "standing"),
    [
        ("dialing", "coming"),
        ("contacting", "coming"),
        ("offering", "coming"),
        ("connected", "talking"),
        ("Connected", "talking"),
        ("parked", "talking"),
        ("of_tomorrow", "talking"),
        (None, "talking"),
        ("terminated", "over"),
        ("none", "over"),
    ],
)
def test_how_far_a_participant_has_come(state, standing):
    told = read(QUEUE, {"id": "c", "participants": [{"state": state}]})
    assert told == CallSeen("c", {"#0": standing})


def test_legs_in_a_list_and_a_conversation_that_is_over():
    legs = [{"state": "disconnected"}, {"state": "connected"}]
    assert read(QUEUE, {"id": "c", "participants": [{"id": "p", "calls": legs}]}).standings == {"p": "talking"}
    over = {"id": "c", "endTime": "2026-01-01T00:00:00Z", "participants": [{"id": "p", "state": "connected"}]}
    assert read(QUEUE, over).standings == {"p": "over"}


def test_what_is_no_voice_is_no_participant():
    body = {"id": "c", "participants": [{"id": "p", "calls": [], "chats": [{}]}]}
    assert read(QUEUE, body) == Ignored("no_participants")


@pytest.mark.parametrize("message", [b"", b"{", b"[]", b"7", b'{"topicName":7}', b"\xff", "ä{", b"[" * 5000])
def test_what_can_not_be_read(message):
    assert read_notification(message) == Ignored("malformed")


@pytest.mark.parametrize(
    ("topic", "body", "why"),
    [
        ("v2.routing.queues.3e4a.conversations.emails", BODY, "unknown_topic"),
        ("v2.routing.queues.3e4a.conversations", BODY, "unknown_topic"),
        (QUEUE, None, "no_conversation"),
        (QUEUE, {"id": "a/b", "participants": BODY["participants"]}, "no_conversation"),
        (QUEUE, {"id": 7}, "no_conversation"),
        (QUEUE, {"id": "c"}, "no_participants"),
        (QUEUE, {"id": "c", "participants": [7, None]}, "no_participants"),
    ],
)
def test_what_is_left_out(topic, body, why):
    assert read(topic, body) == Ignored(why)
