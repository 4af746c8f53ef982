"""`/v1/conversations`: which conversations are followed, follow one more, follow one no more.

In a fleet the list is this node's; what comes is offered to all nodes, and what goes is let go by whichever has it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from aiohttp import web
from pydantic import ValidationError

from engine.admin.limits import body_of
from engine.admin.problems import RETRY_AFTER_S, json_response, problem, refusal
from engine.errors import FleetError, RefusedError
from engine.options import ConversationId, Options

_ALLOWED = {"conversation_id": "1 to 128 of the characters A-Z a-z 0-9 _ -"}
_ADDRESS = "/v1/conversations"


class Info(Protocol):
    """A conversation as it is shown: any dataclass with its ids."""

    @property
    def conversation_id(self) -> str: ...  # noqa: D102 - the name says it

    @property
    def session_id(self) -> str | None: ...  # noqa: D102 - of AudioHook


class Conversations(Protocol):
    """What the registry of followed conversations offers."""

    def add(self, conversation_id: str) -> Info:
        """Follow it from now on; RefusedError says why not."""
        ...

    async def kept(self) -> None:
        """Wait, for a short while, until all that was added would survive a crash."""
        ...

    async def remove(self, conversation_id: str) -> bool:
        """Follow it no more; False where it is not followed."""
        ...

    def list(self) -> Sequence[Info]:
        """Those that left lately, then those followed now."""
        ...


class Offers(Protocol):
    """Where a fleet takes conversations."""

    async def offer(self, conversation_id: str, source: Literal["api"]) -> str:
        """Hand one in: "offered", or why not; FleetError where Redis did not take it."""
        ...

    async def withdraw(self, conversation_id: str) -> bool:
        """It is followed no more, wherever that was; False where nobody has it; FleetError where that can't be known."""
        ...


# Why a fleet did not take one: reason of the refusal, and what it means.
_NOT_OFFERED = {
    "known": ("duplicate", "a node of the fleet follows it already, or it waits for one"),
    "quarantined": ("quarantined", "the conversation is quarantined in the whole fleet: workers or nodes died of it"),
    "full": ("capacity", "the fleet has as many offers as fleet.offers_max allows"),
    "refused": ("invalid", "a conversation id is 1 to 128 of the characters A-Z a-z 0-9 _ -"),
}


class NewConversation(Options):
    """Body of the POST."""

    conversation_id: ConversationId


class ConversationsApi:
    """The handlers."""

    def __init__(
        self,
        conversations: Conversations,
        on_refused: Callable[[str], None],
        offers: Callable[[], Offers | None] = lambda: None,
    ) -> None:
        self._conversations = conversations
        self._offers = offers
        self._on_refused = on_refused  # with the reason, where the body already says enough

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        one = f"{_ADDRESS}/{{conversation_id}}"
        app.router.add_get(_ADDRESS, self._list)
        app.router.add_post(_ADDRESS, self._add)
        app.router.add_get(one, self._show)
        app.router.add_delete(one, self._remove)

    async def _list(self, _request: web.Request) -> web.Response:
        return json_response({"conversations": self._conversations.list()})

    async def _add(self, request: web.Request) -> web.Response:
        try:
            wanted = NewConversation.model_validate_json(await body_of(request))
        except ValidationError as error:
            self._on_refused("invalid")
            faults = [_fault(details["loc"], details["msg"]) for details in error.errors(include_url=False)]
            return problem(400, "the body is not a conversation to follow", errors=faults, allowed=_ALLOWED)
        if offers := self._offers():
            return await self._offer(offers, wanted.conversation_id)
        try:
            info = self._conversations.add(wanted.conversation_id)
        except RefusedError as error:
            return refusal(error)
        await self._conversations.kept()  # 201 is a promise
        return json_response(info, 201, {"Location": f"{_ADDRESS}/{wanted.conversation_id}"})

    async def _offer(self, offers: Offers, conversation_id: str) -> web.Response:
        try:
            said = await offers.offer(conversation_id, "api")
        except FleetError as error:
            self._on_refused("redis")
            return _not_asked(error)
        if said == "offered":
            return json_response({"conversation_id": conversation_id, "state": said}, 202)
        reason, message = _NOT_OFFERED[said]
        self._on_refused(reason)
        return refusal(RefusedError(reason, message))

    async def _show(self, request: web.Request) -> web.Response:
        wanted = request.match_info["conversation_id"]
        for info in reversed(self._conversations.list()):
            if wanted in (info.conversation_id, info.session_id):
                return json_response(info)
        return unknown()

    async def _remove(self, request: web.Request) -> web.Response:
        wanted = request.match_info["conversation_id"]
        offers = self._offers()
        try:
            removed = await (offers.withdraw(wanted) if offers else self._conversations.remove(wanted))
        except FleetError as error:
            return _not_asked(error)
        if removed:
            return web.Response(status=204)
        return problem(404, "no node of the fleet has this conversation") if offers else unknown()


def unknown() -> web.Response:
    """The answer about one that is not known."""
    return problem(404, "this engine follows no such conversation; GET /v1/conversations lists those that it does")


def _not_asked(error: FleetError) -> web.Response:
    """As GET /v1/fleet tells it."""
    return problem(503, str(error), {"Retry-After": str(RETRY_AFTER_S)}, reason=error.kind)


def _fault(loc: tuple[Any, ...], message: str) -> str:
    return f"{'.'.join(map(str, loc)) or 'body'}: {message}"
