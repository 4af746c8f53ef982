"""Hear labelled recordings with every choice of the rules' options at once, through the engine's own listener.

For each rule the choices that have to be heard are rules of their own, which share one decoding (`evaluated` says why that
is enough). A recording counts when it has been heard to its end. Importing this module loads Vosk's library, so the
supervisor never does.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.errors import VocabularyError
from engine.evaluated import Choice, Evaluation, Evidence, HeardHere, Place, SaidHere, decoded
from engine.heard import FileHeard, Progress
from engine.intake.wav_reader import open_recording
from engine.label_rows import Label
from engine.labels import LabelledRecording
from engine.listen import Listener
from engine.options import Channel, RuleOptions, SpeechOptions
from engine.speech.intents import load_entry_point
from engine.speech.phrases import SpottingRule, normalise

MOST_PLACES = 3
_VARIANT = re.compile(r"rule-\d+-choice-\d+")
_HOUR_S = 3600


def measure(path: Path) -> tuple[int, float | None]:
    """Channels and seconds of a recording, by its header; AudioFileError where it can't be read."""
    with open_recording(path) as recording:
        return recording.channels, recording.duration_s


class Evaluator:
    """A loaded model and the rules; hears one recording after the other and keeps what is needed of each."""

    def __init__(self, speech: SpeechOptions, rules: Sequence[RuleOptions]) -> None:
        """ModelError, VocabularyError or ConfigError where the model or the rules can't be used."""
        self._rules = rules
        tried = [(number, choice) for number, rule in enumerate(rules) for choice in decoded(rule)]
        self._variants = {
            f"rule-{number}-choice-{place}": (number, choice) for place, (number, choice) in enumerate(tried)
        }
        self._listener = self._listening(speech)
        self._matchers = [SpottingRule.of(rule, load_entry_point).match for rule in rules]
        self._said: list[list[SaidHere]] = [[] for _ in rules]
        self._heard: dict[tuple[int, Choice], list[HeardHere]] = defaultdict(list)
        self._channel_s: dict[Channel, float] = {"external": 0.0, "internal": 0.0}
        self._recordings = 0

    def _listening(self, speech: SpeechOptions) -> Listener:
        """A rule for each choice; what is wrong with a rule is told once, by its own name."""
        names = {name: self._rules[number].name for name, (number, _) in self._variants.items()}
        rules = [
            choice.given_to(self._rules[number]).model_copy(update={"name": name})
            for name, (number, choice) in self._variants.items()
        ]
        try:
            return Listener(speech, rules)
        except VocabularyError as error:
            faults = [_VARIANT.sub(lambda found: names[found[0]], fault) for fault in error.faults]
            raise VocabularyError([*dict.fromkeys(faults)]) from error

    def unheard(self, recordings: Iterable[LabelledRecording]) -> list[str]:
        """A sentence for each labelled phrase that no rule listens for on its channel."""
        places: dict[str, list[str]] = defaultdict(list)
        for label in (label for recording in recordings for label in recording.labels):
            if not any(self._called(number, label) for number in range(len(self._rules))):
                places[label.phrase].append(label.where)
        return [
            f"no rule listens for {phrase!r}, so it is not counted ({_few(where)})" for phrase, where in places.items()
        ]

    def hear(self, recording: LabelledRecording, progress: Progress) -> FileHeard:
        """Listen to a recording from begin to end; AudioFileError, and nothing is counted, where it can't be read."""
        heard = self._listener.hear(recording.path, progress)
        for label in recording.labels:
            self._note_said((self._recordings, label.channel), label)
        for channel in heard.channels:
            self._channel_s[channel.channel] += heard.duration_s
            for event in channel.spotted:
                self._heard[self._variants[event.rule]].append(
                    HeardHere(
                        (self._recordings, channel.channel),
                        event.phrase,
                        event.phrase_end_ms,
                        event.audio_position_ms,
                        event.confidence,
                    )
                )
        self._recordings += 1
        return heard

    def evaluation(self) -> Evaluation:
        """What is known by now."""
        evidence = tuple(self._evidence(number, rule) for number, rule in enumerate(self._rules))
        return Evaluation(evidence, self._recordings, sum(self._channel_s.values()) / _HOUR_S)

    def _evidence(self, number: int, rule: RuleOptions) -> Evidence:
        seconds = sum(length for channel, length in self._channel_s.items() if rule.channel in ("any", channel))
        heard = {choice: tuple(self._heard[number, choice]) for choice in decoded(rule)}
        return Evidence(rule, tuple(self._said[number]), heard, seconds / _HOUR_S)

    def _note_said(self, place: Place, label: Label) -> None:
        for number, said in enumerate(self._said):
            if phrase := self._called(number, label):
                said.append(SaidHere(place, phrase, label.end_ms))

    def _called(self, number: int, label: Label) -> str | None:
        """What a rule would report where this is said; None where it does not listen for it."""
        rule, match = self._rules[number], self._matchers[number]
        found = match(normalise(label.phrase)) if rule.channel in ("any", label.channel) else []
        return found[0].phrase if found else None


def _few(where: Sequence[str]) -> str:
    shown = ", ".join(where[:MOST_PLACES])
    return shown if len(where) <= MOST_PLACES else f"{shown} and {len(where) - MOST_PLACES} more"
