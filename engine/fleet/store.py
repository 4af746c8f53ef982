"""What all nodes of a fleet share, in one Redis: offers of calls, who has which, what was done on them, who leads.

Offers are entries of a stream; who reads one owns its call. What is owned is renewed, for all calls of a node in one step; what
was not renewed for a lease is for others. Time is Redis', so the nodes' clocks don't matter. Every method is one round trip
(two where it says so) and one step to all others, made by a Lua script (lua/*.lua); none repeats anything by itself, but
where Redis has lost its data and is told anew that there is a group. All raise FleetError, and nothing else.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from engine.errors import ConfigError, FleetError
from engine.fleet.clock import FleetClock
from engine.fleet.rows import (
    FleetView,
    Held,
    NodeView,
    Offer,
    Offering,
    Renewal,
    Source,
    Withdrawal,
    info_of,
    offer_of,
    past_text,
    read_offer,
    renewal_of,
    time_s,
    view_of,
)
from engine.fleet.scripts import keys, script
from engine.fleet.ticks import boot_s
from engine.intake.past import Past
from engine.options import FleetOptions
from engine.redis_client import TIMEOUT_S, RedisClient, open_redis

__all__ = ["FleetStore", "FleetView", "Held", "NodeView", "Offer", "Offering", "Renewal", "Source", "Withdrawal"]

GROUP = "nodes"
EFFECT_MS = 1000  # phrase ends of two nodes that are so near are one phrase
NEEDED = ("XAUTOCLAIM", "XREADGROUP", "XPENDING", "XCLAIM", "EVALSHA")  # with the first came all that scripts use
_OLD = "it lacks {}: a fleet needs Redis 6.2 or newer, or Valkey"
_REPLICA = "it is a replica: give the primary's address"


class FleetStore:
    """One process' view of it. `instance` is who effects are remembered for: the same over restarts, for one state folder."""

    def __init__(
        self, options: FleetOptions, *, instance: str | None = None, now: Callable[[], float] = boot_s
    ) -> None:
        if options.redis_url is None:
            raise ConfigError(["fleet.redis_url: not set (CUELINE_REDIS_URL); without it there is no fleet"])
        self.consumer = f"{options.node}-{secrets.token_hex(3)}"
        self.clock = FleetClock(options.name, now)
        self._options = options
        self._instance = instance or self.consumer
        self._now = now
        self._keys = keys(options.prefix)
        self._lease_ms = round(options.lease_s * 1000)
        self._since_s = 0.0
        self._stood = False  # for the lead, before
        self._swept_s = now()
        self._client: RedisClient = open_redis(
            options.redis_url, options.redis_password, min(TIMEOUT_S, options.lease_s / 3)
        )

    @property
    def where(self) -> str:
        """Host and port, or the socket's path."""
        return self._client.where

    async def begin(self) -> None:
        """Check that this Redis can carry a fleet, and be seen in it. Several round trips. FleetError says what is wrong."""
        known = await self._client.run("COMMAND", "INFO", *NEEDED)
        lacking = [name for name, row in zip(NEEDED, known, strict=True) if not row]
        if lacking:
            raise FleetError(f"Redis at {self.where}: {_OLD.format(', '.join(lacking))}", "old")
        if info_of(await self._client.run("INFO", "replication")).get("role") == "slave":
            raise FleetError(f"Redis at {self.where}: {_REPLICA}", "readonly")
        await self._make_group()
        sent = self._now()
        redis_s = time_s(await self._do("begin"))
        self.clock.heard(sent, self._now(), redis_s)
        self._since_s = redis_s

    async def offer(
        self,
        conversation_id: str,
        source: Source,
        *,
        past: Past | None = None,
        holder_entry: str | None = None,
        epoch: int | None = None,
    ) -> Offering:
        """Offer a call to all nodes, this one too. `epoch`: of who leads; one that is over is "stale".

        `holder_entry`: this node follows the call by an entry that Redis has lost; it goes on until another hears the call.
        """
        said = ("" if epoch is None else epoch, self._options.offers_max)
        state: bytes = await self._do("offer", conversation_id, source, past_text(past), holder_entry or "", *said)
        return state.decode()  # type: ignore[return-value]

    async def withdraw(self, conversation_id: str) -> Withdrawal:
        """The call is to be followed no more: "withdrawn" at once, or "asked" of its node, at that one's next renewal."""
        state: bytes = await self._do("withdraw", conversation_id)
        return state.decode()  # type: ignore[return-value]

    async def take(self, count: int, block_s: float) -> list[Offer]:
        """Up to `count` waiting offers, which are ours from here on; wait for the first for `block_s` (0: don't wait).

        One more round trip where a handover is among them: a holder that is dead stands in none. An offer whose holder is
        this node itself has come back: `took_over` makes its entry the call's.
        """
        block = ("BLOCK", max(1, round(block_s * 1000))) if block_s > 0 else ()
        command = ("XREADGROUP", "GROUP", GROUP, self.consumer, "COUNT", count, *block, "STREAMS", self._keys[0], ">")
        try:
            reply = await self._client.run(*command, wait_s=block_s)
        except FleetError as error:
            if not _lost_group(error):
                raise
            await self._make_group()
            reply = await self._client.run(*command, wait_s=block_s)
        rows = reply[0][1] if reply else []
        offers = [read_offer(entry, fields, self.clock) for entry, fields in rows if fields]
        return await self._with_living_holders(offers)

    async def claim_lapsed(self, count: int) -> list[Offer]:
        """Up to `count` calls that nodes have given back, or not renewed for a lease; ours from here on."""
        now = self._now()
        sweep = now - self._swept_s >= self._options.lease_s  # once a lease: all that is pending, should a row be lost
        rows = await self._do("claim", count, "1" if sweep else "0")
        self._swept_s = now if sweep else self._swept_s
        return [offer_of(row, self.clock) for row in rows]

    async def renew(self, held: Sequence[Held], status: bytes) -> Renewal:
        """Keep what is held for another lease, and note how far it is. `status`: this node's row for the view, JSON.

        What this consumer has and does not name is given to others once it is a lease old.
        """
        parts = [part for call in held for part in (call.entry, call.conversation_id, past_text(call.past))]
        sent = self._now()
        reply = await self._do("renew", f"{self._since_s:.3f} ".encode() + status, *parts)
        renewal = renewal_of(reply)
        self.clock.heard(sent, self._now(), renewal.redis_s)
        return renewal

    async def give_back(self, entries: Sequence[str], *, untried: bool = False) -> None:
        """Others may claim them at once; this node after a lease. Those that are not ours are left alone.

        `untried`: this time does not count as taken, since it says nothing of the calls.
        """
        if entries:
            await self._do("give_back", int(untried), *entries)

    async def settle(self, entry: str, conversation_id: str, *, quarantine_s: float | None = None) -> bool:
        """The call has ended: nobody is to follow it. False, and nothing done, where it was no longer ours.

        A handover that we took and could not hear is ended by it too; its holder keeps the call.
        """
        return bool(await self._do("settle", entry, conversation_id, round((quarantine_s or 0) * 1000)))

    async def hand_over(self, held: Held) -> bool:
        """Offer it to others while we go on; False where that stands already, or the call is not ours."""
        return bool(await self._do("hand_over", held.entry, held.conversation_id, past_text(held.past)))

    async def withdraw_handover(self, conversation_id: str) -> None:
        """Take that back; who has taken it meanwhile learns so at its next renewal (its entry is lost to us)."""
        await self._do("withdraw_handover", conversation_id)

    async def took_over(self, offer: Offer) -> bool:
        """We hear it, so it is ours alone. False: it has ended, was withdrawn, or another has it; our entry is gone then."""
        return bool(await self._do("took_over", offer.entry, offer.conversation_id, offer.holder_entry or ""))

    async def claim_effect(self, conversation_id: str, channel: str, rule: str, key: str, phrase_end_ms: int) -> bool:
        """Whether the effect of a phrase is ours: nobody else did it within a second of the phrase's end. Ours stays ours."""
        place = f"{self._options.prefix}effect:{conversation_id}:{channel}:{rule}"
        kept = round(self._options.effects_kept_s)
        said = (self._instance, key, phrase_end_ms, EFFECT_MS, kept)
        return bool(await self._client.script(script("effect"), (place,), *said))

    async def lead(self, lease_s: float) -> int | None:
        """The fencing epoch while we lead, for `lease_s` from now on; None while another does. Each new leader's is greater.

        Nobody leads for half of `lease_s` once Redis has lost its data.
        """
        epoch = int(await self._do("lead", round(lease_s * 1000), int(self._stood)))
        self._stood = True
        return epoch or None

    async def resign(self) -> None:
        """Another may lead at once."""
        await self._do("resign")

    async def leave(self) -> None:
        """Be seen no more. What is still ours is given back."""
        await self._do("leave")

    async def view(self) -> FleetView:
        """The fleet as Redis knows it. Two commands, at once."""
        reply, info = await asyncio.gather(self._do("view"), self._client.run("INFO"))
        return view_of(reply, info_of(info))

    async def close(self) -> None:
        """Close the connections; what is ours stays ours until its lease ends."""
        await self._client.close()

    async def _do(self, name: str, *arguments: Any) -> Any:
        """A script; where Redis has lost its data, once more with the group made anew (nothing was done before that)."""
        said = (self.consumer, self._lease_ms, *arguments)
        try:
            return await self._client.script(script(name), self._keys, *said)
        except FleetError as error:
            if not _lost_group(error):
                raise
        await self._make_group()
        return await self._client.script(script(name), self._keys, *said)

    async def _make_group(self) -> None:
        try:
            await self._client.run("XGROUP", "CREATE", self._keys[0], GROUP, "0", "MKSTREAM")
        except FleetError as error:
            if "BUSYGROUP" not in str(error):  # it is there
                raise

    async def _with_living_holders(self, offers: list[Offer]) -> list[Offer]:
        named = sorted({offer.holder for offer in offers if offer.holder})
        if not named:
            return offers
        alive = {name.decode() for name in await self._do("alive", *named)}
        return [offer if offer.holder in alive else replace(offer, holder=None) for offer in offers]


def _lost_group(error: FleetError) -> bool:
    """Redis knows no such group, or lost it while we waited."""
    return error.kind == "protocol" and ("NOGROUP" in str(error) or "UNBLOCKED" in str(error))
