"""The admin API over real sockets: what each address answers, and every refusal in one form."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from engine.admin.events import FOLLOWERS, EventStream
from engine.admin.health import LAG_LIMIT_S, TICK_S, LoopTicker
from engine.admin.server import AdminParts, AdminServer, address_fault
from engine.errors import ConfigError, RefusedError
from engine.metrics import Metrics
from engine.options import AdminOptions
from tests.support.admin import Admin, Registry, running

ONE = {"conversation_id": "one", "state": "listening"}


@pytest.fixture
async def admin() -> AsyncIterator[Admin]:
    async with running() as started:
        yield started


async def problem_of(response: aiohttp.ClientResponse, status: int) -> dict:
    body = await response.json(content_type="application/problem+json")
    assert (response.status, body["status"]) == (status, status)
    assert set(body) >= {"type", "title", "detail"}
    return body


async def test_the_index_lists_every_address(admin: Admin) -> None:
    text = await (await admin.http.get("/")).text()
    for address in ("/metrics", "/healthz", "/readyz", "/v1/conversations", "/v1/conversations/{id}", "/v1/events"):
        assert address in text


async def test_metrics(admin: Admin) -> None:
    admin.metrics.phrase_spotted("transfer-me")
    response = await admin.http.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'cueline_phrases_spotted_total{rule="transfer-me"} 1.0' in await response.text()


async def test_health(admin: Admin) -> None:
    response = await admin.http.get("/healthz")
    body = await response.json()
    assert (response.status, body["status"]) == (200, "ok")
    assert 0 <= body["loop_lag_ms"] < 1000


async def test_a_loop_that_was_held_up_is_late(admin: Admin) -> None:
    await asyncio.sleep(0)
    until = asyncio.get_running_loop().time() + LAG_LIMIT_S + TICK_S + 0.1
    while asyncio.get_running_loop().time() < until:
        pass  # the fault itself: nothing else gets a turn
    response = await admin.http.get("/healthz")
    body = await response.json()
    assert (response.status, body["status"]) == (503, "late")
    assert body["loop_lag_ms"] > LAG_LIMIT_S * 1000
    assert "cueline_loop_lag_seconds" in await (await admin.http.get("/metrics")).text()


async def test_a_ticker_that_has_not_begun() -> None:
    assert LoopTicker(lambda _: None).lag_s() == 0


async def test_readiness_lists_each_condition(admin: Admin) -> None:
    response = await admin.http.get("/readyz")
    assert (response.status, await response.json()) == (200, {"status": "ready", "conditions": admin.ready})
    admin.ready["shards_up"] = False
    response = await admin.http.get("/readyz")
    body = await response.json()
    assert (response.status, body["status"]) == (503, "not ready")
    assert body["conditions"]["shards_up"] is False
    assert body["conditions"]["model_loaded"] is True


async def test_a_conversation_is_added_shown_and_removed(admin: Admin) -> None:
    assert await (await admin.http.get("/v1/conversations")).json() == {"conversations": []}
    added = await admin.http.post("/v1/conversations", json={"conversation_id": "one"})
    assert (added.status, await added.json(), added.headers["Location"]) == (201, ONE, "/v1/conversations/one")
    assert await (await admin.http.get("/v1/conversations")).json() == {"conversations": [ONE]}
    assert await (await admin.http.get(added.headers["Location"])).json() == ONE
    assert (await admin.http.delete("/v1/conversations/one")).status == 204
    await problem_of(await admin.http.delete("/v1/conversations/one"), 404)
    await problem_of(await admin.http.get("/v1/conversations/one"), 404)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "body: Invalid JSON"),
        (b"{", "body: Invalid JSON"),
        (b"[]", "body: Input should be an object"),
        (b"{}", "conversation_id: Field required"),
        (b'{"conversation_id": 5}', "conversation_id: Input should be a valid string"),
        (b'{"conversation_id": ""}', "conversation_id: String should match pattern"),
        (b'{"conversation_id": "a/b"}', "conversation_id: String should match pattern"),
        (b'{"conversation_id": "a", "priority": 1}', "priority: Extra inputs are not permitted"),
    ],
)
async def test_a_bad_body_is_told_what_was_wrong_and_what_is_allowed(admin: Admin, body: bytes, words: str) -> None:
    problem = await problem_of(await admin.http.post("/v1/conversations", data=body), 400)
    assert any(fault.startswith(words) for fault in problem["errors"]), problem
    assert "128" in problem["allowed"]["conversation_id"]
    assert not admin.registry.followed
    counted = admin.metrics.registry.get_sample_value("cueline_conversations_refused_total", {"reason": "invalid"})
    assert counted == 1


async def test_a_body_that_is_not_encoded_as_it_says(admin: Admin) -> None:
    answer = await admin.http.post("/v1/conversations", data=b"abc", headers={"Content-Encoding": "gzip"})
    problem = await problem_of(answer, 400)
    assert problem["detail"] == "the body breaks off, or is not encoded as its headers say"


async def test_a_body_that_is_nested_without_end(admin: Admin) -> None:
    await problem_of(await admin.http.post("/v1/conversations", data=b"[" * 16_000), 400)
    await problem_of(await admin.http.post("/v1/conversations", data=b'{"conversation_id":' * 800), 400)


async def test_a_body_that_is_too_large(admin: Admin) -> None:
    problem = await problem_of(await admin.http.post("/v1/conversations", data=b"x" * (16 * 1024 + 1)), 413)
    assert "16384 bytes" in problem["detail"]


async def test_the_same_conversation_twice(admin: Admin) -> None:
    await admin.http.post("/v1/conversations", json={"conversation_id": "one"})
    again = await admin.http.post("/v1/conversations", json={"conversation_id": "one"})
    assert (await problem_of(again, 409))["reason"] == "duplicate"
    assert "Retry-After" not in again.headers


@pytest.mark.parametrize(
    ("reason", "status"), [("draining", 503), ("capacity", 503), ("quarantined", 409), ("invalid", 400)]
)
async def test_refusals(admin: Admin, reason: str, status: int) -> None:
    admin.registry.refusal = RefusedError(reason, "why it is refused")
    response = await admin.http.post("/v1/conversations", json={"conversation_id": "one"})
    problem = await problem_of(response, status)
    assert (problem["reason"], problem["detail"]) == (reason, "why it is refused")
    assert ("Retry-After" in response.headers) == (status == 503)


async def test_201_is_said_once_it_is_on_the_disk_and_a_refusal_at_once(admin: Admin) -> None:
    assert (await admin.http.post("/v1/conversations", json={"conversation_id": "one"})).status == 201
    assert admin.registry.asked_kept == 1
    assert (await admin.http.post("/v1/conversations", json={"conversation_id": "one"})).status == 409
    assert admin.registry.asked_kept == 1


async def test_no_such_address_and_wrong_method(admin: Admin) -> None:
    await problem_of(await admin.http.get("/nowhere"), 404)
    response = await admin.http.put("/v1/conversations")
    problem = await problem_of(response, 405)
    assert set(problem["allowed"]) >= {"GET", "POST"}
    assert response.headers["Allow"] == ", ".join(problem["allowed"])


async def lines_of(response: aiohttp.ClientResponse, count: int) -> list[str]:
    return [(await response.content.readline()).decode().rstrip("\n") for _ in range(count)]


async def test_events_are_streamed(admin: Admin) -> None:
    async with admin.http.get("/v1/events") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert await lines_of(response, 2) == ["retry: 2000", ""]
        admin.events.publish("spotted", {"rule": "transfer-me", "confidence": None})
        assert await lines_of(response, 4) == [
            "id: 1",
            "event: spotted",
            'data: {"rule":"transfer-me","confidence":null}',
            "",
        ]


async def test_a_reader_that_comes_back_misses_nothing(admin: Admin) -> None:
    for number in range(5):
        admin.events.publish("k", {"n": number})
    async with admin.http.get("/v1/events", headers={"Last-Event-ID": "3"}) as response:
        lines = await lines_of(response, 10)
    assert [line for line in lines if line.startswith("id")] == ["id: 4", "id: 5"]
    for wrong in ("x", "²", "9" * 5000):
        refusal = await problem_of(await admin.http.get("/v1/events", headers={"Last-Event-ID": wrong}), 400)
        assert refusal["allowed"] == "1 to 18 digits"


async def test_readers_are_bounded(admin: Admin) -> None:
    for _ in range(FOLLOWERS):
        admin.events.follow()
    assert (await problem_of(await admin.http.get("/v1/events"), 503))["reason"] == "capacity"


async def test_stopping_ends_streams_and_frees_the_port(admin: Admin) -> None:
    port = admin.server.port
    async with admin.http.get("/v1/events") as response:
        await lines_of(response, 2)
        async with asyncio.timeout(5):
            await admin.server.stop()
            assert await response.content.read() == b""
    with socket.create_server(("127.0.0.1", port)):
        pass
    await admin.server.stop()


def ipv6_here() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def parts() -> AdminParts:
    return AdminParts(Registry(), dict, Metrics(), EventStream())


async def test_a_port_in_use_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            await AdminServer(AdminOptions(port=port), parts()).start()
    (line,) = caught.value.faults
    assert line.startswith(f"CUELINE_ADMIN_PORT = {port}: in use already")


async def test_a_host_that_is_not_ours() -> None:
    with pytest.raises(ConfigError, match=r"CUELINE_ADMIN_HOST = 203\.0\.113\.1: can't listen there"):
        await AdminServer(AdminOptions(host="203.0.113.1", port=0, token="t" * 16), parts()).start()


def test_a_privileged_port() -> None:
    line = address_fault(AdminOptions(port=80), PermissionError(13, "Permission denied"))
    assert line.startswith("CUELINE_ADMIN_PORT = 80: not permitted")


@pytest.mark.skipif(not ipv6_here(), reason="this machine has no ::1")
async def test_ipv6_has_brackets() -> None:
    server = AdminServer(AdminOptions(host="::1", port=0), parts())
    await server.start()
    try:
        assert server.url == f"http://[::1]:{server.port}"
    finally:
        await server.stop()
