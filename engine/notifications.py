"""Genesys' notifications as a part of this engine: followed by itself where it works alone, by the leader in a fleet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.discovery.alone import LeadsAlone, OffersAlone
from engine.discovery.follower import Follower
from engine.fleet_wiring import Fleet
from engine.genesys.platform import PlatformClient
from engine.intake.registry import Conversations
from engine.metrics import Metrics
from engine.options import EngineOptions


@asynccontextmanager
async def following(
    options: EngineOptions,
    conversations: Conversations,
    platform: PlatformClient,
    metrics: Metrics,
    fleet: Fleet | None,
) -> AsyncIterator[None]:
    """Offer calls of the configured queues and users as they begin."""
    if fleet is None:
        follower = Follower(options.discovery, platform, OffersAlone(conversations), LeadsAlone(), metrics)
        tasks = [asyncio.create_task(follower.run(), name="notifications")]
    else:
        follower = Follower(options.discovery, platform, fleet.offers, fleet.leadership, metrics)
        tasks = [
            asyncio.create_task(fleet.leadership.run(), name="fleet leadership"),
            asyncio.create_task(follower.run(), name="notifications"),
        ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if fleet is not None:
            await fleet.leadership.stand_down()
