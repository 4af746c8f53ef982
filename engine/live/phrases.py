"""The phrases that were spotted lately, and what became of their commands. Pure.

The text that a phrase was found in is kept only where the operator wants it shown.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

from engine.command_metrics import Outcome
from engine.options import Channel
from engine.speech.events import PhraseSpotted

KEPT = 200
FOLLOWED = 2000  # phrases whose deliveries are still put beside them


@dataclass(frozen=True, slots=True)
class Done:
    """One delivery has come to its end; it was handed to its sink so long after the phrase's end."""

    sink: str
    outcome: Outcome
    latency_ms: int | None

    def row(self) -> dict[str, Any]:
        """As it is shown."""
        return {"sink": self.sink, "outcome": self.outcome, "latency_ms": self.latency_ms}


@dataclass(slots=True)
class Phrase:
    """One that was spotted."""

    id: str  # its command's idempotency key
    at: float
    key: str  # its call's
    conversation_id: str
    channel: Channel
    event: PhraseSpotted
    latency_ms: int | None  # from its end to its being known here
    handed_ms: dict[str, int] = field(default_factory=dict)  # by sink: from the phrase's end to the first attempt
    deliveries: dict[str, Done] = field(default_factory=dict)  # by sink

    def row(self, *, shows_text: bool) -> dict[str, Any]:
        """PHRASE of docs/live.md."""
        event = self.event
        row = {
            "id": self.id,
            "at": self.at,
            "key": self.key,
            "conversation_id": self.conversation_id,
            "channel": self.channel,
            "rule": event.rule,
            "phrase": event.phrase,
            "confidence": event.confidence,
            "fired_on": event.fired_on,
            "phrase_end_ms": event.phrase_end_ms,
            "latency_ms": self.latency_ms,
        }
        text = {"text": event.text} if shows_text else {}
        return row | text | {"deliveries": [done.row() for done in self.deliveries.values()]}


class Phrases:
    """The latest of them."""

    def __init__(self) -> None:
        self.latest: deque[Phrase] = deque(maxlen=KEPT)
        self._by_id: OrderedDict[str, Phrase] = OrderedDict()

    def add(self, phrase: Phrase) -> None:
        """One more was spotted."""
        self.latest.append(phrase)
        self._by_id[phrase.id] = phrase
        if len(self._by_id) > FOLLOWED:
            self._by_id.popitem(last=False)

    def handed(self, phrase_id: str, sink: str, latency_ms: int) -> None:
        """Its command was handed to a sink for the first time; nothing where the phrase is not known any more."""
        if phrase := self._by_id.get(phrase_id):
            phrase.handed_ms[sink] = latency_ms

    def done(self, phrase_id: str, sink: str, outcome: Outcome) -> Done:
        """A delivery of its command has come to its end; without a latency where the phrase is not known any more."""
        phrase = self._by_id.get(phrase_id)
        done = Done(sink, outcome, phrase.handed_ms.get(sink) if phrase else None)
        if phrase:
            phrase.deliveries[sink] = done
        return done
