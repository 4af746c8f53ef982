"""The edges of the event feed: idle connections, readers that fall behind, readers that take nothing."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

from engine.admin.event_feed import EventsApi
from engine.admin.events import WAITING, EventStream


@contextlib.asynccontextmanager
async def feeding(events: EventStream, **limits: float) -> AsyncIterator[int]:
    app = web.Application()
    EventsApi(events, **limits).add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_an_idle_stream_is_kept_open() -> None:
    async with (
        feeding(EventStream(), keep_alive_s=0.01) as port,
        ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/v1/events") as response,
    ):
        async with asyncio.timeout(5):
            text = await response.content.readexactly(len("retry: 2000\n\n: keep-alive\n\n: keep-alive\n\n"))
    assert text == b"retry: 2000\n\n: keep-alive\n\n: keep-alive\n\n"


async def test_who_fell_behind_is_told_how_far() -> None:
    events = EventStream()
    async with (
        feeding(events) as port,
        ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/v1/events") as response,
    ):
        await response.content.readuntil(b"\n\n")
        for _ in range(WAITING + 7):  # in one turn of the loop: the reader gets none of it meanwhile
            events.publish("k", {})
        async with asyncio.timeout(5):
            assert await response.content.readuntil(b"\n\n") == b'event: lost\ndata: {"events":7}\n\n'
            assert (await response.content.readuntil(b"\n\n")).startswith(b"id: 8\n")


async def test_who_takes_nothing_is_cut_off() -> None:
    events = EventStream()
    async with feeding(events, write_timeout_s=0.2) as port:
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(reader, ("127.0.0.1", port))
        await loop.sock_sendall(reader, b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        with reader:
            async with asyncio.timeout(10):
                while not events._followers:
                    await asyncio.sleep(0.005)
                while events._followers:
                    events.publish("k", {"fill": "x" * 100_000})
                    await asyncio.sleep(0.005)


async def test_who_hangs_up_is_forgotten() -> None:
    events = EventStream()
    async with feeding(events, keep_alive_s=0.01) as port:
        async with ClientSession() as http:
            response = await http.get(f"http://127.0.0.1:{port}/v1/events")
            await response.content.readuntil(b"\n\n")
            response.close()
        async with asyncio.timeout(5):
            while events._followers:
                await asyncio.sleep(0.005)
