"""The faulty receiver: by default it obeys the demo receiver's contract; its modes are seen with the engine's own sink."""

import asyncio
import time

import aiohttp
import orjson
import pytest

from engine.commands.signing import signed_headers, signing_key
from engine.commands.webhook import Webhook, open_session
from engine.demo.receiver import Receiver as DemoReceiver
from engine.errors import SinkError
from engine.options import WebhookSink
from tests.chaos.receiver import Receiver
from tests.support.commands import command as command_of


def seen(receiver):
    """What either receiver took: id, conversation, phrase, whether the signature held."""
    if isinstance(receiver, DemoReceiver):
        return [(each.id, each.conversation_id, each.phrase, each.signature_ok) for each in receiver.deliveries]
    taken = [each for each in receiver.receipts if each.taken]
    return [(each.key, each.conversation_id, each.phrase, each.signature_ok) for each in taken]


async def deliver(receiver, command=None):
    async with open_session(1) as session:
        sink = Webhook(WebhookSink(name="chaos", url=receiver.url, secret=receiver.secret), session)
        await sink.deliver(command or command_of())


@pytest.fixture(params=[DemoReceiver, Receiver])
async def receiver(request):
    async with request.param() as started:
        yield started


async def test_what_the_engine_delivers_is_taken(receiver):
    command = command_of()
    await deliver(receiver, command)
    assert seen(receiver) == [(command.idempotency_key, command.conversation_id, command.phrase, True)]


async def test_a_wrong_signature_is_noticed_and_rubbish_refused(receiver):
    body = orjson.dumps(command_of().body())
    other = signed_headers(signing_key(receiver.secret), "another id", int(time.time()), body)
    async with aiohttp.ClientSession() as http:
        for headers in ({}, other):
            async with http.post(receiver.url, data=body, headers=headers) as response:
                assert response.status == 204
        for rubbish in (b"", b"[]", b"{}", b'{"id": "a", "data": {}}', b"\xff"):
            async with http.post(receiver.url, data=rubbish) as response:
                assert response.status == 400
    assert [signed for *_, signed in seen(receiver)] == [False, False]
    assert receiver.unreadable == 5


async def test_a_receipt_tells_the_phrases_times():
    async with Receiver() as receiver:
        await deliver(receiver)
        [receipt] = receiver.receipts
    assert receipt.spotted_ns - receipt.end_ns == 100_000_000  # positions 2500 and 2400 ms
    assert (receipt.end_ms, receipt.status) == (2400, 204)


@pytest.mark.parametrize(
    ("mode", "status", "taken"),
    [
        ("500", 500, False),
        ("429", 429, False),
        ("301", 301, False),
        ("close", None, False),
        ("lost answer", None, True),
    ],
)
async def test_each_mode_fails_in_its_way_and_passes(mode, status, taken):
    async with Receiver() as receiver:
        receiver.mode = mode
        with pytest.raises(SinkError) as failed:
            await deliver(receiver)
        assert failed.value.retry_after_s == (1.0 if mode == "429" else None)
        assert failed.value.retryable == (mode != "301")
        receiver.mode = "well"
        await deliver(receiver)
    first, second = receiver.receipts
    assert (first.status, first.taken, receiver.struck) == (status, taken, 1)
    assert (second.status, second.taken) == (204, True)


async def test_a_stall_is_answered_late(monkeypatch):
    monkeypatch.setattr("tests.chaos.receiver.STALL_S", 0.2)
    async with Receiver() as receiver:
        receiver.mode = "stall"
        begun = asyncio.get_running_loop().time()
        await deliver(receiver)
        assert asyncio.get_running_loop().time() - begun >= 0.2
    assert [(each.status, each.taken) for each in receiver.receipts] == [(204, True)]


async def test_nobody_listens_for_a_while_then_the_same_port_does():
    async with Receiver() as receiver:
        url = receiver.url
        await receiver.refuse()
        with pytest.raises(SinkError) as failed:
            await deliver(receiver)
        assert failed.value.retryable
        await receiver.listen()
        assert receiver.url == url
        await deliver(receiver)
    assert len(receiver.receipts) == 1
