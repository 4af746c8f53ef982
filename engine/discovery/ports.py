"""What finders of conversations ask of the engine: where offers go, and whether this node is the one to follow the platform.

Alone, offers go straight to the registry and every engine leads. In a fleet they go to Redis, and one node leads.
"""

import asyncio
from typing import Literal, Protocol

OfferSource = Literal["static", "api", "notifications", "earlier"]
# known: it waits, or is followed already. full: no room, now; try later. stale: another leads by now. refused: never, as it is.
Offered = Literal["offered", "known", "quarantined", "full", "stale", "refused"]


class Offers(Protocol):
    """Where conversations that want to be followed are handed in. FleetError: a fleet's Redis did not do it, and may later."""

    async def offer(self, conversation_id: str, source: OfferSource) -> Offered:
        """Hand it in; what came of it."""
        ...

    async def withdraw(self, conversation_id: str) -> bool:
        """It is to be followed no more, wherever that is; False where nobody has it."""
        ...


class Leadership(Protocol):
    """Whether this node follows the platform's notifications for all."""

    @property
    def epoch(self) -> int | None:
        """Grows with each change of the leader; None while another leads."""
        ...

    @property
    def lost(self) -> asyncio.Event:
        """Set while this node does not lead; a new one each time it comes to lead."""
        ...

    async def wait_to_lead(self) -> int:
        """Return the epoch once this node leads."""
        ...
