import asyncio
import base64
from datetime import UTC, datetime

import orjson
import pytest
from aiohttp import web
from cloudevents.core.bindings import http
from standardwebhooks import Webhook as IndependentReader
from standardwebhooks import WebhookVerificationError

from engine.errors import ConfigError
from tests.support.commands import BASE, answer, attempted, command, receiver
from tests.support.waiting import until
from tests.support.webhooks import fault_of, sink

SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four bytes").decode()


async def test_independent_readers_accept_body_and_signature(session):
    async with receiver() as there:
        await sink(there.url, session, secret=SECRET).deliver(BASE)
    (got,) = there.received
    verified = IndependentReader(SECRET).verify(got.body, got.headers)
    event = http.from_structured_event(http.HTTPMessage(got.headers, got.body))
    assert got.headers["Content-Type"] == "application/cloudevents+json"
    assert got.headers["webhook-id"] == event.get_id() == BASE.idempotency_key
    assert verified == BASE.body() == orjson.loads(got.body)
    assert event.get_data() == BASE.body()["data"]


async def test_a_plain_text_is_a_key_too(session):
    async with receiver() as there:
        await sink(there.url, session, secret="correct horse").deliver(BASE)
    IndependentReader(b"correct horse").verify(there.received[0].body, there.received[0].headers)
    with pytest.raises(WebhookVerificationError):
        IndependentReader(b"another horse").verify(there.received[0].body, there.received[0].headers)


async def test_without_a_secret_there_is_an_id_and_a_time_but_no_signature(session):
    async with receiver() as there:
        await sink(there.url, session).deliver(BASE)
    headers = {name.lower(): text for name, text in there.received[0].headers.items()}
    assert headers["webhook-id"] == BASE.idempotency_key
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 10
    assert "webhook-signature" not in headers


async def test_the_url_is_used_whole_and_the_connection_again(session):
    ports = set()

    async def note_port(request: web.Request) -> web.StreamResponse:
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response(text="thanks")

    async with receiver(note_port) as there:
        for number in range(3):
            await sink(there.url, session).deliver(command(number))
    assert [got.path for got in there.received] == ["/hook?token=hush-hush"] * 3
    assert len(ports) == 1


async def test_a_failing_receiver_is_tried_again_with_the_same_id_and_a_fresh_signature(session):
    async with receiver(answer(500), answer(408), answer(200)) as there:
        await attempted(sink(there.url, session, secret=SECRET), BASE)
    assert [got.headers["webhook-id"] for got in there.received] == [BASE.idempotency_key] * 3
    for got in there.received:
        IndependentReader(SECRET).verify(got.body, got.headers)


async def test_retry_after_wins_over_the_back_off(session):
    async with receiver(answer(429, Retry_After="1"), answer(204)) as there:
        await attempted(sink(there.url, session), command())
    first, second = (got.arrived_s for got in there.received)
    assert 1.0 <= second - first < 1.5


async def test_a_retry_after_past_the_deadline_ends_it_at_once(session):
    async with asyncio.timeout(2), receiver(answer(503, Retry_After="3600")) as there:
        fault = await fault_of(there.url, session)
    assert len(there.received) == 1
    assert "status 503" in str(fault)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
async def test_a_refusal_is_final(session, status):
    async with receiver(answer(status)) as there:
        fault = await fault_of(there.url, session)
    assert (len(there.received), fault.retryable, fault.happened) == (1, False, "no")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(session, status):
    async with receiver(answer(200)) as elsewhere, receiver(answer(status, Location=elsewhere.url)) as there:
        fault = await fault_of(there.url, session)
    assert (len(there.received), len(elsewhere.received), fault.retryable) == (1, 0, False)


async def test_a_cookie_is_not_kept(session):
    async with receiver(answer(200, Set_Cookie="a=b")) as there:
        for number in range(2):
            await sink(there.url.replace("127.0.0.1", "localhost"), session).deliver(command(number))
    assert "Cookie" not in there.received[1].headers


async def test_a_slow_receiver_takes_no_connection_from_another(session):
    stalled = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        await stalled.wait()
        return web.Response()

    async with receiver(stall) as slow, receiver() as quick, asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(sink(slow.url, session).deliver(command(number)))
        await until(lambda: len(slow.received) == 3)
        await sink(quick.url, session).deliver(command())
        stalled.set()
    assert len(quick.received) == 1


@pytest.mark.parametrize(
    "url", ["http://[::1/hook?t=hush", "http://h:99999/hook?t=hush", "http://:80/?t=hush", "http://?t=hush"]
)
async def test_a_url_without_host_or_port_stops_the_start_and_is_not_shown(session, url):
    with pytest.raises(ConfigError, match=r"sinks\.hook\.url") as caught:
        sink(url, session)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_é"])
async def test_a_secret_that_is_none_stops_the_start_and_is_not_shown(session, secret):
    with pytest.raises(ConfigError, match=r"sinks\.hook\.secret = '\*\*\*'") as caught:
        sink("http://127.0.0.1/hook", session, secret=secret)
    assert "not base64!" not in str(caught.value)
