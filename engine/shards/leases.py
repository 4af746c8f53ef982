"""Who has which ring: a session's right to its rings on one shard. Pure.

A ring is free, leased, or closing (released by the session, still heard by the worker); only the worker's word makes
it free again. No ring is leased twice, no session holds two leases. A session's key is its id; that of a conversation which
has only one is the conversation's id.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from engine.errors import RefusedError
from engine.options import Channel


@dataclass(slots=True)
class RingLease:
    """One channel's ring."""

    number: int  # never used twice
    shard: int
    ring: int
    conversation_id: str
    key: str
    channel: Channel
    closing: bool = False


class Watcher(Protocol):
    """Who wants to know of every lease."""

    def taken(self, lease: RingLease) -> None:
        """A ring is leased from now on; it will be empty once this turn of the loop is over."""
        ...

    def ended(self, lease: RingLease) -> None:
        """A ring is free; what it holds stays until it is leased again."""
        ...


class LeaseBook:
    """The rings of all shards."""

    watcher: Watcher | None = None

    def __init__(self, rings: int, shards: Iterable[int]) -> None:
        self._rings = rings
        self._free = {shard: list(range(rings - 1, -1, -1)) for shard in shards}
        self._leases: dict[int, RingLease] = {}
        self._numbers = count(1)

    def free_rings(self, shard: int) -> int:
        """Rings that could be leased now."""
        return len(self._free[shard])

    def used_rings(self, shard: int) -> int:
        """Rings leased or closing."""
        return self._rings - len(self._free[shard])

    def take(
        self, conversation_id: str, channels: tuple[Channel, ...], shard: int, session_id: str | None = None
    ) -> list[RingLease]:
        """Lease a ring for each channel; RefusedError where the session has some, or too few are free."""
        key = session_id or conversation_id
        if any(lease.key == key and not lease.closing for lease in self._leases.values()):
            raise RefusedError("duplicate", f"{'session' if session_id else 'conversation'} {key} is already followed")
        if len(channels) > len(self._free[shard]):
            raise RefusedError(
                "capacity", f"shard {shard} has {len(self._free[shard])} rings left, {len(channels)} wanted"
            )
        leases = [
            RingLease(next(self._numbers), shard, self._free[shard].pop(), conversation_id, key, channel)
            for channel in channels
        ]
        self._leases |= {lease.number: lease for lease in leases}
        if self.watcher:
            for lease in leases:
                self.watcher.taken(lease)
        return leases

    def get(self, number: int) -> RingLease | None:
        """The lease, unless it has ended."""
        return self._leases.get(number)

    def on_shard(self, shard: int) -> list[RingLease]:
        """Leases that a replacement worker has to open, oldest first."""
        return [lease for lease in self._leases.values() if lease.shard == shard]

    def release(self, number: int) -> RingLease | None:
        """The session is done with it; returns it when that is news."""
        lease = self._leases.get(number)
        if lease is None or lease.closing:
            return None
        lease.closing = True
        return lease

    def end(self, number: int) -> RingLease | None:
        """The worker is done with it: the ring is free."""
        lease = self._leases.pop(number, None)
        if lease is not None:
            self._free[lease.shard].append(lease.ring)
            if self.watcher:
                self.watcher.ended(lease)
        return lease

    def __len__(self) -> int:
        return len(self._leases)
