"""The experiment behind the defaults: one decoding of all calls for each setting, one score for each patience.

A setting is a whole `SpeechOptions`; what varies are its fields. Patience (`stable_ms`) belongs to rules, so rules that
differ only in it hear the same decoding.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from bench.audio import MODEL, slug
from bench.listening import Heard, hear, open_hearing
from engine.options import RuleOptions, SpeechOptions
from engine.scoring import Tally, match, total
from engine.simulator.options import Said
from engine.speech.background import EVERYDAY_ENGLISH
from engine.speech.events import PhraseSpotted


@dataclass(frozen=True, slots=True)
class Recording:
    """Samples, and what is said in them."""

    samples: bytes
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One setting and one patience."""

    setting: SpeechOptions
    stable_ms: int
    calls: Tally
    calls_heard: tuple[Heard, ...]
    talk: Tally
    talk_s: float

    @property
    def decode_ms_per_voiced_s(self) -> float:
        """CPU of the recognizer on the calls."""
        voiced_s = sum(heard.voiced_s for heard in self.calls_heard)
        return 1000 * sum(heard.decode_s for heard in self.calls_heard) / voiced_s

    @property
    def decoded_ratio(self) -> float:
        """Share of the calls' audio that the recognizer was given."""
        return sum(heard.utterance_s for heard in self.calls_heard) / sum(heard.audio_s for heard in self.calls_heard)

    @property
    def talk_false_per_hour(self) -> float | None:
        """False alarms in an hour of talk without phrases; None where no talk was given."""
        return self.talk.false_alarms * 3600 / self.talk_s if self.talk_s else None


def settings(axes: Mapping[str, Sequence[int]]) -> Iterator[SpeechOptions]:
    """Every combination; an axis is a field of SpeechOptions, `background_words` the first so many everyday words."""
    for values in product(*axes.values()):
        fields = dict(zip(axes, values, strict=True))
        words = EVERYDAY_ENGLISH[: fields.pop("background_words", None)]
        yield SpeechOptions.model_validate({"model_path": MODEL, "background_words": words, **fields})


def patient_rules(phrases: Sequence[str], stable_ms: Sequence[int]) -> list[RuleOptions]:
    """A rule for each phrase and each patience."""
    return [
        RuleOptions(name=f"{slug(phrase)}-{stable}", phrases=(phrase,), stable_ms=stable)
        for phrase in phrases
        for stable in stable_ms
    ]


def try_setting(
    setting: SpeechOptions,
    phrases: Sequence[str],
    stable_ms: Sequence[int],
    calls: Sequence[Recording],
    talk: Sequence[Recording],
) -> list[Row]:
    """Hear all recordings with this setting; a row for each patience."""
    hearing = open_hearing(setting, patient_rules(phrases, stable_ms))
    calls_heard = [hear(hearing, recording.samples) for recording in calls]
    talk_heard = [hear(hearing, recording.samples) for recording in talk]
    return [
        Row(
            setting=setting,
            stable_ms=stable,
            calls=_score(calls, calls_heard, stable),
            calls_heard=tuple(calls_heard),
            talk=_score(talk, talk_heard, stable),
            talk_s=sum(heard.audio_s for heard in talk_heard),
        )
        for stable in stable_ms
    ]


def _score(recordings: Sequence[Recording], heard: Sequence[Heard], stable_ms: int) -> Tally:
    """What the rules of one patience made of the recordings."""
    return total(
        tally(recording.said, [event for event in one.spotted if event.rule.endswith(f"-{stable_ms}")])
        for recording, one in zip(recordings, heard, strict=True)
    )


def tally(said: Sequence[Said], spotted: Sequence[PhraseSpotted]) -> Tally:
    """Compare one recording's phrases with what was spotted in it."""
    found = match(said, spotted, lambda phrase: phrase.phrase, lambda event: event.phrase)
    latencies_ms = tuple(event.audio_position_ms - phrase.end_ms for phrase, event in found.heard)
    return Tally(len(said), latencies_ms, len(found.false))


@dataclass(frozen=True, slots=True)
class Explosion:
    """A grammar of one phrase on unbroken talk: what a setting's pruning costs."""

    setting: SpeechOptions
    heard: Heard

    @property
    def decode_s_per_audio_s(self) -> float:
        """CPU of the recognizer per second of the channel."""
        return self.heard.decode_s / self.heard.audio_s


def explode(setting: SpeechOptions, phrase: str, recording: Recording, cpu_limit_s: float) -> Explosion:
    """Hear it with a grammar of this phrase alone, until the CPU limit."""
    hearing = open_hearing(setting, patient_rules([phrase], [0]))
    return Explosion(setting, hear(hearing, recording.samples, cpu_limit_s))
