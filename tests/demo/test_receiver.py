"""The receiver over real sockets, against the reference implementation of Standard Webhooks and the engine's own sink."""

import time
from datetime import UTC, datetime

import aiohttp
import orjson
import pytest
from standardwebhooks import Webhook as Reference

from engine.commands.signing import signed_headers, signing_key
from engine.commands.webhook import Webhook, open_session
from engine.demo.receiver import KEPT, SKEW_S, Receiver, signature_holds
from engine.options import WebhookSink
from tests.support.commands import command as command_of

BODY = {"id": "a/external/r/0", "data": {"conversation_id": "a", "phrase": "transfer me", "phrase_end_ms": 40}}


async def post(receiver: Receiver, body: bytes, headers: dict[str, str]) -> int:
    async with aiohttp.ClientSession() as http, http.post(receiver.url, data=body, headers=headers) as response:
        return response.status


def signed(receiver: Receiver, body: bytes, message_id: str = BODY["id"], at_s: int | None = None) -> dict[str, str]:
    return signed_headers(signing_key(receiver.secret), message_id, at_s or int(time.time()), body)


async def test_the_engines_own_sink_delivers_here():
    async with Receiver() as receiver, open_session(1) as session:
        sink = Webhook(WebhookSink(name="demo", url=receiver.url, secret=receiver.secret), session)
        command = command_of()
        before = time.monotonic_ns()
        await sink.deliver(command)
        [found] = receiver.deliveries
    assert (found.id, found.conversation_id) == (command.idempotency_key, command.conversation_id)
    assert (found.phrase, found.phrase_end_ms) == (command.phrase, command.phrase_end_ms)
    assert before <= found.received_ns <= time.monotonic_ns()
    assert found.signature_ok


async def test_the_reference_implementation_signs_alike():
    now = datetime.now(UTC)
    async with Receiver() as receiver:
        body = orjson.dumps(BODY)
        signature = Reference(receiver.secret).sign(BODY["id"], now, body.decode())
        headers = {"webhook-id": BODY["id"], "webhook-timestamp": str(int(now.timestamp()))}
        assert await post(receiver, body, headers | {"webhook-signature": f"v1,bm90IGl0 {signature}"}) == 204
        assert [found.signature_ok for found in receiver.deliveries] == [True]


async def test_each_way_to_be_signed_wrongly_is_noticed():
    body = orjson.dumps(BODY)
    async with Receiver() as receiver:
        right = signed(receiver, body)
        wrong = [
            {},
            right | {"webhook-signature": "v1,bm90IGl0"},
            right | {"webhook-signature": right["webhook-signature"].replace("v1,", "v2,")},
            right | {"webhook-timestamp": "soon"},
            right | {"webhook-timestamp": str(int(time.time()) + 1)},
            signed(receiver, body + b" "),
            signed(receiver, body, "another id"),
            signed(receiver, body, at_s=int(time.time()) - SKEW_S - 5),
        ]
        for headers in wrong:
            assert await post(receiver, body, headers) == 204
        assert [found.signature_ok for found in receiver.deliveries] == [False] * len(wrong)


def test_a_signature_ages():
    headers = signed_headers(b"key", "id", 1000, b"body")
    assert signature_holds(b"key", headers, b"body", 1000 + SKEW_S)
    assert not signature_holds(b"key", headers, b"body", 1001 + SKEW_S)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": "a", "data": {"phrase": "transfer me"}}', b"\xff"])
async def test_what_is_no_command_is_refused_and_counted(body):
    async with Receiver() as receiver:
        assert await post(receiver, body, {}) == 400
        assert (receiver.unreadable, receiver.deliveries) == (1, ())


async def test_a_flood_is_refused_before_memory_ends():
    async with Receiver() as receiver:
        body = orjson.dumps(BODY)
        assert await post(receiver, body, signed(receiver, body)) == 204
        receiver._deliveries *= KEPT
        assert await post(receiver, body, signed(receiver, body)) == 503
        assert len(receiver.deliveries) == KEPT


async def test_nothing_listens_afterwards():
    async with Receiver() as receiver:
        url = receiver.url
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.post(url)


async def test_the_channel_is_noted():
    body = orjson.dumps(BODY | {"data": BODY["data"] | {"channel": "internal"}})
    async with Receiver() as receiver:
        assert await post(receiver, body, {}) == 204
        assert await post(receiver, orjson.dumps(BODY), {}) == 204
        assert [found.channel for found in receiver.deliveries] == ["internal", "external"]


async def test_a_rolling_one_keeps_the_latest_and_goes_on():
    async with Receiver(2, rolling=True) as receiver:
        for number in range(4):
            body = orjson.dumps(BODY | {"id": f"id-{number}"})
            assert await post(receiver, body, {}) == 204
        assert [each.id for each in receiver.deliveries] == ["id-2", "id-3"]
        assert (receiver.arrived, receiver.unsigned) == (4, 4)
