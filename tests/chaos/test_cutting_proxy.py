"""The proxy as a client sees it, before a server that says everything again."""

import asyncio
import contextlib

import pytest

from tests.support.cutting_proxy import HOST, cutting_proxy

pytestmark = pytest.mark.timeout(30)
SOON_S = 10.0


@contextlib.asynccontextmanager
async def echo():
    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(100):
                echo.heard += data
                writer.write(data)
        writer.close()

    echo.heard = b""
    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def conversation():
    async with echo() as port, cutting_proxy(port) as proxy:
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        yield proxy, reader, writer
        writer.close()


async def said(reader, writer, words: bytes) -> bytes:
    writer.write(words)
    return await asyncio.wait_for(reader.readexactly(len(words)), SOON_S)


async def heard(words: bytes) -> None:
    async with asyncio.timeout(SOON_S):
        while not echo.heard.endswith(words):
            await asyncio.sleep(0.002)


async def test_it_passes_what_is_said_both_ways():
    async with conversation() as (proxy, reader, writer):
        assert await said(reader, writer, b"hello") == b"hello"
        assert proxy.passed_bytes == 10


async def test_stalled_it_keeps_what_was_said_until_it_is_restored():
    async with conversation() as (proxy, reader, writer):
        await said(reader, writer, b"hello")
        proxy.stall()
        writer.write(b"meanwhile")
        other_reader, other = await asyncio.open_connection(HOST, proxy.port)
        other.write(b"from another")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(100), 0.1)
        assert echo.heard == b"hello"
        await proxy.restore()
        assert await asyncio.wait_for(reader.readexactly(9), SOON_S) == b"meanwhile"
        assert await asyncio.wait_for(other_reader.readexactly(12), SOON_S) == b"from another"
        other.close()


async def test_muted_what_is_said_arrives_and_the_answer_does_not():
    async with conversation() as (proxy, reader, writer):
        await said(reader, writer, b"hello")
        proxy.mute()
        writer.write(b"anybody")
        await heard(b"anybody")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(100), 0.1)
        await proxy.restore()
        assert await asyncio.wait_for(reader.readexactly(7), SOON_S) == b"anybody"


async def test_cut_it_breaks_every_connection_and_takes_none_until_it_is_restored():
    async with conversation() as (proxy, reader, writer):
        await said(reader, writer, b"hello")
        port = proxy.port
        await proxy.cut()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(100), SOON_S) == b""
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(HOST, port)
        await proxy.restore()
        assert proxy.port == port
        other_reader, other = await asyncio.open_connection(HOST, port)
        assert await said(other_reader, other, b"again") == b"again"
        other.close()


async def test_a_stalled_connection_can_be_cut():
    async with conversation() as (proxy, reader, writer):
        await said(reader, writer, b"hello")
        proxy.stall()
        writer.write(b"meanwhile")
        await proxy.cut()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(100), SOON_S) == b""


async def test_behind_it_nobody_listens():
    async with echo() as port:
        pass
    async with cutting_proxy(port) as proxy:
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(100), SOON_S) == b""
        writer.close()
