"""Somebody who looks at the fleet and is no node of it: a store of his own, and what it reads as FLEET."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from engine.fleet.overview import overview
from engine.fleet.store import FleetStore
from engine.options import FleetOptions


def look_of(store: FleetStore, options: FleetOptions) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Reads FLEET by that store; FleetError where it can't be had."""

    async def look() -> dict[str, Any]:
        return overview(await store.view(), options.name, options.lease_s)

    return look


@asynccontextmanager
async def looking(options: FleetOptions) -> AsyncIterator[Callable[[], Awaitable[dict[str, Any]]]]:
    """`look_of` a store of one's own; ConfigError without the extra."""
    store = FleetStore(options)
    try:
        yield look_of(store, options)
    finally:
        await store.close()
