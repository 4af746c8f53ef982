"""What was said, as the entity of an `event` that Genesys shows as a transcript.

A hypothesis while somebody speaks and the final one that replaces it have one id. Genesys wants a confidence of each; where the
recognizer gives none (of partial hypotheses it never does), UNKNOWN_CONFIDENCE is said. A final hypothesis lists its words, and
no two of them may begin at the same time: one that would is moved to the next millisecond.
"""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID, uuid5

from engine.genesys.audiohook.durations import written

UNKNOWN_CONFIDENCE = 0.5
NAMESPACE = UUID("7a0a5c0e-6d2f-5d0b-9a53-3f1f0e7c4b11")  # of our utterances' ids


class Word(Protocol):
    """One word; milliseconds of the stream, confidence 0 to 1."""

    @property
    def text(self) -> str:
        """As it is shown."""

    @property
    def start_ms(self) -> int:
        """Where it begins."""

    @property
    def end_ms(self) -> int:
        """Where it ends."""

    @property
    def confidence(self) -> float:
        """How sure it is."""


class Transcript(Protocol):
    """One hypothesis of one utterance; milliseconds of the stream."""

    @property
    def is_final(self) -> bool:
        """Whether no other of this utterance follows."""

    @property
    def utterance_start_ms(self) -> int:
        """Where the utterance begins; it names it."""

    @property
    def end_ms(self) -> int:
        """Where it ends, or how far it is heard."""

    @property
    def text(self) -> str:
        """Its words with spaces between them."""

    @property
    def words(self) -> Sequence[Word]:
        """Its words in order; none where they are not timed."""


def entity(transcript: Transcript, channel_index: int, session_id: str) -> dict[str, Any]:
    """Write a transcript. `channel_index` counts the channels of the media that were chosen."""
    start_ms, words = transcript.utterance_start_ms, transcript.words
    interpretation: dict[str, Any] = {"type": "display", "transcript": transcript.text}
    if transcript.is_final:
        interpretation["tokens"] = _tokens(words)
    return {
        "type": "transcript",
        "data": {
            "id": str(uuid5(NAMESPACE, f"{session_id}/{channel_index}/{start_ms}")),
            "channelId": channel_index,
            "isFinal": transcript.is_final,
            "offset": written(start_ms),
            "duration": written(max(0, transcript.end_ms - start_ms)),
            "alternatives": [{"confidence": _overall(words), "interpretations": [interpretation]}],
        },
    }


def _tokens(words: Sequence[Word]) -> list[dict[str, Any]]:
    tokens: list[dict[str, Any]] = []
    free_ms = 0
    for word in words:
        start_ms = max(free_ms, word.start_ms)
        free_ms = start_ms + 1
        tokens.append(
            {
                "type": "word",
                "value": word.text,
                "confidence": _within(word.confidence),
                "offset": written(start_ms),
                "duration": written(max(0, word.end_ms - start_ms)),
            }
        )
    return tokens


def _overall(words: Sequence[Word]) -> float:
    """The mean of the words' confidences."""
    return _within(sum(word.confidence for word in words) / len(words)) if words else UNKNOWN_CONFIDENCE


def _within(confidence: float) -> float:
    """0 to 1, to three digits; recognizers go beyond by a rounding error."""
    return round(min(1.0, max(0.0, confidence)), 3)
