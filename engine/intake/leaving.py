"""What is said of a conversation that leaves: one line in the log, with its figures.

What it brought may still be heard after it has left, so the line waits for that, within a limit: then its phrases are counted.
"""

import asyncio
from typing import get_args

import structlog

from engine.errors import REFUSALS
from engine.intake.conversation import END_REASONS, Conversation, EndReason, ReconnectReason
from engine.intake.ports import Lease
from engine.metrics import Metrics

LAST_AUDIO_S = 30.0  # the line waits no longer for what is in the rings

# Why a conversation left that did not say so itself.
SENTENCES: dict[EndReason, str] = {
    "removed": "the conversation was removed on request",
    "drained": "the engine stopped before the conversation ended",
    "handed_over": "another node of the fleet follows it now",
    "fenced": "this node's lease had to be taken for lost: another node of the fleet follows it, or will",
    "quarantined": "its audio ended more than one worker; the log has more",
    "error": "an unexpected fault; the log has more",
}

log = structlog.get_logger(__name__)


class Farewells:
    """Says one line for each conversation."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[None]] = set()

    def say(self, conversation: Conversation, lease: Lease) -> None:
        """Once all of its audio was heard, or will not be; it has left, and its lease is released."""
        task = asyncio.get_running_loop().create_task(_say(conversation, lease), name=f"farewell {conversation.key}")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)


async def _say(conversation: Conversation, lease: Lease) -> None:
    try:
        await lease.heard(LAST_AUDIO_S)
    finally:  # also where the engine ends first
        _log(conversation, lease)


def _log(conversation: Conversation, lease: Lease) -> None:
    info = conversation.info
    write = log.warning if info.state == "failed" else log.info
    write(
        "conversation left",
        conversation_id=info.conversation_id,
        session_id=info.session_id,
        reason=info.reason,
        message=info.message,
        source=info.source,
        duration_s=round(conversation.lasted_s, 3),
        phrases=lease.phrases,
        audio_ms=info.audio_ms,
        gap_ms=info.gap_ms,
        reconnects=info.reconnects,
    )


def name_reasons(metrics: Metrics) -> None:
    """Tell the metrics every reason for which a conversation may leave, be opened again or not be taken."""
    metrics.conversations_known(END_REASONS, get_args(ReconnectReason), REFUSALS)
