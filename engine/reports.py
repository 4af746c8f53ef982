"""What happens when a part of the engine reports something: it is counted, told to who follows the events, and acted upon.

A spotted phrase becomes a command here. Nothing waits; all of it runs on the supervisor's loop.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

import structlog

from engine.admin.events import EventStream
from engine.command_metrics import Outcome
from engine.commands.command import Command
from engine.commands.rules import Rules
from engine.intake.conversation import ConversationInfo, EndReason
from engine.live.board import Board
from engine.metrics import ConversationState, Metrics
from engine.options import Channel
from engine.shards.pool import QUARANTINED
from engine.speech.events import PhraseSpotted

TOLD = ("rule", "phrase", "confidence", "fired_on", "phrase_end_ms")  # of a spotted phrase, to who reads events
HEARD: dict[ConversationState, str] = {"listening": "conversation is heard", "paused": "conversation is paused"}

log = structlog.get_logger(__name__)


class Reports:
    """The supervisor's ear. `offer` takes commands, `fail` makes a conversation leave."""

    def __init__(
        self,
        rules: Rules,
        metrics: Metrics,
        events: EventStream,
        board: Board,
        *,
        offer: Callable[[Command], None],
        fail: Callable[[str, EndReason], None],
    ) -> None:
        self._rules = rules
        self._metrics = metrics
        self._events = events
        self._board = board
        self._offer = offer
        self._fail = fail

    def spotted(self, key: str, conversation_id: str, channel: Channel, event: PhraseSpotted) -> None:
        """A worker has found a phrase; what its rule has fired for already is nothing new."""
        spotted_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        command = self._rules.command_for(conversation_id, channel, event, spotted_at)
        if command is None:
            return
        self._metrics.phrase_spotted(event.rule)
        self._events.publish(
            "phrase",
            {"conversation_id": conversation_id, "channel": channel}
            | {name: getattr(event, name) for name in TOLD}
            | {"spotted_at": spotted_at},
        )
        self._board.spotted(command.idempotency_key, key, conversation_id, channel, event)
        self._offer(command)

    def channel_failed(self, key: str, channel: Channel, error: str) -> None:
        """A channel can't be heard any more."""
        log.error("channel can't be heard", conversation=key, channel=channel, error=error)
        self._fail(key, "quarantined" if error == QUARANTINED else "error")

    def conversation(self, info: ConversationInfo) -> None:
        """A conversation has come into another state."""
        if said := HEARD.get(info.state):
            log.info(said, conversation_id=info.conversation_id, session_id=info.session_id, reconnects=info.reconnects)
        self._events.publish("conversation", asdict(info))
        self._board.conversation(info)

    def handed(self, command: Command, sink: str, latency_s: float) -> None:
        """A command was handed to a sink for the first time."""
        self._board.handed(command.idempotency_key, sink, latency_s)

    def outcome(self, command: Command, sink: str, outcome: Outcome) -> None:
        """A delivery has come to its end."""
        self._events.publish(
            "command", {"id": command.idempotency_key, "rule": command.rule, "sink": sink, "outcome": outcome}
        )
        self._board.outcome(command.idempotency_key, command.rule, sink, outcome)
