"""Which of the phrases that were said were heard, how late, and what was heard that nobody said. Pure.

A spotted phrase answers the first unanswered one of the same words that had begun by then and whose end, by the
pipeline's own reckoning, lies at most SLACK_MS back. What answers nothing is a false alarm, also a second report of the
same phrase.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.simulator.options import Said
from engine.speech.events import PhraseSpotted

SLACK_MS = 1000


@dataclass(frozen=True, slots=True)
class Score:
    """Of one recording, or summed over several."""

    said: int
    latencies_ms: tuple[int, ...]  # of each heard phrase: its end in the audio to where the audio was when it fired
    false_alarms: int

    @property
    def heard(self) -> int:
        """Phrases that were said and heard."""
        return len(self.latencies_ms)

    @property
    def missed(self) -> int:
        """Phrases that were said and not heard."""
        return self.said - self.heard

    def latency_ms(self, percent: float) -> float | None:
        """A percentile of the latencies; None where nothing was heard."""
        return float(np.percentile(self.latencies_ms, percent)) if self.latencies_ms else None


def score(said: Sequence[Said], spotted: Iterable[PhraseSpotted]) -> Score:
    """Compare one recording's phrases with what was spotted in it."""
    waiting = sorted(said, key=lambda phrase: phrase.end_ms)
    latencies: list[int] = []
    false_alarms = 0
    for event in sorted(spotted, key=lambda event: event.audio_position_ms):
        answered = next((phrase for phrase in waiting if _answers(event, phrase)), None)
        if answered is None:
            false_alarms += 1
        else:
            waiting.remove(answered)
            latencies.append(event.audio_position_ms - answered.end_ms)
    return Score(len(said), tuple(latencies), false_alarms)


def _answers(event: PhraseSpotted, phrase: Said) -> bool:
    began = phrase.start_ms < event.audio_position_ms
    return event.phrase == phrase.phrase and began and event.phrase_end_ms <= phrase.end_ms + SLACK_MS


def total(scores: Iterable[Score]) -> Score:
    """All of them as one."""
    every = list(scores)
    return Score(
        said=sum(one.said for one in every),
        latencies_ms=tuple(latency for one in every for latency in one.latencies_ms),
        false_alarms=sum(one.false_alarms for one in every),
    )
