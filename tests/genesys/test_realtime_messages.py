import pytest

from engine.genesys.realtime_messages import (
    Kind,
    as_seconds,
    kind_of,
    kind_of_close,
    rejection_status,
    rejection_text,
    reserved,
    retry_after_of,
    status_of_close,
    verdict_of,
)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"type": "connected"}, Kind.CONNECTED),
        ({"type": "Connected"}, Kind.CONNECTED),
        ({"type": "audio"}, Kind.AUDIO),
        ({"type": "audio", "error": "none"}, Kind.AUDIO),
        ({"type": "subscribed"}, Kind.ACKNOWLEDGED),
        ({"type": "subscription", "status": 200}, Kind.ACKNOWLEDGED),
        ({"type": "subscribed", "error": None}, Kind.ACKNOWLEDGED),
        ({"type": "ack"}, Kind.ACKNOWLEDGED),
        ({"type": "response", "id": "voice-stream-1", "status": 200}, Kind.ACKNOWLEDGED),
        ({"type": "callback"}, Kind.OTHER),
        ({"type": "unsubscribed"}, Kind.OTHER),
        ({"type": "weather"}, Kind.OTHER),
        ({"type": 7}, Kind.OTHER),
        ({}, Kind.OTHER),
        ({"type": "stats", "status": "moderate"}, Kind.OTHER),
        ({"type": "error"}, Kind.REJECTED),
        ({"type": "subscribe_failed"}, Kind.REJECTED),
        ({"type": "response", "status": 403}, Kind.REJECTED),
        ({"type": "response", "response": {"statusCode": "403"}}, Kind.REJECTED),
        ({"type": "response", "id": "voice-stream-1", "error": {"code": 403}}, Kind.REJECTED),
        ({"type": "conversation.ended"}, Kind.ENDED),
        ({"type": "conversationEnded"}, Kind.ENDED),
        ({"type": "conversationended"}, Kind.ENDED),
        ({"type": "ended"}, Kind.ENDED),
        ({"type": "call-terminated"}, Kind.ENDED),
        ({"type": "disconnected"}, Kind.ENDED),
        ({"type": "conversation", "state": "disconnected"}, Kind.ENDED),
        ({"type": "state", "state": "TERMINATED"}, Kind.ENDED),
        ({"type": "conversation.update", "conversation": {"state": "ended"}}, Kind.ENDED),
        ({"type": "conversation", "state": "connected"}, Kind.OTHER),
        ({"type": "participant.disconnected"}, Kind.OTHER),
        ({"type": "conversation", "event": "participant_disconnected"}, Kind.OTHER),
        ({"type": "weather", "state": "ended"}, Kind.OTHER),
        ({"type": "call.suspended"}, Kind.OTHER),
        ({"type": "timer.extended"}, Kind.OTHER),
    ],
)
def test_kinds(message, kind):
    assert kind_of(message) is kind


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": 403}, 403),
        ({"status": "403"}, 403),
        ({"code": "403 Forbidden"}, 403),
        ({"statusCode": 429}, 429),
        ({"error": {"status": 401}}, 401),
        ({"response": {"code": "500"}}, 500),
        ({"status": True}, 0),
        ({"status": 200}, 0),
        ({"status": 4030}, 0),
        ({"status": [403]}, 0),
        ({"code": "unauthorized"}, 401),
        ({"error": "forbidden"}, 403),
        ({"errorCode": "too.many.requests"}, 429),
        ({"message": "HTTP 503"}, 503),
        ({"message": "conversation 7f-403-b4 is odd"}, 0),
        ({}, 0),
    ],
)
def test_status_of_a_rejection(fields, status):
    assert rejection_status({"type": "error", **fields}) == status


def test_the_type_may_tell_the_status():
    assert rejection_status({"type": "Unauthorized"}) == 401


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"message": "no"}, "no"),
        ({"reason": "no"}, "no"),
        ({"error": {"message": "no"}}, "no"),
        ({"error": "no"}, "no"),
        ({"message": 7}, ""),
        ({}, ""),
    ],
)
def test_text_of_a_rejection(fields, text):
    assert rejection_text(fields) == text


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"retryAfter": 3}, 3.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"error": {"Retry-After": "7"}}, 7.0),
        ({"retryAfter": -1}, None),
        ({"retryAfter": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_of_a_rejection(fields, seconds):
    assert retry_after_of(fields) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), (2, 2.0), ("inf", None), ("nan", None), (None, None), ([], None), ("9" * 400, None)],
)
def test_seconds(value, seconds):
    assert as_seconds(value) == seconds


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        (4401, "", 401),
        (4403, "", 403),
        (4429, "", 429),
        (4503, "", 503),
        (4600, "", 0),
        (4000, "", 0),
        (1008, "", 403),
        (1008, "token expired", 401),
        (1008, "rate limit", 429),
        (1013, "", 503),
        (1011, "unauthorized", 0),
        (1000, "", 0),
        (1006, "", 0),
    ],
)
def test_status_of_a_close(code, reason, status):
    assert status_of_close(code, reason) == status


@pytest.mark.parametrize(
    ("code", "kind"), [(1000, Kind.ENDED), (4403, Kind.REJECTED), (1001, Kind.DROPPED), (1006, Kind.DROPPED)]
)
def test_kind_of_a_close(code, kind):
    assert kind_of_close(code, "") is kind


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (401, "renew_token"),
        (403, "give_up"),
        (429, "back_off"),
        (500, "back_off"),
        (503, "back_off"),
        (404, "back_off"),
        (0, "back_off"),
    ],
)
def test_verdicts(status, verdict):
    assert verdict_of(status) == verdict


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call +49 (30) 1234-567 ended", "call (number) ended"),
        ("tel:+14155550123", "tel:(number)"),
        ("status 404, 12 of 300", "status 404, 12 of 300"),
        ("bearer " + "aB3_" * 12 + " refused", "bearer (data) refused"),
        ("no such conversation conv-1", "no such conversation conv-1"),
    ],
)
def test_a_peers_words_are_passed_on_without_numbers_and_data(text, shown):
    assert reserved(text) == shown
