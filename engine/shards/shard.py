"""One shard as the supervisor sees it: its arena and doorbell, which stay, and its worker, which may be replaced."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from enum import Enum, unique
from functools import partial

from engine.audio.arena import Arena
from engine.audio.format import FRAME_S
from engine.options import ShardOptions
from engine.packets import PacketLink
from engine.shard_metrics import ShardReading
from engine.shards.admission import Admission
from engine.shards.doorbell import Doorbell
from engine.shards.hangs import HangJudge
from engine.shards.looking import look, resident_bytes
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
        self.admission = Admission(options.max_utilization)
        self._judge = HangJudge(options.hang_timeout_s)
        self._watched_ns = 0  # silence counts from here at the earliest
        self._sampled = self._sample()

    def begin_generation(self, link: PacketLink) -> None:
        """A worker is being forked on this link."""
        self.generation += 1
        self.link = link
        self.pid = None
        self.state = ShardState.STARTING
        self.gone.clear()
        self.excuse()

    def lost(self, frames: int) -> None:
        """A full ring lost frames."""
        self.overrun_frames += frames

    def last_heard(self) -> tuple[int, int]:
        """What a dead worker was hearing: the lease (0: none) and the frame that its turn began with. Told once."""
        cells = self.arena.cells
        lease, cells[Cell.HEARING] = int(cells[Cell.HEARING]), 0
        return lease, int(cells[Cell.HEARING_AT])

    def excuse(self) -> None:
        """Silence up to now does not count: the worker is new, or nobody could have heard it."""
        self._watched_ns = time.monotonic_ns()

    def _heartbeat_ns(self) -> int:
        return max(int(self.arena.cells[Cell.HEARTBEAT_NS]), self._watched_ns)

    def silent_s(self) -> float:
        """Seconds since the work loop's last turn (or since the fork)."""
        return (time.monotonic_ns() - self._heartbeat_ns()) / 1e9

    def hangs(self) -> bool:
        """Whether the worker's silence is a hang (see `hangs`)."""
        return self._judge.hangs(self._heartbeat_ns(), time.monotonic_ns(), partial(look, self.pid))

    def _sample(self) -> tuple[float, float, float]:
        """The time, seconds busy and seconds of audio heard so far."""
        cells = self.arena.cells
        return time.monotonic(), float(cells[Cell.BUSY_S]), float(cells[Cell.FRAMES]) * FRAME_S

    def sample(self) -> None:
        """Measure the utilization since the last sample, at most every second. Without a worker there is nothing to learn."""
        now, then = self._sample(), self._sampled
        passed_s, busy_s, heard_s = (after - before for after, before in zip(now, then, strict=True))
        if self.state is not ShardState.UP:
            self.utilization_ratio, self._sampled = 0.0, now
        elif passed_s >= 1:
            self.utilization_ratio, self._sampled = min(1.0, busy_s / passed_s), now
            self.admission.measured(self.utilization_ratio, heard_s / passed_s)

    def reading(self, queue_depth_frames: int, leased: int) -> ShardReading:
        """For the metrics."""
        return ShardReading(
            shard=self.index,
            cells=self.arena.cells.tolist(),
            queue_depth_frames=queue_depth_frames,
            restarts=self.budget.total,
            overrun_frames=self.overrun_frames,
            utilization_ratio=self.utilization_ratio,
            capacity_left_ratio=0.0 if self.state is ShardState.GIVEN_UP else self.admission.left_ratio(leased),
            up=self.state is ShardState.UP,
            memory_bytes=resident_bytes(self.pid),
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
