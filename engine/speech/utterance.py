"""An open utterance: a recognizer at work on one stretch of a channel. All counts are frames."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.audio.format import frames_of
from engine.audio.ring import RingReader
from engine.options import FRAME_MS
from engine.speech.cadence import Cadence
from engine.speech.events import PhraseSpotted
from engine.speech.phrases import Hypothesis, Spot
from engine.speech.recognizer import Recognizer


@dataclass(slots=True)
class Utterance:
    """`start` names it for ever; `fed_from` differs from it only after a replay whose first frames were overwritten."""

    recognizer: Recognizer
    start: int
    fed_from: int
    fed: int  # first frame that the recognizer has not heard
    cadence: Cadence

    def feed(self, reader: RingReader, stop: int) -> None:
        """Let the recognizer hear the ring's frames up to `stop`."""
        for run in reader.runs(self.fed, stop):
            self.recognizer.accept(run)
        self.fed = stop

    @property
    def next_look(self) -> int:
        """First frame after the chunk that the network computes next."""
        return self.fed_from + self.cadence.next_look(self.fed - self.fed_from)

    def partials(self, reader: RingReader, stop: int) -> Iterator[Hypothesis]:
        """Hear up to `stop`; a partial hypothesis whenever the network has computed."""
        while self.fed < stop:
            look = self.next_look
            self.feed(reader, min(stop, look))
            if self.fed == look:
                yield self.recognizer.partial()

    def frame_at(self, end_ms: int) -> int:
        """The first frame after a word that ends where the recognizer said."""
        return min(self.fed_from + frames_of(end_ms), self.fed)

    def phrase_end(self, seen: int, end_ms: int | None) -> int:
        """The first frame after a phrase that showed first in the hypothesis when `seen` frames had been heard.

        A final hypothesis says where it ends: late now and then, never early. A partial one is taken to lag.
        """
        guess = max(seen - frames_of(self.cadence.lag_ms), self.start)
        if end_ms is None:
            return guess
        return min(guess, self.frame_at(end_ms)) if seen < self.fed else self.frame_at(end_ms)

    def spotted(self, spot: Spot, hypothesis: Hypothesis, gap_frames: int, reader: RingReader) -> PhraseSpotted:
        """The event of a rule that fired; `gap_frames` is what gaps have added to the channel's positions."""
        end = self.phrase_end(spot.seen_ms // FRAME_MS - gap_frames, spot.end_ms)
        return PhraseSpotted(
            rule=spot.rule,
            phrase=spot.phrase,
            text=spot.text,
            confidence=spot.confidence,
            fired_on="final" if hypothesis.is_final else "partial",
            utterance_start_ms=(self.start + gap_frames) * FRAME_MS,
            phrase_end_ms=(end + gap_frames) * FRAME_MS,
            audio_position_ms=(self.fed + gap_frames) * FRAME_MS,
            phrase_end_ns=reader.arrival_ns(max(end - 1, 0)),
        )
