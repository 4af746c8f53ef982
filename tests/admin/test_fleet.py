"""`GET /v1/fleet`: what is told, to whom, how often Redis is asked for it, and what is said where it can't be had."""

import asyncio

from aiohttp import ClientSession, web

from engine.admin.fleet import FleetApi
from engine.errors import FleetError
from tests.support.admin import running
from tests.support.fleet_view import MadeUpFleet

TOKEN = "0123456789abcdef"


class Asking:
    """A fleet behind the handler alone, with a clock that is set by hand."""

    def __init__(self, look) -> None:
        self.now_s = 0.0
        self.app = web.Application()
        FleetApi(lambda: look, lambda: self.now_s).add_to(self.app)
        self.runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.5)

    async def __aenter__(self):
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.http = ClientSession(f"http://127.0.0.1:{self.runner.addresses[0][1]}")
        return self

    async def __aexit__(self, *_):
        await self.http.close()
        await self.runner.cleanup()

    async def get(self):
        async with self.http.get("/v1/fleet") as answer:
            return answer.status, await answer.json()


async def test_all_nodes_are_told():
    fleet = MadeUpFleet()
    async with running(fleet=fleet.look) as admin, admin.http.get("/v1/fleet") as answer:
        told = await answer.json()
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert [(node["node"], node["calls"], node["leads"]) for node in told["nodes"]] == [
        ("a", 6, False), ("b", 8, True), ("c", 4, False),
    ]  # fmt: skip
    assert (told["name"], told["calls"], told["room"], told["leader"]) == ("default", 18, 6, "b")


async def test_redis_is_asked_once_a_second_however_many_ask():
    fleet = MadeUpFleet()
    async with Asking(fleet.look) as asking:
        answers = await asyncio.gather(*(asking.get() for _ in range(20)))
        assert (len(fleet.asked), {status for status, _ in answers}) == (1, {200})
        asking.now_s = 0.99
        await asking.get()
        assert len(fleet.asked) == 1
        fleet.change(calls=17)
        asking.now_s = 1.0
        assert (await asking.get())[1]["calls"] == 17
        assert len(fleet.asked) == 2


async def test_redis_away_is_said_and_asked_again_at_once():
    fleet = MadeUpFleet(fault=FleetError("Redis at 10.0.0.5:6379 can't be reached (timed out)", "unreachable"))
    async with Asking(fleet.look) as asking:
        status, problem = await asking.get()
        assert (status, problem["reason"]) == (503, "unreachable")
        assert problem["detail"] == "Redis at 10.0.0.5:6379 can't be reached (timed out)"
        fleet.fault = None
        assert (await asking.get())[0] == 200


async def test_an_engine_that_is_alone_says_so():
    async with running() as admin, admin.http.get("/v1/fleet") as answer:
        assert answer.status == 404
        assert "not in a fleet" in (await answer.json())["detail"]


async def test_it_needs_the_token():
    async with running(fleet=MadeUpFleet().look, token=TOKEN) as admin:
        async with admin.http.get("/v1/fleet") as answer:
            assert answer.status == 401
        async with admin.http.get("/v1/fleet", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            assert answer.status == 200
