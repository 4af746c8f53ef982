"""How the engine stands: what the live view tells of the whole and of its shards, gathered from the parts."""

import time
from collections.abc import Callable, Mapping

from engine.audio.arena import Arena
from engine.commands.dispatcher import Dispatcher
from engine.commands.outbox import Outbox
from engine.genesys.platform import PlatformClient
from engine.live.ports import EngineStanding, Info, ShardStanding
from engine.metrics import Metrics
from engine.shards.inside import Inside
from engine.shards.looking import resident_bytes


class EngineStands:
    """Asks the parts; those that come with the start are told by `serve`."""

    def __init__(
        self,
        readiness: Callable[[], Mapping[str, bool]],
        metrics: Metrics,
        platform: PlatformClient,
        inside: Callable[[], Inside],
        info: Callable[[str], Info | None],
        model: str,
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._platform = platform
        self._inside = inside
        self._model = model
        self.info = info
        self._outbox: Outbox | None = None
        self._dispatcher: Dispatcher | None = None

    def serve(self, outbox: Outbox, dispatcher: Dispatcher) -> None:
        """Commands are delivered from now on."""
        self._outbox, self._dispatcher = outbox, dispatcher

    def engine(self) -> EngineStanding:
        """The whole."""
        conditions = self._readiness()
        ready = "ready" if all(conditions.values()) else "not ready"
        outbox = self._outbox
        return EngineStanding(
            status=ready if conditions["not_draining"] else "draining",
            conditions=conditions,
            refused_total=self._metrics.refused_total,
            outbox_pending=outbox.pending if outbox else 0,
            outbox_dead=outbox.dead if outbox else 0,
            outbox_oldest_s=outbox.oldest_s() if outbox else 0.0,
            sinks_failing=sorted(self._dispatcher.failing) if self._dispatcher else (),
            token_s=self._platform.token_seconds_left(time.monotonic()) or None,
            model=self._model,
        )

    def shards(self) -> list[ShardStanding]:
        """Each shard."""
        return [
            ShardStanding(
                shard=seen.shard,
                up=seen.up,
                utilization=seen.utilization,
                capacity_left=seen.capacity_left,
                dropped=seen.dropped,
                restarts=seen.restarts,
                memory_mb=round(resident_bytes(seen.pid) / 1e6, 1) if seen.pid else None,
            )
            for seen in self._inside().shards()
        ]

    def arena(self, shard: int) -> Arena:
        """A shard's memory."""
        return self._inside().arena(shard)
