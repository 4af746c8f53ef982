"""Nodes of a fleet as processes on loopback: one Redis, one simulator, engines with a name and a folder each."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.following import QUICK, Running, running
from tests.support.redis_server import Redis

LEASE_S = 3.0


@contextlib.asynccontextmanager
async def node(
    name: str,
    redis: Redis,
    environment: dict[str, str],
    folder: Path,
    lease_s: float = LEASE_S,
    more: str = "",
    **settings: str,
) -> AsyncIterator[Running]:
    """A node of that name, up; `more` stands in its configuration."""
    home = folder / name
    home.mkdir(exist_ok=True)
    own = {"CUELINE_REDIS_URL": redis.url, "CUELINE_NODE": name, "CUELINE_SHARDS": "1", "CUELINE_DRAIN_S": "30"}
    config = QUICK + f"\n[fleet]\nlease_s = {lease_s}\n" + more
    async with running(environment | own | settings, home, config) as engine:
        yield engine


async def live(engine: Running) -> set[str]:
    """Calls that a node hears now."""
    _, body = await engine.ask("GET", "/v1/conversations")
    return {each["conversation_id"] for each in body["conversations"] if each["state"] == "listening"}


async def until_live(engine: Running, wanted: int, timeout_s: float = 20.0) -> set[str]:
    """Wait until a node hears so many calls."""
    try:
        async with asyncio.timeout(timeout_s):
            while len(found := await live(engine)) != wanted:
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{len(found)} calls, not {wanted}:\n" + "\n".join(engine.command.err)) from None
    return found


def kill(engine: Running) -> None:
    """-9 for it and all its processes, at once."""
    _signal(engine, signal.SIGKILL)


def halt(engine: Running) -> None:
    """It stands still, all its processes with it."""
    _signal(engine, signal.SIGSTOP)


def go_on(engine: Running) -> None:
    """Until this."""
    _signal(engine, signal.SIGCONT)


def _signal(engine: Running, number: signal.Signals) -> None:
    for pid in (engine.command.process.pid, *(child.pid for child in engine.command.children)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
