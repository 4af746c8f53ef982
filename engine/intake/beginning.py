"""What an engine that works alone follows from its start on, and how it takes more: straight into the registry."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import structlog

from engine.errors import RefusedError
from engine.intake.followed import Known
from engine.intake.registry import Conversations

log = structlog.get_logger(__name__)


def begin_with(conversations: Conversations, known: Sequence[Known], conversation_ids: Iterable[str]) -> None:
    """Resume what an earlier engine followed, then add what is not among it; who is refused has a line in the log."""
    if known:
        log.info("conversations of an earlier engine are taken up again", count=len(known))
    resumed = {each.conversation_id for each in known}
    for each in known:
        _or_say(each.conversation_id, partial(conversations.resume, each))
    for conversation_id in conversation_ids:
        if conversation_id not in resumed:
            _or_say(conversation_id, partial(conversations.add, conversation_id))


def _or_say(conversation_id: str, take: Callable[[], object]) -> None:
    try:
        take()
    except RefusedError as error:
        log.error(  # noqa: TRY400 (the message is the cause)
            "conversation refused", conversation_id=conversation_id, reason=error.reason, message=str(error)
        )
