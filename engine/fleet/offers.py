"""Offers go to all nodes by Redis, whoever makes them."""

from collections.abc import Awaitable, Callable
from typing import Literal

import structlog

from engine.errors import FleetError
from engine.fleet.store import FleetStore

OfferSource = Literal["static", "api", "notifications", "earlier"]
Offered = Literal["offered", "known", "quarantined", "full", "stale", "refused"]

log = structlog.get_logger(__name__)


class FleetOffers:
    """`Offers` of engine.discovery.ports. `epoch`: what this node leads by, for what the leader alone may offer."""

    def __init__(
        self,
        store: FleetStore,
        valid: Callable[[str], bool],
        remove: Callable[[str], Awaitable[bool]],
        epoch: Callable[[], int | None],
    ) -> None:
        self._store = store
        self._valid = valid
        self._remove = remove
        self._epoch = epoch

    async def offer(self, conversation_id: str, source: OfferSource) -> Offered:
        """Offer it to the fleet. FleetError where Redis does not take it."""
        if not self._valid(conversation_id):
            return "refused"
        epoch = self._epoch() if source == "notifications" else None
        if source == "notifications" and epoch is None:  # its term is over: without an epoch Redis could not tell
            return "stale"
        try:
            return await self._store.offer(conversation_id, source, epoch=epoch)
        except FleetError as error:
            log.warning("A call could not be offered to the fleet", conversation_id=conversation_id, fault=str(error))
            raise

    async def withdraw(self, conversation_id: str) -> bool:
        """Its node lets go of it, whichever that is; sessions that a peer has opened here, too. FleetError unless it was here."""
        here = await self._remove(conversation_id)
        try:
            return await self._store.withdraw(conversation_id) != "unknown" or here
        except FleetError as error:
            log.warning(
                "A call could not be withdrawn from the fleet", conversation_id=conversation_id, fault=str(error)
            )
            if here:
                return True
            raise
