"""What a pipeline tells: past tense, positions in milliseconds of that channel's audio since it began."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class PhraseSpotted:
    """A rule's phrase was heard."""

    rule: str
    phrase: str
    text: str  # the hypothesis that held it
    confidence: float | None  # mean of the phrase's word confidences; None on partials
    fired_on: Literal["partial", "final"]
    utterance_start_ms: int
    phrase_end_ms: int
    audio_position_ms: int  # where the channel's audio was when it was spotted
    phrase_end_ns: int  # monotonic time at which the phrase's last frame arrived


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of a final transcript; no two of one transcript start at the same time."""

    text: str = field(repr=False)
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What was said in an utterance, so far or in the end; only on channels that asked for it, and never empty.

    `utterance_start_ms` names the utterance: its partials and its final share it. Partials have no words.
    """

    is_final: bool
    utterance_start_ms: int
    end_ms: int  # where the audio was up to which this was heard
    text: str = field(repr=False)
    words: tuple[SpokenWord, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """The gate opened."""

    start_ms: int


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """The gate closed and the recognizer gave its final hypothesis."""

    start_ms: int
    end_ms: int
    text: str = field(default="", compare=False, repr=False)  # the final hypothesis; never leaves the process by itself


SpeechEvent = PhraseSpotted | Transcribed | UtteranceStarted | UtteranceEnded
