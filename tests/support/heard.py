"""Made-up results of listening, for what shows them."""

from pathlib import Path

import numpy as np

from engine.heard import ChannelHeard, FileHeard
from engine.options import Channel
from engine.speech.events import PhraseSpotted, UtteranceEnded


def spotted(phrase: str, at_ms: int, confidence: float | None = None) -> PhraseSpotted:
    return PhraseSpotted(
        rule=phrase.replace(" ", "-"),
        phrase=phrase,
        text=f"well {phrase} please",
        confidence=confidence,
        fired_on="partial" if confidence is None else "final",
        utterance_start_ms=max(at_ms - 1000, 0),
        phrase_end_ms=at_ms,
        audio_position_ms=at_ms + 300,
        phrase_end_ns=0,
    )


def channel_heard(channel: Channel, events: list[PhraseSpotted], duration_s: float, level: int = 8000) -> ChannelHeard:
    """Talk in every other second."""
    frames = max(1, round(duration_s * 50))
    voiced = np.arange(frames) // 50 % 2 == 1
    loud = np.where(voiced, level, level // 50)
    spans = [(second * 1000, second * 1000 + 1000) for second in range(1, int(duration_s), 2)]
    return ChannelHeard(
        channel=channel,
        spotted=tuple(events),
        utterances=tuple(UtteranceEnded(*span, text="well [unk] then") for span in spans),
        voiced=voiced,
        extremes=np.stack((-loud, loud), axis=1).astype(np.int16),
    )


def file_heard(name: str, *channels: ChannelHeard) -> FileHeard:
    duration_s = len(channels[0].voiced) / 50
    return FileHeard(Path(name), channels, duration_s, elapsed_s=duration_s / 80, cpu_s=duration_s / 90)
