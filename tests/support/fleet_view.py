"""A fleet that is made up: what a store would have read of it, and what is told of that."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from engine.errors import FleetError
from engine.fleet.overview import overview


@dataclass(frozen=True)
class SeenNode:
    """As engine.fleet.store has it."""

    name: str
    consumer: str
    status: bytes
    age_s: float
    pending: int


@dataclass(frozen=True)
class SeenFleet:
    """As engine.fleet.store has it."""

    nodes: tuple[SeenNode, ...] = ()
    leader: str | None = None
    epoch: int = 0
    waiting: int = 0
    oldest_s: float | None = None
    calls: int = 0
    quarantined: int = 0
    redis_s: float = 1_700_000_000.0
    redis_version: str = "7.0.15"
    redis_memory_bytes: int = 12_345_678


def node(name: str, calls: int = 6, age_s: float = 0.4, **said: Any) -> SeenNode:
    """A node with room for eight calls; `said` replaces parts of its own row."""
    row = {
        "node": name, "version": "0.1.0", "since": 1_699_990_000.0, "calls": calls, "audiohook": 0, "max_calls": 8, "room": 8 - calls,
        "utilization": 0.05 * calls, "lag_s": 0.012, "state": "ready" if calls < 8 else "full", "admin": f"http://{name}:8080",
    }  # fmt: skip
    return SeenNode(name, f"{name}-0a1b2c", orjson.dumps(row | said), age_s, calls)


USUAL = SeenFleet((node("a"), node("b", 8), node("c", 4)), "b-0a1b2c", 7, calls=18)


@dataclass
class MadeUpFleet:
    """Behind `GET /v1/fleet`: `seen` may be changed at will; `fault` is raised instead where it is set."""

    name: str = "default"
    seen: SeenFleet = USUAL
    fault: FleetError | None = None
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
