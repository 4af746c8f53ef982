"""Watching and steering the simulator over HTTP, under `/simulator`; needs no token, is not noted in the journal.

`GET calls | requests | actions | faults | load | channels`, `POST faults`, `POST calls` (one more, the next of the
repertoire; `{"queue_id": …}` says by which queue), `POST calls/{id}/end`.
"""

import orjson
from aiohttp import web
from pydantic import ValidationError

from engine.errors import ConfigError
from engine.options import Options
from engine.simulator.cloud import Cloud
from engine.simulator.options import FaultOptions


class PlacedCall(Options):
    """Body of `POST calls`; may be left out."""

    queue_id: str | None = None


class ControlApi:
    """Handlers of `/simulator`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def add_to(self, app: web.Application) -> None:
        """Register the routes."""
        app.router.add_get("/simulator/calls", self._calls)
        app.router.add_post("/simulator/calls", self._place)
        app.router.add_post("/simulator/calls/{conversation}/end", self._end)
        app.router.add_get("/simulator/requests", self._requests)
        app.router.add_get("/simulator/actions", self._actions)
        app.router.add_get("/simulator/faults", self._faults)
        app.router.add_get("/simulator/load", self._load)
        app.router.add_get("/simulator/channels", self._channels)
        app.router.add_post("/simulator/faults", self._arm)

    async def _calls(self, _request: web.Request) -> web.Response:
        return web.json_response([call.report().body() for call in self._cloud.calls.values()])

    async def _requests(self, _request: web.Request) -> web.Response:
        return web.json_response([request.body() for request in self._cloud.journal.requests])

    async def _actions(self, _request: web.Request) -> web.Response:
        return web.json_response([action.body() for action in self._cloud.journal.actions])

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response([fault.body() for fault in self._cloud.faults.report()])

    async def _load(self, _request: web.Request) -> web.Response:
        """How well the simulator keeps time: a load generator that is late makes its listener look late."""
        return web.json_response({"late_ms": round(self._cloud.ticker.late_s * 1000, 3)})

    async def _channels(self, _request: web.Request) -> web.Response:
        return web.json_response([channel.body() for channel in self._cloud.channels.all])

    async def _place(self, request: web.Request) -> web.Response:
        try:
            queue = PlacedCall.model_validate_json(await request.read() or b"{}").queue_id
            return web.json_response(self._cloud.place(queue).report().body(), status=201)
        except ValidationError as error:
            return web.json_response({"message": str(error)}, status=400)
        except ConfigError as error:
            return web.json_response({"message": str(error)}, status=409)

    async def _end(self, request: web.Request) -> web.Response:
        call = self._cloud.calls.get(request.match_info["conversation"])
        if call is None:
            return web.json_response({"message": "no such call"}, status=404)
        await call.end("ended by control")
        return web.Response(status=204)

    async def _arm(self, request: web.Request) -> web.Response:
        try:
            self._cloud.arm(FaultOptions.model_validate(orjson.loads(await request.read())))
        except (ConfigError, ValidationError, orjson.JSONDecodeError) as error:
            return web.json_response({"message": str(error)}, status=400)
        return web.Response(status=204)
