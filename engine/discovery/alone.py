"""An engine of its own: it always leads, and what is offered goes straight to its registry."""

import asyncio
from typing import Protocol

from engine.discovery.ports import Offered, OfferSource
from engine.errors import RefusedError

OUTCOMES: dict[str, Offered] = {"capacity": "full", "duplicate": "known", "quarantined": "quarantined"}


class Registry(Protocol):
    """What is needed of the followed conversations."""

    def add(self, conversation_id: str) -> object:
        """Follow it; RefusedError."""
        ...

    async def remove(self, conversation_id: str) -> bool:
        """Follow it no more; False where it is not followed."""
        ...


class OffersAlone:
    """Implements Offers."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def offer(self, conversation_id: str, source: OfferSource) -> Offered:  # noqa: ARG002 - alone, all are alike
        """Follow it from now on."""
        try:
            self._registry.add(conversation_id)
        except RefusedError as error:
            return OUTCOMES.get(error.reason, "refused")
        return "offered"

    async def withdraw(self, conversation_id: str) -> bool:
        """Follow it no more."""
        return await self._registry.remove(conversation_id)


class LeadsAlone:
    """Implements Leadership: whoever is alone leads."""

    def __init__(self) -> None:
        self._lost = asyncio.Event()  # never set

    @property
    def epoch(self) -> int | None:
        """Never changes."""
        return 0

    @property
    def lost(self) -> asyncio.Event:
        """Never set."""
        return self._lost

    async def wait_to_lead(self) -> int:
        """At once."""
        return 0
