"""One shard as the supervisor sees it: its arena and doorbell, which stay, and its worker, which may be replaced."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from enum import Enum, unique

from engine.audio.arena import Arena
from engine.options import ShardOptions
from engine.packets import PacketLink
from engine.shard_metrics import ShardReading
from engine.shards.doorbell import Doorbell
from engine.shards.restarts import RestartBudget
from engine.stats import Cell


@unique
class ShardState(Enum):
    """Whether there is a worker."""

    STARTING = "starting"
    UP = "up"
    DOWN = "down"
    GIVEN_UP = "given_up"


class Shard:
    """State without decisions; `Pool` decides."""

    def __init__(self, index: int, options: ShardOptions) -> None:
        self.index = index
        self.arena = Arena.create(options.rings, options.slots)
        self.doorbell = Doorbell()
        self.budget = RestartBudget(options.restart_limit, options.restart_window_s)
        self.generation = 0
        self.state = ShardState.STARTING
        self.pid: int | None = None
        self.link: PacketLink | None = None
        self.gone = asyncio.Event()  # no worker holds our link
        self.gone.set()
        self.overrun_frames = 0
        self.utilization_ratio = 0.0
        self._forked_ns = 0
        self._sampled = (time.monotonic(), 0.0)

    def begin_generation(self, link: PacketLink) -> None:
        """A worker is being forked on this link."""
        self.generation += 1
        self.link = link
        self.pid = None
        self.state = ShardState.STARTING
        self.gone.clear()
        self._forked_ns = time.monotonic_ns()

    def lost(self, frames: int) -> None:
        """A full ring lost frames."""
        self.overrun_frames += frames

    def silent_s(self) -> float:
        """Seconds since the work loop's last turn (or since the fork)."""
        heartbeat_ns = max(int(self.arena.cells[Cell.HEARTBEAT_NS]), self._forked_ns)
        return (time.monotonic_ns() - heartbeat_ns) / 1e9

    def sample(self) -> None:
        """Measure the utilization since the last sample, at most every second."""
        now, busy = time.monotonic(), float(self.arena.cells[Cell.BUSY_S])
        then, was = self._sampled
        if now - then >= 1:
            self.utilization_ratio = min(1.0, (busy - was) / (now - then))
            self._sampled = (now, busy)

    def reading(self, queue_depth_frames: int) -> ShardReading:
        """For the metrics."""
        return ShardReading(
            shard=self.index,
            cells=self.arena.cells.tolist(),
            queue_depth_frames=queue_depth_frames,
            restarts=self.budget.total,
            overrun_frames=self.overrun_frames,
            utilization_ratio=self.utilization_ratio,
        )

    def kill(self) -> None:
        """End the worker now; its link tells when it is gone."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Free what stays."""
        if self.link:
            self.link.close()
        self.doorbell.close()
        self.arena.close()
