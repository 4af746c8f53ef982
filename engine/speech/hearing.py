"""What every channel of a worker shares: the model, the rules, and recognizers pooled by grammar."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import get_args

import numpy as np

from engine.audio.format import FRAME_BYTES
from engine.audio.ring import Frames, RingReader
from engine.errors import VocabularyError
from engine.options import Channel, RuleOptions, SpeechOptions
from engine.speech.background import EVERYDAY_ENGLISH
from engine.speech.cadence import Cadence, cadence_of, dear_frames
from engine.speech.counters import Counters
from engine.speech.intents import load_entry_point
from engine.speech.phrases import Hypothesis, PhraseSpotter, SpottingRule, heard_phrases, rules_on, spoken
from engine.speech.pipeline import Pipeline
from engine.speech.recognizer import Recognizer, RecognizerPool
from engine.speech.transcripts import Transcripts
from engine.speech.vad import Vad, WebrtcVad
from engine.speech.vosk_binding import VoskModel

TRIAL_FRAMES = 150  # 3 s: two chunks of the longest kind in use
TRIALS = 3  # a frame that was dear once, for whatever reason, does not count


class _Deaf:
    """The recognizer of a channel that no rule listens to."""

    def accept(self, run: Frames) -> None:
        """Hear nothing."""

    def partial(self) -> Hypothesis:
        """Nothing."""
        return Hypothesis((), is_final=False)

    def final(self) -> Hypothesis:
        """Nothing."""
        return Hypothesis((), is_final=True)


class Hearing:
    """Made once, before the fork; opens a pipeline for each channel."""

    def __init__(self, model: VoskModel, options: SpeechOptions, rules: Sequence[RuleOptions]) -> None:
        """VocabularyError with a line for each phrase that the model can't hear; ConfigError for a bad entry point."""
        check_vocabulary(model, rules)
        self._options = options
        self._rules: dict[Channel, list[SpottingRule]] = {}
        self._pools: dict[Channel, RecognizerPool] = {}
        by_grammar: dict[tuple[str, ...] | None, RecognizerPool] = {}
        for channel in get_args(Channel):
            mine = rules_on(rules, channel)
            self._rules[channel] = [SpottingRule.of(rule, load_entry_point) for rule in mine]
            grammar = _grammar(model, options, mine)
            if grammar not in by_grammar:
                make = partial(_recognizer, model, grammar) if grammar != () else _Deaf
                by_grammar[grammar] = RecognizerPool(make, options.recognizer_max_utterances)
            self._pools[channel] = by_grammar[grammar]
        self._unknown_word = model.unknown_word
        self._free = by_grammar.get(None) or RecognizerPool(  # made as transcripts are asked for
            partial(_recognizer, model, None), options.recognizer_max_utterances
        )
        self._all_pools = {*by_grammar.values(), self._free}
        self.cadence = _cadence(self._pools["external"] if self._rules["external"] else self._pools["internal"])

    def open(
        self,
        channel: Channel,
        reader: RingReader,
        counters: Counters,
        vad: Vad | None = None,
        fired_ms: Mapping[str, int] | None = None,
        *,
        transcribe: bool = False,
    ) -> Pipeline:
        """A pipeline on a ring, from wherever the ring says; `vad` instead of webrtcvad, `fired_ms` as PhraseSpotter."""
        spotter = PhraseSpotter(self._rules[channel], fired_ms)
        vad = vad or WebrtcVad(self._options.vad_mode)
        pool = self._pools[channel]
        transcripts = self._transcripts(pool) if transcribe else None
        return Pipeline(reader, vad, spotter, pool, self.cadence, self._options, counters, transcripts)

    def _transcripts(self, beside: RecognizerPool) -> Transcripts:
        return Transcripts(None if beside is self._free else self._free, self.cadence, self._unknown_word)

    @property
    def recognizers_alive(self) -> int:
        """Recognizers in use and idle."""
        return sum(pool.alive for pool in self._all_pools)

    def retire_idle(self) -> None:
        """Let go the recognizers that were not needed since the last call."""
        for pool in self._all_pools:
            pool.retire_idle()


def _grammar(model: VoskModel, options: SpeechOptions, rules: Sequence[RuleOptions]) -> tuple[str, ...] | None:
    """The rules' phrases and the background words; None for free decoding, () where there are no rules."""
    if not rules:
        return ()
    if options.decoding == "free":
        return None
    phrases = {spoken(phrase) for heard in heard_phrases(rules).values() for phrase in heard}
    background = EVERYDAY_ENGLISH if options.background_words == "english" else options.background_words
    return (*sorted(phrases), *(word for word in background if model.knows(word) and word not in phrases))


def _recognizer(model: VoskModel, grammar: tuple[str, ...] | None) -> Recognizer:
    return model.recognizer(grammar)


def _cadence(pool: RecognizerPool) -> Cadence:
    """Find out when the network computes. Before the fork this also makes what the decoder makes lazily, so it is shared."""
    recognizer, silence = pool.take(), np.zeros((TRIAL_FRAMES, 1, FRAME_BYTES), np.uint8)
    trials = [_costs_s(recognizer, silence) for _ in range(TRIALS)]
    pool.discard(recognizer)
    return cadence_of(dear_frames(list(map(min, *trials))), TRIAL_FRAMES) or Cadence()


def _costs_s(recognizer: Recognizer, runs: Sequence[Frames] | Frames) -> list[float]:
    """CPU seconds of hearing each run, in an utterance of their own."""
    costs_s = []
    for run in runs:
        begun = time.thread_time()
        recognizer.accept(run)
        costs_s.append(time.thread_time() - begun)
    recognizer.final()
    return costs_s


def check_vocabulary(model: VoskModel, rules: Sequence[RuleOptions]) -> None:
    """VocabularyError naming rule, phrase and word for all that the model does not know."""
    faults = []
    for rule, phrases in heard_phrases(rules).items():
        for phrase in phrases:
            wanted = spoken(phrase).split()
            unknown = [word for word in wanted if not model.knows(word)]
            if not wanted:
                faults.append(f"rule {rule!r}: phrase {phrase!r}: holds no word; give words")
            elif unknown:
                words = ", ".join(repr(word) for word in unknown)
                faults.append(
                    f"rule {rule!r}: phrase {phrase!r}: the model does not know {words}; use other words or another model"
                )
    if faults:
        raise VocabularyError(faults)
