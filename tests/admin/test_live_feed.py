"""The live view over HTTP: the state first, then what changes; bounds, the token, and the end."""

import asyncio
import json

from aiohttp import ClientSession, web

from engine.admin.events import FOLLOWERS, WAITING, EventStream
from engine.admin.live_feed import Live, LiveApi
from tests.support.admin import running

TOKEN = "0123456789abcdef"


class View:
    """Shows nothing but how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def state(self):
        self.asked += 1
        return {"asked": self.asked}

    def timeline(self, key: str):
        return {"key": key} if key == "known" else None


async def event(response) -> tuple[int | None, str, object]:
    """The next one: id, kind, data."""
    async with asyncio.timeout(10):
        while True:
            lines = (await response.content.readuntil(b"\n\n")).decode().strip().split("\n")
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "data" in fields:
                return int(fields["id"]) if "id" in fields else None, fields["event"], json.loads(fields["data"])


async def test_every_follower_begins_with_the_state():
    events = EventStream(kept=0)
    async with running(live=Live(View(), events)) as admin:
        events.publish("tick", {"n": 1})
        async with admin.http.get("/v1/live") as first:
            assert first.headers["Content-Type"] == "text/event-stream"
            assert first.headers["Cache-Control"] == "no-store"
            assert await event(first) == (1, "state", {"asked": 1})
            events.publish("phrase", {"n": 2})
            assert await event(first) == (2, "phrase", {"n": 2})
            async with admin.http.get("/v1/live", headers={"Last-Event-ID": "1"}) as second:
                assert await event(second) == (2, "state", {"asked": 2})  # nothing is caught up with
                events.publish("tick", {"n": 3})
                assert [await event(each) for each in (first, second)] == [(3, "tick", {"n": 3})] * 2


async def test_who_fell_behind_is_told_and_has_to_begin_anew():
    events = EventStream(kept=0)
    async with running(live=Live(View(), events)) as admin, admin.http.get("/v1/live") as response:
        await event(response)
        for _ in range(WAITING + 3):  # in one turn of the loop
            events.publish("tick", {})
        assert await event(response) == (None, "lost", {"events": 3})
        async with asyncio.timeout(10):
            assert await response.content.read() == b""
        assert not events.followed


async def test_who_takes_nothing_is_cut_off():
    events = EventStream(kept=0)
    app = web.Application()
    LiveApi(Live(View(), events), write_timeout_s=0.2).add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/live"
        async with ClientSession(read_bufsize=1024) as http, http.get(address), asyncio.timeout(20):  # reads no more
            while events.followed:
                events.publish("tick", {"text": "x" * 1_000_000})
                await asyncio.sleep(0.01)
    finally:
        await runner.cleanup()


async def test_followers_are_counted():
    events = EventStream(kept=0)
    async with running(live=Live(View(), events)) as admin:
        for _ in range(FOLLOWERS):
            events.follow()
        async with admin.http.get("/v1/live") as response:
            assert response.status == 503
            assert (await response.json())["reason"] == "capacity"


async def test_it_ends_with_the_server():
    events = EventStream(kept=0)
    async with running(live=Live(View(), events)) as admin, admin.http.get("/v1/live") as response:
        await event(response)
        await admin.server.stop()
        async with asyncio.timeout(10):
            assert await response.content.read() == b""


async def test_a_timeline_and_none():
    async with running(live=Live(View(), EventStream(kept=0))) as admin:
        async with admin.http.get("/v1/conversations/known/timeline") as response:
            assert (response.status, await response.json()) == (200, {"key": "known"})
        async with admin.http.get("/v1/conversations/nobody/timeline") as response:
            body = await response.json()
        async with admin.http.get("/v1/conversations/nobody") as response:
            assert await response.json() == body
            assert response.status == body["status"] == 404


async def test_both_need_the_token_where_there_is_one():
    async with running(live=Live(View(), EventStream(kept=0)), token=TOKEN) as admin:
        for path in ("/v1/live", "/v1/conversations/known/timeline"):
            async with admin.http.get(path) as response:
                assert response.status == 401
            async with admin.http.get(path, headers={"Authorization": "Bearer wrong"}) as response:
                assert response.status == 401
            async with admin.http.get(path, headers={"Authorization": f"Bearer {TOKEN}"}) as response:
                assert response.status == 200


async def test_a_server_without_a_live_view_has_no_such_address():
    async with running() as admin, admin.http.get("/v1/live") as response:
        assert response.status == 404
