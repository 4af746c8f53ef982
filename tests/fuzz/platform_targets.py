"""What the platform's HTTP side says, and what our own processes say to each other."""

import math
from datetime import UTC, datetime
from types import SimpleNamespace

import orjson
from urllib3 import HTTPHeaderDict

from engine.genesys.call_book import CallBook
from engine.genesys.checks import check_of, participant_of, transfer_participant
from engine.genesys.notifications import CallSeen, read_notification
from engine.genesys.platform_access import _life_s
from engine.genesys.platform_messages import platform_codec
from engine.genesys.realtime_messages import as_seconds
from engine.genesys.sdk_http import HttpAnswer, _correlation, _error_code, limit_of
from engine.packets import MAX_PACKET_BYTES
from engine.retry_after import retry_after
from engine.shards.messages import SERVER_CODEC, WORKER_CODEC
from tests.fuzz.target import Target

NOW_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
CODECS = (SERVER_CODEC, WORKER_CODEC, platform_codec())


def waits(data: bytes) -> None:
    """A Retry-After header, and the number in a message: seconds from 0 up, or nothing."""
    text = data.decode("latin-1")
    for seconds in (retry_after(text, NOW_S), as_seconds(text)):
        assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


def picture(data: bytes) -> None:
    """A conversation as the platform shows it: one of the reasons, and ids that stand in it."""
    notified(data)
    try:
        shown = orjson.loads(data)
    except orjson.JSONDecodeError:
        return  # the HTTP library's affair
    if not isinstance(shown, dict):
        return
    check = check_of(shown)
    assert check.live == (check.reason == "live")
    found = (participant_of(shown, "customer"), participant_of(shown, "agent"), transfer_participant(shown))
    listed = shown.get("participants")
    ids = [part.get("id") for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    assert all(name is None or name in ids for name in found)


def notified(body: bytes) -> None:
    """The same in a notification: a call with participants, live where somebody talks, told once."""
    told = read_notification(b'{"topicName":"v2.users.u.conversations.calls","eventBody":' + body + b"}")
    if isinstance(told, CallSeen):
        assert told.standings
        book = CallBook(grace_s=0)
        assert (book.seen(told, 0) is not None) == ("talking" in told.standings.values())
        assert book.seen(told, 0) is None


def answer(data: bytes) -> None:
    """Body and headers of an answer, a blank line between them."""
    head, _, body = data.partition(b"\n\n")
    lines = (line.partition(b":") for line in head.decode("latin-1").encode("latin-1").split(b"\n"))
    headers = HTTPHeaderDict([(name.decode("latin-1"), value.decode("latin-1").strip()) for name, _, value in lines])
    told = HttpAnswer(200, body.decode("utf-8", "replace"), headers)
    for word in (_error_code(told.data), _correlation(headers)):
        assert word is None or (word.isprintable() and len(word) < 200)
    limit_of(headers)
    assert 0 < _life_s(SimpleNamespace(answer=told)) < math.inf


def packets(data: bytes) -> None:
    """First byte: whose table. What is taken for a message is one, and goes the same way again."""
    codec = CODECS[data[0] % 3 if data else 0]
    message = codec.decode(data[1:])
    assert type(message) in codec.classes
    try:
        packet = codec.encode(message)
    except orjson.JSONEncodeError:
        return  # a number of more than 64 bits, which was text: only a stranger's packet has one
    assert len(packet) <= MAX_PACKET_BYTES
    if b"inf" not in data.lower() and b"nan" not in data.lower():  # no numbers to JSON, but text that passes for one
        assert codec.decode(packet) == message


_SHOWN = (
    b'{"participants":[{"id":"p1","purpose":"customer","calls":[{"state":"connected"}]},{"id":"p2","purpose":"agent"}]}',
    b'{"participants":[{"id":"p2","purpose":"agent","calls":[{"state":"terminated"},{"state":"alerting"}]}]}',
    b'{"participants":[{"id":"p3","purpose":"acd","state":"connected","endTime":null},{"id":4,"purpose":"user"}]}',
    b'{"state":"disconnected","participants":[]}',
    b'{"participants":[{"id":"p5","purpose":"customer","chats":[{}],"calls":[]}]}',
)
_SPOTTED = (
    b'["Spotted",{"lease":1,"event":{"rule":"r","phrase":"p","text":"t","confidence":0.5,"fired_on":"final",'
    b'"utterance_start_ms":1,"phrase_end_ms":2,"audio_position_ms":3,"phrase_end_ns":4}}]'
)

TARGETS = (
    Target(
        *("waits", "Retry-After, of a header and of a message", waits, ()),
        seeds=(
            b"3",
            b"0.5",
            b"-1",
            b"1e400",
            b"nan",
            b"9" * 400,
            b"Wed, 21 Oct 2026 07:28:00 GMT",
            b"Wed, 21 Oct 2026 07:28:00 -0000",
            b"Sunday, 06-Nov-94 08:49:37 GMT",
            b"Sun Nov  6 08:49:37 1994",
            b"1 Jan 99999999999 00:00:00 +9999",
            b"\xb2",
        ),
        words=(b"Jan ", b"GMT", b"+0000", b"-9999", b":", b"Wed, ", b"99999999999999999999", b"AM", b"PM"),
        weight=3,
        most_bytes=128,
    ),
    Target(
        *("picture", "a conversation as the platform shows it", picture, ()),
        seeds=_SHOWN,
        words=(b'"participants":', b'"calls":', b'"state":', b'"purpose":', b'"id":', b'"endTime":', b'"chats":'),
        weight=3,
        most_bytes=2048,
    ),
    Target(
        *("answer", "error codes, limits and token life in the platform's answers", answer, ()),
        seeds=(
            b'inin-ratelimit-count:290\ninin-ratelimit-allowed:300\ninin-ratelimit-reset:5\n\n{"expires_in":3600}',
            b'ININ-Correlation-Id: abc-1\n\n{"code":"not.found","error":"invalid_client"}',
            b'a:b\n\n{"expires_in":"1e400"}',
        ),
        words=(b"inin-ratelimit-count:", b"\n\n", b'"expires_in":', b'"code":', b"9" * 30),
        weight=2,
        most_bytes=1024,
    ),
    Target(
        *("packets", "messages between our own processes", packets, (ValueError,)),
        seeds=(
            b"\1" + _SPOTTED,
            b'\1["OpenRing",{"ring":1,"lease":2,"channel":"external"}]',
            b'\0["PrepareFailed",{"kind":"model","faults":["a","b"]}]',
            b'\2["Transfer",{"number":1,"deadline_s":2.5,"conversation_id":"c","target":{"kind":"queue","value":"q"}}]',
            b'\2["SetAttributes",{"number":1,"deadline_s":2.5,"conversation_id":"c","participant":"agent","attributes":{"a":"b"}}]',
        ),
        words=(
            b'"inf"',
            b"9" * 25,
            b'"99999999999999999999"',
            b"null",
            b'"event":',
            b'["Drain",{}]',
            b'["Ready",{"lean":true}]',
        ),
        weight=3,
        most_bytes=1024,
    ),
)
