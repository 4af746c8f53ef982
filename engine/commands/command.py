"""The command: what a spotted phrase becomes, and the body that sinks deliver."""

from dataclasses import dataclass
from typing import Any, Literal

from engine.options import Channel


@dataclass(frozen=True, slots=True)
class Command:
    """One effect to be had, once per idempotency key and sink."""

    idempotency_key: str  # conversation/channel/rule/utterance start in ms
    sinks: tuple[str, ...]
    conversation_id: str
    channel: Channel
    rule: str
    phrase: str
    text: str
    confidence: float | None
    fired_on: Literal["partial", "final"]
    utterance_start_ms: int
    phrase_end_ms: int
    audio_position_ms: int
    spotted_at: str  # RFC 3339, UTC
    phrase_end_ns: int  # monotonic; never leaves this machine

    def body(self) -> dict[str, Any]:
        """CloudEvents 1.0, structured JSON: the webhook's body and the file sink's line."""
        return {
            "specversion": "1.0",
            "type": "cueline.phrase.spotted.v1",
            "source": f"/conversations/{self.conversation_id}",
            "id": self.idempotency_key,
            "time": self.spotted_at,
            "datacontenttype": "application/json",
            "data": {
                "conversation_id": self.conversation_id,
                "channel": self.channel,
                "rule": self.rule,
                "phrase": self.phrase,
                "text": self.text,
                "confidence": self.confidence,
                "fired_on": self.fired_on,
                "utterance_start_ms": self.utterance_start_ms,
                "phrase_end_ms": self.phrase_end_ms,
                "audio_position_ms": self.audio_position_ms,
                "spotted_at": self.spotted_at,
            },
        }
