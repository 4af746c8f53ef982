"""Single effects although two nodes may hear one call: who may have one, asked before it is handed to a sink.

A phrase that ended after our right to its call is another node's. Any other is ours if no other node has had the effect of the
same rule within a second of the phrase's end; Redis knows. While Redis does not answer, only what no other node can have heard is done.
"""

import asyncio

import structlog

from engine.commands.command import Command
from engine.errors import FleetError
from engine.fleet.calls import Calls
from engine.fleet.store import FleetStore
from engine.fleet.ticks import tick
from engine.fleet_metrics import FleetMetrics

RETRY_S = 0.2
NS_PER_S = 1_000_000_000

log = structlog.get_logger(__name__)


class FleetEffects:
    """The dispatcher's `Effects`."""

    def __init__(self, store: FleetStore, calls: Calls, metrics: FleetMetrics) -> None:
        self._store = store
        self._calls = calls
        self._metrics = metrics

    def ours(self, command: Command) -> bool:
        """Whether the phrase ended within our right to its call."""
        ours = self._calls.covers(command.conversation_id, command.phrase_end_ns / NS_PER_S, tick())
        if not ours:
            self._metrics.effect_elsewhere()
        return ours

    async def claim(self, command: Command) -> bool:
        """Whether no other node has had the effect. Waits for Redis without end where another could have had it."""
        while True:
            try:
                claimed = await self._store.claim_effect(
                    command.conversation_id,
                    command.channel,
                    command.rule,
                    command.idempotency_key,
                    command.phrase_end_ms,
                )
            except FleetError:
                if command.phrase_end_ns and self._calls.alone(command.conversation_id, tick()):
                    return True
                await asyncio.sleep(RETRY_S)
            else:
                if not claimed:
                    self._metrics.effect_elsewhere()
                return claimed
