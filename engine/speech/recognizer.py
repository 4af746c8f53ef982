"""Recognizers, pooled: an utterance takes one and gives it back, so a worker needs as many as speak at once."""

from collections.abc import Callable
from typing import Protocol

from engine.audio.ring import Frames
from engine.speech.phrases import Hypothesis


class Recognizer(Protocol):
    """One utterance at a time."""

    def accept(self, run: Frames) -> None:
        """Hear frames, shape (n, FRAME_BYTES), contiguous."""
        ...

    def partial(self) -> Hypothesis:
        """The best guess so far."""
        ...

    def final(self) -> Hypothesis:
        """End the utterance and say what it was; word times count from its first frame."""
        ...


class RecognizerPool:
    """Idle recognizers of one grammar; each is retired after so many utterances, for what decoders keep."""

    def __init__(self, make: Callable[[], Recognizer], max_utterances: int) -> None:
        self._make = make
        self._max_utterances = max_utterances
        self._idle: list[Recognizer] = []
        self._used: dict[Recognizer, int] = {}
        self._spare = 0  # fewest that were idle since the last `retire_idle`: they lie at the bottom, untouched

    @property
    def alive(self) -> int:
        """Recognizers in use and idle."""
        return len(self._used)

    def take(self) -> Recognizer:
        """An idle one, or a new one (0.4 ms with a grammar)."""
        recognizer = self._idle.pop() if self._idle else self._make()
        self._spare = min(self._spare, len(self._idle))
        self._used[recognizer] = self._used.get(recognizer, 0) + 1
        return recognizer

    def give_back(self, recognizer: Recognizer) -> None:
        """After `final`."""
        if self._used[recognizer] >= self._max_utterances:
            del self._used[recognizer]
        else:
            self._idle.append(recognizer)

    def retire_idle(self) -> None:
        """Let go what no utterance has needed since the last call: a peak's leftovers."""
        for recognizer in self._idle[: self._spare]:
            del self._used[recognizer]
        del self._idle[: self._spare]
        self._spare = len(self._idle)

    def discard(self, recognizer: Recognizer) -> None:
        """In mid-utterance: its state is worth nothing."""
        del self._used[recognizer]
