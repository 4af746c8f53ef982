"""What the notifications say becomes offers and withdrawals: in order per call, several calls at a time.

What found no room, or a Redis that fails, is tried again. A call has at most one wish that waits, the latest: a call that ended before it could be offered is only withdrawn. So nothing grows
beyond the number of calls, however slow whoever takes the offers is.
"""

import asyncio
from itertools import islice
from typing import Literal

import structlog

from engine.discovery.ports import Offered, Offers
from engine.errors import FleetError

AT_ONCE = 16
PAUSE_S = 2.0  # before what could not be done is tried again

Wish = Literal["offer", "withdraw"]

log = structlog.get_logger(__name__)


class Handing:
    """Hand calls in. `run` works until it is cancelled."""

    def __init__(self, offers: Offers, pause_s: float = PAUSE_S) -> None:
        self._offers = offers
        self._pause_s = pause_s
        self._wishes: dict[str, Wish] = {}
        self._again: dict[str, Wish] = {}  # could not be fulfilled
        self._wanted = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Wishes not fulfilled yet."""
        return len(self._wishes) + len(self._again)

    def live(self, conversation_id: str) -> None:
        """Let it be offered."""
        self._wish(conversation_id, "offer")

    def ended(self, conversation_id: str) -> None:
        """Let it be withdrawn."""
        self._wish(conversation_id, "withdraw")

    def _wish(self, conversation_id: str, wish: Wish) -> None:
        self._wishes[conversation_id] = wish
        self._again.pop(conversation_id, None)
        self._wanted.set()

    async def run(self) -> None:
        """Fulfil wishes, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_trying())
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._wishes:
                    taken = list(islice(self._wishes.items(), AT_ONCE))
                    for name, _ in taken:
                        del self._wishes[name]
                    await asyncio.gather(*(self._fulfil(name, wish) for name, wish in taken))

    async def _keep_trying(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s)
            again, self._again = self._again, {}
            for name, wish in again.items():
                self._wishes.setdefault(name, wish)
            if again:
                self._wanted.set()

    async def _fulfil(self, conversation_id: str, wish: Wish) -> None:
        try:
            done = await (self._offer(conversation_id) if wish == "offer" else self._offers.withdraw(conversation_id))
        except FleetError:  # whoever was asked has said so
            done = None
        if done is None and conversation_id not in self._wishes:
            self._again[conversation_id] = wish

    async def _offer(self, conversation_id: str) -> Offered | None:
        """None where there was no room."""
        outcome = await self._offers.offer(conversation_id, "notifications")
        if outcome in ("refused", "quarantined"):
            log.warning("call of the notifications is not followed", conversation_id=conversation_id, why=outcome)
        return None if outcome == "full" else outcome  # else: it is on its way; or another leads, and offers it
