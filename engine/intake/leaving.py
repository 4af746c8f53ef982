"""What is said of a conversation that leaves."""

from typing import get_args

import structlog

from engine.errors import REFUSALS
from engine.intake.conversation import END_REASONS, ConversationInfo, EndReason, ReconnectReason
from engine.metrics import Metrics

# Why a conversation left that did not say so itself.
SENTENCES: dict[EndReason, str] = {
    "removed": "the conversation was removed on request",
    "drained": "the engine stopped before the conversation ended",
    "quarantined": "its audio ended more than one worker; the log has more",
    "error": "an unexpected fault; the log has more",
}

log = structlog.get_logger(__name__)


def log_leaving(info: ConversationInfo) -> None:
    """One line for each, at its end."""
    write = log.warning if info.state == "failed" else log.info
    write(
        "conversation left",
        conversation_id=info.conversation_id,
        session_id=info.session_id,
        reason=info.reason,
        message=info.message,
        audio_ms=info.audio_ms,
        gap_ms=info.gap_ms,
        reconnects=info.reconnects,
    )


def name_reasons(metrics: Metrics) -> None:
    """Tell the metrics every reason for which a conversation may leave, be opened again or not be taken."""
    metrics.conversations_known(END_REASONS, get_args(ReconnectReason), REFUSALS)
