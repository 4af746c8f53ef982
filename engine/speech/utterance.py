"""An open utterance: a recognizer at work on one stretch of a channel. All counts are frames."""

from dataclasses import dataclass

from engine.audio.format import frames_of
from engine.audio.ring import RingReader
from engine.speech.phrases import Hypothesis
from engine.speech.recognizer import Recognizer


@dataclass(slots=True)
class Utterance:
    """`start` names it for ever; `fed_from` differs from it only after a replay whose first frames were overwritten."""

    recognizer: Recognizer
    start: int
    fed_from: int
    fed: int  # first frame that the recognizer has not heard

    def feed(self, reader: RingReader, stop: int) -> None:
        """Let the recognizer hear the ring's frames up to `stop`."""
        for run in reader.runs(self.fed, stop):
            self.recognizer.accept(run)
        self.fed = stop

    def partial(self) -> Hypothesis:
        """The best guess so far."""
        return self.recognizer.partial()

    def frame_at(self, end_ms: int) -> int:
        """The first frame after a word that ends where the recognizer said."""
        return min(self.fed_from + frames_of(end_ms), self.fed)
