import asyncio
import socket
import struct

import pytest
from aiohttp import web

from tests.support.commands import answer, attempted, command, raw_server, receiver
from tests.support.webhooks import fault_of, sink


async def test_a_stalled_receiver_is_given_up_per_attempt_and_tried_again(session):
    async def stall(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with receiver(stall, answer(200)) as there:
        await attempted(sink(there.url, session, timeout_s=0.1), command())
    assert len(there.received) == 2


async def test_a_receiver_that_stalls_for_ever_ends_at_the_deadline(session):
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(stall) as url:
        fault = await fault_of(url, session, timeout_s=0.05, deadline_s=0.4)
    assert "no answer in time" in str(fault)


async def test_an_endless_body_does_not_hold_a_good_answer_up(session):
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 1000)
        await reader.read()

    async with asyncio.timeout(2), raw_server(endless) as url:
        await sink(url, session).deliver(command())


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def close_after_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()


async def speak_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x00\xff garbage ?token=hush-hush\r\n\r\n")


@pytest.mark.parametrize("manners", [close_at_once, close_after_reading, reset, speak_garbage])
async def test_a_receiver_without_manners_is_tried_again_until_the_deadline(session, manners):
    connections = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await manners(reader, writer)

    async with raw_server(connected) as url:
        fault = await fault_of(url, session, deadline_s=1.0)
    assert fault.retryable
    assert connections >= 2


async def test_a_refused_port_is_tried_again_until_somebody_listens(session):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/hook?token=hush-hush"
    assert str(await fault_of(url, session, deadline_s=0.1)) == f"sink hook: 127.0.0.1:{port}: connection refused"
    delivering = asyncio.ensure_future(attempted(sink(url, session), command()))
    await asyncio.sleep(0)
    bodies = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(serve, port), asyncio.timeout(10):
        await delivering
    assert len(bodies) == 1
