"""Waiting for what will become true, without sleeping longer than it takes."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Return as soon as the condition holds; TimeoutError where it doesn't in time."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)
