"""One channel's whole way: ring ▶ vad ▶ endpointer ▶ recognizer ▶ phrases.

`drain` takes frames in order and returns what happened; how it is cut into drains changes nothing in the events. An
utterance begins `preroll` before its onset and ends after the hangover, at a gap, at the end of the channel or at its
greatest length (then the next one hears the last second again, so that a phrase on the cut is not lost). Once the events
are passed on the caller calls `publish`, and the ring says what a replacement would need: it starts at `safe`, in the
same utterance, so what is found again has the same utterance start and is known as the same. In this order a death in
between repeats an event, and never loses one. Counts are frames since the channel began; positions add the gaps.
"""

import time
from typing import assert_never

from engine.audio.format import frames_of
from engine.audio.ring import Gap, ReaderState, RingReader
from engine.options import FRAME_MS, SpeechOptions
from engine.speech.cadence import Cadence
from engine.speech.counters import Counters
from engine.speech.endpointer import Bound, Endpointer, EndpointerOptions
from engine.speech.events import SpeechEvent, UtteranceEnded, UtteranceStarted
from engine.speech.phrases import Hypothesis, PhraseSpotter
from engine.speech.recognizer import RecognizerPool
from engine.speech.transcripts import Transcripts
from engine.speech.utterance import Utterance
from engine.speech.vad import Vad
from engine.stats import Cell

CUT_OVERLAP_FRAMES = frames_of(1000)
BATCH_FRAMES = 3  # taken at once they cost a tenth less, decoding included: caches (bench/README.md)
LATE_NS = 3 * 10**9  # audio that has waited so long is not worth catching up on
LIVE_FRAMES = frames_of(500)  # what is heard of it all the same
TIMED = 16  # one drain in so many has its VAD timed, and counts for all: the clock costs as much as the VAD
_HEARING_AT = int(Cell.HEARING_AT)  # looked up once: it is written at every drain


class Pipeline:
    """One channel; a fresh one on a used ring takes up where its predecessor died."""

    def __init__(
        self,
        reader: RingReader,
        vad: Vad,
        spotter: PhraseSpotter,
        recognizers: RecognizerPool,
        cadence: Cadence,
        options: SpeechOptions,
        counters: Counters,
        transcripts: Transcripts | None = None,
    ) -> None:
        self._reader = reader
        self._vad = vad
        self._spotter = spotter
        self._recognizers, self._transcripts = recognizers, transcripts
        self._cadence = cadence
        self._counters = counters
        self._endpointer = Endpointer(EndpointerOptions.of(options))
        self._lead_frames = frames_of(options.onset_ms) + frames_of(options.preroll_ms)
        self._max_frames = frames_of(options.max_utterance_ms)
        self._drains = 0
        self._events: list[SpeechEvent] = []
        self._utterance: Utterance | None = None
        self._resume(reader.state)

    def _resume(self, state: ReaderState) -> None:
        self._cursor = self._floor = max(state.safe, self._reader.oldest)
        self._counted = state.tail  # what a predecessor has counted is not counted again
        self._found = self._reader.head  # what came before us is heard, however old
        self._gaps_seen, self._gap_frames = state.gaps_seen, state.gap_frames
        self._onset_by = self._cursor + self._lead_frames  # a replayed utterance has its onset up to here
        if state.utterance:
            self._open(state.utterance - 1, self._cursor)

    @property
    def has_work(self) -> bool:
        """Whether `drain` would do anything."""
        return self._reader.head != self._cursor or self._reader.gap(self._gaps_seen) is not None

    @property
    def is_due(self) -> bool:
        """Whether there is work that should not wait for more: a batch, a gap, or the frame that completes a chunk."""
        if self._reader.head - self._cursor >= BATCH_FRAMES or self._reader.gap(self._gaps_seen) is not None:
            return True
        return self._utterance is not None and self._cursor < self._utterance.next_look <= self._reader.head

    @property
    def waiting_since_ns(self) -> int:
        """When the oldest frame arrived that `drain` has not taken; only where there is work."""
        return self._reader.arrival_ns(self._cursor)

    def drain(self, limit: int) -> list[SpeechEvent]:
        """Take at most `limit` frames (less at a gap); return what happened. `publish` once that is passed on."""
        self._skip_overwritten()
        self._counters.cells[_HEARING_AT] = self._cursor
        stop = min(self._reader.head, self._cursor + limit)
        gap = self._reader.gap(self._gaps_seen)
        if gap and gap.at <= self._cursor:
            self._cross(gap)
            gap = self._reader.gap(self._gaps_seen)
        if gap:
            stop = min(stop, max(gap.at, self._cursor))  # another gap at the same place waits for the next drain
        begun = self._cursor
        self._gate(stop)
        if self._utterance:
            self._feed(self._utterance, self._cursor)
        self._count(begun)
        events, self._events = self._events, []
        return events

    def finish(self) -> list[SpeechEvent]:
        """The channel is over: end the open utterance. Drain to the head first, `publish` afterwards."""
        self._counters.cells[_HEARING_AT] = self._cursor
        self._close_gate()
        events, self._events = self._events, []
        return events

    def abandon(self) -> list[SpeechEvent]:
        """Give up the channel (its recognizer failed); return what had happened before that."""
        self._drop()
        return self._events

    def publish(self) -> None:
        """Tell the ring how far this is: what came of it is known to the supervisor."""
        utterance = self._utterance
        self._reader.publish(
            ReaderState(
                tail=self._counted,
                safe=utterance.start if utterance else max(self._floor, self._cursor - self._lead_frames),
                utterance=utterance.start + 1 if utterance else 0,
                gaps_seen=self._gaps_seen,
                gap_frames=self._gap_frames,
            )
        )

    def skip_to_live(self, now_ns: int) -> None:
        """Where audio that came in our time has waited for LATE_NS, end the utterance and go on near the head."""
        live = self._reader.head - LIVE_FRAMES
        if self._found <= self._cursor < live and now_ns - self.waiting_since_ns > LATE_NS:
            self._counters.cells[_HEARING_AT] = self._cursor
            self._close_gate()
            self._counters.add(Cell.FRAMES_SKIPPED, live - self._cursor)
            self._cursor = self._counted = self._floor = live

    def _gate(self, stop: int) -> None:
        """Ask the VAD about each frame up to `stop` and open and end utterances accordingly."""
        self._drains += 1
        begun = None if self._drains % TIMED else time.thread_time()
        verdicts = [flag for run in self._reader.runs(self._cursor, stop) for flag in self._vad.verdicts(run)]
        if begun is not None:
            self._counters.add(Cell.VAD_S, TIMED * (time.thread_time() - begun))
        for flag in verdicts:
            self._cursor += 1
            if self._cursor > self._counted:
                self._counters.verdict(flag)
            if self._utterance and not self._endpointer.is_open and self._cursor > self._onset_by:
                self._endpointer.open()  # a predecessor's utterance, its onset not met again: its pre-roll must not end it
            match self._endpointer.push(bool(flag)):
                case Bound.START if self._utterance:
                    pass  # the onset of a replayed utterance, heard again
                case Bound.START:
                    self._open(max(self._floor, self._cursor - self._lead_frames, self._reader.oldest))
                case Bound.END:
                    self._end(self._cursor)
                case Bound.NONE:
                    if self._utterance and self._cursor - self._utterance.fed_from >= self._max_frames:
                        self._cut()
                case unexpected:
                    assert_never(unexpected)

    def _open(self, start: int, fed_from: int | None = None) -> None:
        self._listen(start, start if fed_from is None else fed_from)
        self._spotter.begin(self._ms(start))
        self._events.append(UtteranceStarted(self._ms(start)))

    def _listen(self, start: int, fed_from: int) -> None:
        self._utterance = Utterance(self._recognizers.take(), start, fed_from, fed_from, self._cadence)
        if self._transcripts:
            self._transcripts.begin(self._utterance, self._floor)

    def _end(self, stop: int) -> None:
        """Hear the utterance to `stop`, take its final hypothesis, give the recognizer back."""
        utterance = self._utterance
        assert utterance is not None
        self._feed(utterance, stop)
        begun = time.thread_time()
        hypothesis = utterance.recognizer.final()
        self._spot(utterance, hypothesis)
        self._counters.add(Cell.DECODE_S, time.thread_time() - begun)
        self._recognizers.give_back(utterance.recognizer)
        self._utterance, self._floor = None, stop
        self._counters.add(Cell.UTTERANCES, 1)
        self._events.append(UtteranceEnded(self._ms(utterance.start), self._ms(stop), hypothesis.text))

    def _cut(self) -> None:
        """The utterance is too long: end it and go on in a new one that hears the last second again."""
        self._end(self._cursor)
        self._open(max(self._cursor - min(CUT_OVERLAP_FRAMES, self._max_frames // 2), self._reader.oldest))

    def _drop(self) -> None:
        if self._utterance:
            self._recognizers.discard(self._utterance.recognizer)
            self._utterance = None
            if self._transcripts:
                self._transcripts.drop()

    def _close_gate(self) -> None:
        if self._utterance:
            self._end(self._cursor)
        self._endpointer.close()

    def _cross(self, gap: Gap) -> None:
        """Audio is missing here: nothing is glued across it."""
        self._close_gate()
        self._gaps_seen += 1
        self._gap_frames += gap.frames
        self._floor = self._cursor

    def _skip_overwritten(self) -> None:
        """A writer has overwritten what we were to hear again: go on at the oldest left, in the same utterance."""
        lost = self._reader.oldest - self._cursor
        if lost > 0:
            self._counters.add(Cell.FRAMES_SKIPPED, lost)
            self._cursor = self._floor = self._cursor + lost
            if self._utterance:
                start = self._utterance.start
                self._drop()
                self._listen(start, self._cursor)
            else:
                self._endpointer.close()

    def _feed(self, utterance: Utterance, stop: int) -> None:
        begun = time.thread_time()
        for hypothesis in utterance.partials(self._reader, stop):
            self._spot(utterance, hypothesis)
        self._counters.add(Cell.DECODE_S, time.thread_time() - begun)

    def _spot(self, utterance: Utterance, hypothesis: Hypothesis) -> None:
        for spot in self._spotter.spot(hypothesis, self._ms(utterance.fed)):
            self._events.append(utterance.spotted(spot, hypothesis, self._gap_frames, self._reader))
        if self._transcripts:
            self._events += self._transcripts.hear(self._reader, hypothesis, utterance.fed, self._gap_frames)

    def _ms(self, count: int) -> int:
        return (count + self._gap_frames) * FRAME_MS

    def _count(self, begun: int) -> None:
        """Count the drain's frames and how late they were taken."""
        first = max(begun, self._counted)
        if first < self._cursor:
            self._counters.taken(self._reader.arrivals_ns(first, self._cursor), time.monotonic_ns())
            self._counted = self._cursor
