"""The AudioHook server on loopback with a registry and shards that obey intake's Protocols, and the simulator's client to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from engine.intake.audiohook_server import AudioHookServer
from engine.intake.conversation import ConversationInfo
from engine.intake.followed import Followed
from engine.intake.registry import Conversations
from engine.metrics import Metrics
from engine.options import AudioHookKey, AudioHookOptions
from engine.simulator.audiohook import AudioHookClient, HookOptions
from tests.support.realtime import FakeShards

KEY = "test-key"
SECRET = "bm90LWEtcmVhbC1zZWNyZXQtMDEyMzQ1Njc4OWFiY2Q="


@dataclass
class Intake:
    """A running server and what one sees of it from within."""

    server: AudioHookServer
    conversations: Conversations
    shards: FakeShards
    metrics: Metrics
    changes: list[ConversationInfo] = field(default_factory=list)

    @asynccontextmanager
    async def client(self, *, connected: bool = True, **changes: Any) -> AsyncIterator[AudioHookClient]:
        """One session to be led by hand."""
        settings: dict[str, Any] = {"url": self.server.url, "api_key": KEY, "client_secret": SECRET} | changes
        async with AudioHookClient(HookOptions(**settings)) as client:
            if connected:
                await client.connect()
            yield client

    def count(self, name: str, **labels: str) -> float:
        """A metric's value; 0 where it was never touched."""
        return self.metrics.registry.get_sample_value(f"cueline_{name}", labels) or 0.0

    def left(self) -> list[tuple[str, str | None]]:
        """State and reason of all that are listed."""
        return [(info.state, info.reason) for info in self.conversations.list()]


@asynccontextmanager
async def intake(shards: FakeShards | None = None, **settings: Any) -> AsyncIterator[Intake]:
    """A server on a free port; on leaving, nothing of it remains."""
    metrics, shards, changes = Metrics(), shards or FakeShards(), list[ConversationInfo]()
    conversations = Conversations(None, shards, Followed(), metrics, changes.append, close_timeout_s=4.0)
    keys = (AudioHookKey(api_key=SecretStr(KEY), client_secret=SecretStr(SECRET)),)
    options = AudioHookOptions(**({"port": 0, "keys": keys} | settings))
    server = AudioHookServer(options, conversations.open, frozenset({"external", "internal"}), metrics)
    await server.start()
    before = asyncio.all_tasks()
    try:
        yield Intake(server, conversations, shards, metrics, changes)
    finally:
        await conversations.drain(0)
        await server.stop()
        assert asyncio.all_tasks() <= before
