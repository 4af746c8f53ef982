"""What one client can hold: slow heads, slow bodies, answers that nobody reads, many connections, odd bodies."""

import asyncio
import json

import pytest

from engine.admin.limits import Limits
from tests.support.admin import Admin, running
from tests.support.waiting import until

QUICK = Limits(head_s=0.3, body_s=0.3, answer_s=0.3, connections=3)
HEAD = b"POST /v1/conversations HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
async def admin():
    async with running(QUICK) as started:
        yield started


async def opened(admin: Admin) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", admin.server.port)


def refused(admin: Admin, reason: str) -> float:
    return admin.metrics.registry.get_sample_value("cueline_admin_requests_refused_total", {"reason": reason})


@pytest.mark.parametrize("said", [b"", b"GET /", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
async def test_a_client_that_falls_silent_is_closed(admin: Admin, said: bytes) -> None:
    reader, writer = await opened(admin)
    writer.write(said)
    async with asyncio.timeout(10):
        await reader.read()
    writer.close()


async def test_a_head_that_comes_drop_by_drop_is_closed(admin: Admin) -> None:
    reader, writer = await opened(admin)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    ended = asyncio.create_task(reader.read())
    async with asyncio.timeout(10):
        while not ended.done():
            writer.write(b"x")
            await asyncio.sleep(0.02)
    writer.close()


async def test_a_body_that_does_not_come_is_answered_408(admin: Admin) -> None:
    reader, writer = await opened(admin)
    writer.write(HEAD + b"Content-Length: 100\r\n\r\n{")
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not come within" in answer
    assert refused(admin, "timeout") == 1


async def test_an_answer_that_nobody_reads_is_cut_off() -> None:
    async with running(QUICK) as admin:
        for number in range(2000):
            admin.registry.add(f"{number:0100}")
        reader, writer = await opened(admin)
        reader._transport.pause_reading()
        writer.write(b"GET /v1/conversations HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40)
        await until(lambda: refused(admin, "timeout") == 1, 20)
        writer.transport.abort()


async def test_one_connection_too_many_is_closed_and_counted(admin: Admin) -> None:
    async with running(Limits(connections=3)) as admin:
        held = [await opened(admin) for _ in range(3)]
        await until(lambda: len(admin.server._runner.server.connections) == 3)
        reader, writer = await opened(admin)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
        assert refused(admin, "connections") == 1
        for _, each in held:
            each.close()
        await until(lambda: not admin.server._runner.server.connections)
        assert (await admin.http.get("/healthz")).status == 200


async def test_a_chunked_body_has_the_same_limit(admin: Admin) -> None:
    async def endless():
        for _ in range(100):
            yield b" " * 1024

    response = await admin.http.post("/v1/conversations", data=endless())
    assert response.status == 413


@pytest.mark.parametrize("text", ["[" * 16_000, '{"conversation_id":' * 800, '{"a":' + "[" * 8000 + "]" * 8000 + "}"])
async def test_deep_nesting_is_a_plain_400(admin: Admin, text: str) -> None:
    response = await admin.http.post("/v1/conversations", data=text.encode())
    body = await response.json(content_type="application/problem+json")
    assert response.status == 400
    assert len(json.dumps(body)) < 2000


async def test_an_id_of_ten_thousand_characters(admin: Admin) -> None:
    response = await admin.http.post("/v1/conversations", json={"conversation_id": "x" * 10_000})
    body = await response.json(content_type="application/problem+json")
    assert response.status == 400
    assert "128" in str(body["allowed"])
    assert "xxxx" not in str(body)
    for method in ("GET", "DELETE"):
        response = await admin.http.request(method, f"/v1/conversations/{'x' * 8_000}")
        assert response.status in (400, 404)
    assert (await admin.http.get("/healthz")).status == 200


async def test_a_head_that_is_too_large_is_refused(admin: Admin) -> None:
    response = await admin.http.get("/healthz", headers={"X-Large": "x" * 100_000})
    assert response.status == 400
