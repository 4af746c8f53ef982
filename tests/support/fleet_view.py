"""A fleet that is made up: what a store would have read of it, and what is told of that."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from engine.errors import FleetError
from engine.fleet.overview import overview
from engine.fleet.rows import FleetView, NodeView

NOBODY = FleetView(
    redis_s=1_700_000_000.0,
    redis_version="7.0.15",
    redis_memory_bytes=12_345_678,
    redis_memory_limit_bytes=0,
    nodes=(),
    leader=None,
    epoch=0,
    waiting=0,
    oldest_s=None,
    calls=0,
    handovers=0,
    quarantined=0,
)


def node(name: str, calls: int = 6, age_s: float = 0.4, **said: Any) -> NodeView:
    """A node with room for eight calls; `said` replaces parts of its own row."""
    row = {
        "node": name, "version": "0.1.0", "calls": calls, "audiohook": 0, "max_calls": 8, "room": 8 - calls,
        "utilization": 0.05 * calls, "lag_s": 0.012, "state": "ready" if calls < 8 else "full", "admin": f"http://{name}:8080",
    }  # fmt: skip
    return NodeView(f"{name}-0a1b2c", name, 1_699_990_000.0, orjson.dumps(row | said), age_s, calls)


USUAL = replace(NOBODY, nodes=(node("a"), node("b", 8), node("c", 4)), leader="b-0a1b2c", epoch=7, calls=18)


@dataclass
class MadeUpFleet:
    """Behind `GET /v1/fleet`: `seen` may be changed at will; `fault` is raised instead where it is set."""

    name: str = "default"
    seen: FleetView = USUAL
    fault: FleetError | None = None
    alone: bool = False  # it has begun without its Redis
    asked: list[float] = field(default_factory=list)

    async def look(self) -> dict[str, Any]:
        """FLEET."""
        self.asked.append(time.monotonic())
        if self.fault:
            raise self.fault
        return overview(self.seen, self.name, 10.0)

    def change(self, **parts: Any) -> None:
        """See another fleet from now on."""
        self.seen = replace(self.seen, **parts)
