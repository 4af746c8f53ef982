"""How calls are kept: all in one question to Redis, three times a lease, and what its answer asks for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import orjson
import structlog

from engine.errors import FleetError
from engine.fleet.calls import Call, held_rows
from engine.fleet.following import Following
from engine.fleet.ticks import tick

HURRY_S = 0.3  # while a handover stands
RETRY_S = 0.25
KNOWN_MAX = 6  # answers in a row that another has what Redis has forgotten of us

log = structlog.get_logger(__name__)


class Renewing:
    """One loop. `state` is what is told of this node. `over`: it renews nothing any more."""

    def __init__(self, following: Following, state: Callable[[], str]) -> None:
        self._following = following
        self._store = following.store
        self._options = following.options
        self._state = state
        self.over = False
        self._news = asyncio.Event()  # renew at once
        self._lag_s = 0.0  # of the last renewal

    def hurry(self) -> None:
        """Renew now."""
        self._news.set()

    async def run(self) -> None:
        """Until `over`."""
        while not self.over:
            wait_s = self._options.lease_s / 3
            self._news.clear()
            try:
                await self._renew_all()
            except FleetError as error:
                self._following.answered(error)
                wait_s = min(RETRY_S, wait_s)
            if self._following.calls.count("offered"):
                wait_s = min(HURRY_S, wait_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    async def _renew_all(self) -> None:
        asked, sent = self._following.calls.held(), tick()
        answer = await self._store.renew(held_rows(asked), self._status())
        self._lag_s = tick().mono_s - sent.mono_s
        self._following.renewed(sent)
        verdict = self._following.calls.renewed(asked, sent, answer)
        for call in verdict.lost:
            taker = answer.lost[call.entry]
            log.warning("A call has another node already", conversation_id=call.conversation_id, node=taker)
            self._following.let_go(call, "fenced" if taker and call.phase != "coming" else "handed_over")
        for call in verdict.moved:
            self._following.calls.linger(call, tick())
            self._following.metrics.handed("out")
        for call in verdict.missing:
            self._following.chores.owe(partial(self._offer_again, call, call.lost_at))
        for call in verdict.withdrawn:
            self._following.let_go(call, "removed")

    async def _offer_again(self, call: Call, lost_at: int) -> None:
        """Redis has forgotten the call: offer it, and follow it until another hears it."""
        if self._following.calls.get(call.conversation_id) is not call or call.lost_at != lost_at:
            return
        past = call.conversation.note()
        said = await self._store.offer(call.conversation_id, "handover", past=past, holder_entry=call.entry)
        if said == "quarantined":
            self._following.let_go(call, "quarantined")
        elif said == "known" and call.lost_at > KNOWN_MAX:
            self._following.calls.linger(call, tick())
        elif said == "offered":
            call.becomes("offered", tick())

    def _status(self) -> bytes:
        state = self._state()
        own = {
            "node": self._options.node,
            "calls": len(self._following.calls),
            "max_calls": self._options.max_calls,
            "lease_s": self._options.lease_s,
            "room": self._following.room() if state == "ready" else 0,
            "state": state,
        }
        return orjson.dumps(own | {"lag_s": round(self._lag_s, 4)} | self._following.host.status())
