"""What the store tells and is told, and how it is written in Redis. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.fleet.clock import FleetClock
from engine.intake.past import Past

Source = Literal["static", "api", "notifications", "handover", "earlier"]
Offering = Literal["offered", "known", "quarantined", "full", "stale"]
Withdrawal = Literal["withdrawn", "asked", "unknown"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A call that this node now has."""

    entry: str
    conversation_id: str
    source: str
    offered_at_s: float  # Redis' clock
    past: Past | None  # moments of the fleet's clock
    holder: str | None  # the consumer that hears it now, and lets go once we do; None: nobody, or it is dead
    holder_entry: str | None
    taken: int  # times delivered; 1 the first time


@dataclass(frozen=True, slots=True)
class Held:
    """A call that this node follows, and how far it is."""

    entry: str
    conversation_id: str
    past: Past | None


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of what was held. Entries that stand nowhere here are ours for another lease."""

    redis_s: float
    lost: Mapping[str, str]  # entry → the consumer that has it now; "": its call has ended elsewhere
    moved: frozenset[str]  # entries handed over: a taker hears the call
    missing: frozenset[str]  # entries that Redis does not know (any more)
    withdrawn: frozenset[str]  # conversation ids to let go


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node."""

    consumer: str
    name: str
    since_s: float  # its start, Redis' clock; 0 where it is not known
    status: bytes  # its row as it gave it, JSON; empty where it has not renewed yet, or not for three leases
    age_s: float  # since it was last heard of
    pending: int  # calls it has


@dataclass(frozen=True, slots=True)
class FleetView:
    """The fleet as Redis knows it."""

    redis_s: float
    redis_version: str
    redis_memory_bytes: int
    redis_memory_limit_bytes: int  # 0: none
    nodes: tuple[NodeView, ...]
    leader: str | None  # consumer
    epoch: int
    waiting: int  # calls that nobody has
    oldest_s: float | None  # for how long the one that waits longest has been nobody's
    calls: int  # that nodes have
    handovers: int  # whose giver still has the call
    quarantined: int


def past_text(past: Past | None) -> str:
    """`position ms, Redis' s`; empty for None."""
    return f"{past.position_ms} {past.at.boot_s:.3f}" if past else ""


def past_of(text: bytes, clock: FleetClock) -> Past | None:
    """What `past_text` wrote; None where nothing, or something else, stands there."""
    try:
        position, at = text.split()
        return Past(int(position), clock.at(float(at)))
    except ValueError:
        return None


def entry_s(entry: str) -> float:
    """When an entry was made, by Redis' clock: its id says so."""
    return int(entry.partition("-")[0]) / 1000


def time_s(pair: Sequence[bytes]) -> float:
    """A reply of TIME."""
    return int(pair[0]) + int(pair[1]) / 1_000_000


def offer_of(row: Sequence[Any], clock: FleetClock) -> Offer:
    """A row of claim.lua: entry, call, source, past, holder, held entry, times delivered."""
    entry, call, source = (part.decode() for part in row[:3])
    holder, held = (part.decode() or None for part in row[4:6])
    return Offer(entry, call, source, entry_s(entry), past_of(row[3], clock), holder, held, row[6])


def read_offer(entry: bytes, fields: Sequence[bytes], clock: FleetClock) -> Offer:
    """An entry as XREADGROUP gives it, for the first time."""
    return offer_of((entry, *fields[1::2], 1), clock)


def renewal_of(reply: Sequence[Any]) -> Renewal:
    """A reply of renew.lua."""
    time, lost, *rest = reply
    names = [name.decode() for name in lost]
    moved, missing, withdrawn = (frozenset(each.decode() for each in part) for part in rest)
    return Renewal(time_s(time), dict(zip(names[::2], names[1::2], strict=True)), moved, missing, withdrawn)


def view_of(reply: Sequence[Any], info: Mapping[str, str]) -> FleetView:
    """A reply of view.lua, with what INFO says of Redis."""
    time, rows, pending, leader, epoch, calls, quarantined, waits_ms, handovers, both = reply
    now_s = time_s(time)
    by_consumer = {consumer.decode(): int(count) for consumer, count in pending}
    nodes = tuple(_node(row, by_consumer, now_s) for row in rows)
    taken = sum(by_consumer.values()) - by_consumer.get("nobody", 0) - both
    return FleetView(
        redis_s=now_s,
        redis_version=info.get("redis_version", ""),
        redis_memory_bytes=int(info.get("used_memory", 0)),
        redis_memory_limit_bytes=int(info.get("maxmemory", 0)),
        nodes=nodes,
        leader=leader.decode() or None,
        epoch=int(epoch),
        waiting=max(0, calls - taken),
        oldest_s=None if waits_ms < 0 else waits_ms / 1000,
        calls=taken,
        handovers=handovers,
        quarantined=quarantined,
    )


def _node(row: Sequence[bytes], pending: Mapping[str, int], now_s: float) -> NodeView:
    consumer = row[0].decode()
    since, _, status = row[2].partition(b" ")
    return NodeView(
        consumer=consumer,
        name=consumer.rpartition("-")[0],
        since_s=float(since or 0),
        status=status,
        age_s=max(0.0, now_s - float(row[1]) / 1000),
        pending=pending.get(consumer, 0),
    )


def info_of(reply: bytes) -> dict[str, str]:
    """INFO's text as names and values."""
    pairs = (line.partition(":") for line in reply.decode("utf-8", "replace").splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in pairs if name}
