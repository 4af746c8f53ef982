"""Watching and steering AudioHook calls over HTTP, in the main simulator's words.

`GET /simulator/calls | load | summary | faults`, `POST calls` (one more, the next of the repertoire), `POST faults` with `{"name", "count"}`, and `POST calls/{conversation}/DEED`,
some with `?seconds=`: DEEDS says which there are.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from engine.errors import ConfigError
from engine.simulator.audiohook.call import Call

if TYPE_CHECKING:
    from engine.simulator.audiohook.calls import AudioHookCalls


DEEDS: dict[str, Callable[[Call, float], None]] = {
    "end": lambda call, _: call.end(),
    "drop": lambda call, _: call.drop(),
    "return": lambda call, _: call.drop(continued=True),
    "hold": lambda call, seconds: call.hold_back(seconds),
    "freeze": lambda call, seconds: call.freeze(seconds),
    "pause": lambda call, seconds: call.leave_out(seconds, paused=True),
    "discard": lambda call, seconds: call.leave_out(seconds, paused=False),
}
SECONDS_MAX = 60.0


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
        app.router.add_post("/simulator/calls", self._place)
        app.router.add_post("/simulator/faults", self._commit)
        app.router.add_post("/simulator/calls/{conversation}/{deed}", self._act)
        return app

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response([report.body() for report in self._calls.reports])

    async def _place(self, _request: web.Request) -> web.Response:
        try:
            return web.json_response(self._calls.place().report().body(), status=201)
        except ConfigError as error:
            return web.json_response({"message": str(error)}, status=409)

    async def _load(self, _request: web.Request) -> web.Response:
        """How well the simulator keeps time: a load generator that is late makes its listener look late."""
        return web.json_response(self._calls.load())

    async def _summary(self, _request: web.Request) -> web.Response:
        return web.json_response(self._calls.summary())

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response([outcome.body() for outcome in self._calls.outcomes])

    async def _act(self, request: web.Request) -> web.Response:
        call = self._calls.by_id.get(request.match_info["conversation"])
        deed = DEEDS.get(request.match_info["deed"])
        if call is None or deed is None:
            return web.json_response({"message": f"no such call, or nothing of {', '.join(DEEDS)}"}, status=404)
        try:
            seconds = float(request.query.get("seconds", "1"))
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= SECONDS_MAX:
            return web.json_response({"message": f"seconds: above 0, at most {SECONDS_MAX:g}"}, status=400)
        deed(call, seconds)
        return web.Response(status=204)

    async def _commit(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read())
            self._calls.commit(str(body["name"]), int(body.get("count", 1)))
        except (ConfigError, ValueError, TypeError, KeyError, AttributeError) as error:
            return web.json_response({"message": str(error) or "name is missing"}, status=400)
        return web.Response(status=204)
