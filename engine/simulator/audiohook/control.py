"""Watching and steering AudioHook calls over HTTP, in the main simulator's words.

`GET /simulator/calls | load | summary | faults`, `POST calls/{conversation}/end | drop`, `POST faults` with `{"name", "count"}`.
"""

from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.simulator.audiohook.calls import AudioHookCalls


class HookControl:
    """Handlers of `/simulator`."""

    def __init__(self, calls: "AudioHookCalls") -> None:
        self._calls = calls

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_get("/simulator/calls", self._list)
        app.router.add_get("/simulator/load", self._load)
        app.router.add_get("/simulator/summary", self._summary)
        app.router.add_get("/simulator/faults", self._faults)
        app.router.add_post("/simulator/faults", self._commit)
        app.router.add_post("/simulator/calls/{conversation}/{what:end|drop}", self._act)
        return app

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response([report.body() for report in self._calls.reports])

    async def _load(self, _request: web.Request) -> web.Response:
        """How well the simulator keeps time: a load generator that is late makes its listener look late."""
        return web.json_response(self._calls.load())

    async def _summary(self, _request: web.Request) -> web.Response:
        return web.json_response(self._calls.summary())

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response([outcome.body() for outcome in self._calls.outcomes])

    async def _act(self, request: web.Request) -> web.Response:
        call = self._calls.by_id.get(request.match_info["conversation"])
        if call is None:
            return web.json_response({"message": "no such call"}, status=404)
        if request.match_info["what"] == "end":
            call.end()
        else:
            call.drop()
        return web.Response(status=204)

    async def _commit(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read())
            self._calls.commit(str(body["name"]), int(body.get("count", 1)))
        except (ConfigError, ValueError, TypeError, KeyError, AttributeError) as error:
            return web.json_response({"message": str(error) or "name is missing"}, status=400)
        return web.Response(status=204)
