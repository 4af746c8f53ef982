"""Is the loop alive, may traffic come, and the numbers: `/healthz`, `/readyz`, `/metrics`."""

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web

from engine.admin.problems import json_response
from engine.metrics import CONTENT_TYPE, Metrics

TICK_S = 0.25
LAG_LIMIT_S = 1.0

Readiness = Callable[[], Mapping[str, bool]]  # condition → whether it holds; ready when all do


class LoopTicker:
    """Measures how late the event loop wakes a sleeper; one tick is one step, no thread."""

    def __init__(self, on_lag: Callable[[float], None]) -> None:
        self._on_lag = on_lag
        self._lag_s = 0.0
        self._ticked: float | None = None

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            started = self._ticked = loop.time()
            await asyncio.sleep(TICK_S)
            self._lag_s = max(0.0, loop.time() - started - TICK_S)
            self._on_lag(self._lag_s)

    def lag_s(self) -> float:
        """Lag of the last tick, or of the present one where that is overdue by more."""
        if self._ticked is None:
            return 0.0
        overdue_s = asyncio.get_running_loop().time() - self._ticked - TICK_S
        return max(self._lag_s, overdue_s)


class HealthApi:
    """The handlers."""

    def __init__(self, ticker: LoopTicker, readiness: Readiness, metrics: Metrics) -> None:
        self._ticker = ticker
        self._readiness = readiness
        self._metrics = metrics

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/metrics", self._expose)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)

    async def _expose(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    async def _health(self, _request: web.Request) -> web.Response:
        lag_s = self._ticker.lag_s()
        alive = lag_s <= LAG_LIMIT_S
        body = {"status": "ok" if alive else "late", "loop_lag_ms": round(lag_s * 1000, 1)}
        return json_response(body, 200 if alive else 503)

    async def _ready(self, _request: web.Request) -> web.Response:
        conditions = dict(self._readiness())
        ready = all(conditions.values())
        body = {"status": "ready" if ready else "not ready", "conditions": conditions}
        return json_response(body, 200 if ready else 503)
