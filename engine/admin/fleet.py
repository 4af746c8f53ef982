"""`GET /v1/fleet`: all nodes of the fleet that this engine is one of, as Redis knows them (docs/fleet.md).

Any node can be asked, and all say the same. However many ask, Redis is read once a second at most.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from engine.admin.problems import RETRY_AFTER_S, json_response, problem
from engine.errors import FleetError

KEPT_S = 1.0
LIMIT_S = 3.0
NO_FLEET = "this engine is not in a fleet; docs/fleet.md says how to run one"

Look = Callable[[], Awaitable[dict[str, Any]]]  # FLEET, now; FleetError where it can't be had


class FleetApi:
    """The handler. `look` tells None where there is no fleet, or none yet."""

    def __init__(self, look: Callable[[], Look | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._turn = asyncio.Lock()
        self._seen: tuple[float, dict[str, Any]] | None = None  # when, what

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/v1/fleet", self._show)

    async def _show(self, _request: web.Request) -> web.Response:
        look = self._look()
        if look is None:
            return problem(404, NO_FLEET)
        try:
            async with asyncio.timeout(LIMIT_S), self._turn:
                return json_response(await self._fresh(look), headers={"Cache-Control": "no-store"})
        except FleetError as error:
            return problem(503, str(error), {"Retry-After": str(RETRY_AFTER_S)}, reason=error.kind)
        except TimeoutError:
            return problem(503, "Redis does not answer", {"Retry-After": str(RETRY_AFTER_S)}, reason="unreachable")

    async def _fresh(self, look: Look) -> dict[str, Any]:
        now_s = self._clock()
        if self._seen is None or now_s - self._seen[0] >= KEPT_S:
            self._seen = now_s, await look()
        return self._seen[1]
