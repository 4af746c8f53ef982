"""What may be seen of the shards from outside, without asking their workers: for the live view."""

from dataclasses import dataclass

from engine.audio.arena import Arena
from engine.shards.leases import LeaseBook, Watcher
from engine.shards.shard import Shard, ShardState
from engine.shards.workers import Workers


@dataclass(frozen=True, slots=True)
class ShardSeen:
    """One shard now."""

    shard: int
    up: bool
    pid: int | None  # of its worker
    utilization: float
    capacity_left: float
    dropped: int  # frames lost because a ring was full
    restarts: int


class Inside:
    """The shards, for looking only."""

    def __init__(self, workers: Workers, leases: LeaseBook) -> None:
        self._workers = workers
        self._leases = leases

    def watch(self, watcher: Watcher) -> None:
        """Tell it of every lease from now on."""
        self._leases.watcher = watcher

    def arena(self, shard: int) -> Arena:
        """A shard's memory; it stays the same for as long as the shard lives."""
        return self._workers.shards[shard].arena

    def shards(self) -> list[ShardSeen]:
        """All of them; none before the start and after the end."""
        return [self._seen(shard) for shard in self._workers.shards]

    def _seen(self, shard: Shard) -> ShardSeen:
        given_up = shard.state is ShardState.GIVEN_UP
        leased = self._leases.used_rings(shard.index)
        return ShardSeen(
            shard=shard.index,
            up=shard.state is ShardState.UP,
            pid=shard.pid,
            utilization=shard.utilization_ratio,
            capacity_left=0.0 if given_up else shard.admission.left_ratio(leased),
            dropped=shard.overrun_frames,
            restarts=shard.budget.total,
        )
