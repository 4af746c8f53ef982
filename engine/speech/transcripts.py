"""A channel's transcripts: what is said there in any words, beside the rules' phrases.

The rules' recognizer knows few words, so that phrases are heard well and cheaply; a transcript needs another, which decodes
freely. It hears the same utterances in step with the first, whose hypotheses stay what they are. Where the first one decodes
freely itself, its hypotheses are taken and nothing is decoded twice.
An utterance has a partial at most every PARTIAL_MS of audio, and only when its text has changed, and one final; without a word
it has none. Where an utterance was cut for its length, the next one hears the last second again, but the transcript goes on at
the cut: no final tells a word twice. Counts are frames; words that no model knows are left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.audio.format import frames_of
from engine.audio.ring import RingReader
from engine.options import FRAME_MS
from engine.speech.cadence import Cadence
from engine.speech.events import SpokenWord, Transcribed
from engine.speech.phrases import HeardWord, Hypothesis
from engine.speech.recognizer import RecognizerPool
from engine.speech.utterance import Utterance

PARTIAL_MS = 500
WORDS_MAX = 1000  # of an utterance: a report has to fit into a packet


def slower(cadence: Cadence) -> Cadence:
    """The same in step, but at most every PARTIAL_MS: a look at free decoding costs 0.15 ms."""
    return Cadence(-(-PARTIAL_MS // cadence.chunk_ms) * cadence.chunk_ms, cadence.lead_ms)


def spoken_words(words: Iterable[HeardWord], begin_ms: int, floor_ms: int) -> tuple[SpokenWord, ...]:
    """A final hypothesis's words that begin at `floor_ms` or later; the recognizer's times count from `begin_ms`.

    Their starts are made to differ, by a millisecond where they didn't.
    """
    spoken: list[SpokenWord] = []
    earliest = floor_ms
    for word in words:
        start_ms, end_ms = begin_ms + (word.start_ms or 0), begin_ms + (word.end_ms or 0)
        if start_ms < floor_ms:
            continue
        start_ms = max(start_ms, earliest)
        spoken.append(SpokenWord(word.text, start_ms, max(start_ms, end_ms), min(1.0, word.confidence or 0.0)))
        earliest = start_ms + 1
    return tuple(spoken[:WORDS_MAX])


@dataclass(slots=True)
class _Telling:
    """An utterance, and what has been told of it."""

    heard: Utterance  # the rules' own, where that decodes freely
    floor: int  # what was said before it was told with an earlier utterance
    text: str = ""
    next_partial: int = field(init=False)

    def __post_init__(self) -> None:
        self.next_partial = self.heard.fed_from + frames_of(PARTIAL_MS)


class Transcripts:
    """One channel's; told of each of its utterances' hypotheses, it says what there is to tell."""

    def __init__(self, recognizers: RecognizerPool | None, cadence: Cadence, unknown_word: str | None) -> None:
        """`recognizers` decode freely; None where the rules' recognizer does so itself."""
        self._recognizers = recognizers
        self._cadence = slower(cadence)
        self._unknown_word = unknown_word
        self._telling: _Telling | None = None

    def begin(self, utterance: Utterance, floor: int) -> None:
        """An utterance begins to be heard; what is before frame `floor` was told with an earlier one."""
        heard = utterance
        if self._recognizers:
            begin = max(utterance.fed_from, floor)
            heard = Utterance(self._recognizers.take(), utterance.start, begin, begin, self._cadence)
        self._telling = _Telling(heard, floor)

    def hear(self, reader: RingReader, hypothesis: Hypothesis, fed: int, gap_frames: int) -> list[Transcribed]:
        """The rules' recognizer has heard the frames before `fed`, and makes this of them; a final ends the utterance.

        `gap_frames` is what gaps have added to the channel's positions.
        """
        telling = self._telling
        assert telling is not None
        told = []
        if self._recognizers:
            told = [
                transcript
                for partial in telling.heard.partials(reader, fed)
                for transcript in self._partial(telling, partial, gap_frames)
            ]
            if hypothesis.is_final:
                hypothesis = telling.heard.recognizer.final()
                self._recognizers.give_back(telling.heard.recognizer)
        if hypothesis.is_final:
            self._telling = None
            return told + self._final(telling, hypothesis, gap_frames)
        return told if self._recognizers else self._partial(telling, hypothesis, gap_frames)

    def drop(self) -> None:
        """The utterance won't be heard to its end by this recognizer."""
        if self._telling and self._recognizers:
            self._recognizers.discard(self._telling.heard.recognizer)
        self._telling = None

    def _known(self, hypothesis: Hypothesis) -> list[HeardWord]:
        return [word for word in hypothesis.words if word.text != self._unknown_word]

    def _partial(self, telling: _Telling, hypothesis: Hypothesis, gap_frames: int) -> list[Transcribed]:
        fed = telling.heard.fed
        if fed < telling.next_partial:
            return []
        text = " ".join(word.text for word in self._known(hypothesis)[:WORDS_MAX])
        if not text or text == telling.text:
            return []
        telling.text, telling.next_partial = text, fed + frames_of(PARTIAL_MS)
        return [Transcribed(False, _ms(telling.heard.start, gap_frames), _ms(fed, gap_frames), text)]

    def _final(self, telling: _Telling, hypothesis: Hypothesis, gap_frames: int) -> list[Transcribed]:
        heard = telling.heard
        begin_ms, floor_ms = _ms(heard.fed_from, gap_frames), _ms(telling.floor, gap_frames)
        words = spoken_words(self._known(hypothesis), begin_ms, floor_ms)
        text = " ".join(word.text for word in words)
        if not text:
            return []
        return [Transcribed(True, _ms(heard.start, gap_frames), _ms(heard.fed, gap_frames), text, words)]


def _ms(count: int, gap_frames: int) -> int:
    return (count + gap_frames) * FRAME_MS
