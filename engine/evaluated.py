"""What came of hearing labelled recordings: plain values, and what follows from them. Pure.

One decoding serves many choices of a rule's options. Rules that differ only in `stable_ms` hear the same hypotheses. Of
`fire_on = "final"` the choice with `min_confidence = 0` is heard, and what a greater one would have let through is told
from the confidences. Two rare things are not seen that way: a phrase said twice in one utterance, the first time less
surely; and one within the rule's rest after a less sure one. A threshold of the rule in use is heard for itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from engine.options import Channel, RuleOptions
from engine.scoring import Tally, match, total

STABLE_MS = (0, 100, 200, 300, 400, 600)
THRESHOLDS = tuple(percent / 100 for percent in range(101))

Place = tuple[int, Channel]  # number of the recording, channel


@dataclass(frozen=True, slots=True)
class Choice:
    """The options of a rule that are tried. `stable_ms` is 0 with "final", `min_confidence` with "partial"."""

    fire_on: Literal["partial", "final"]
    stable_ms: int = 0
    min_confidence: float = 0.0

    @classmethod
    def of(cls, rule: RuleOptions) -> "Choice":
        """A rule's own; an exact one fires on finals only, whatever it says."""
        if rule.fire_on == "final" or rule.match == "exact":
            return cls("final", 0, rule.min_confidence)
        return cls("partial", rule.stable_ms)

    @property
    def care(self) -> tuple[bool, int, float]:
        """Sorts by how much has to speak for a phrase before it counts."""
        return self.fire_on == "final", self.stable_ms, self.min_confidence

    def given_to(self, rule: RuleOptions) -> RuleOptions:
        """The same rule with these options."""
        patience = {"stable_ms": self.stable_ms} if self.fire_on == "partial" else {}
        chosen = {"fire_on": self.fire_on, "min_confidence": self.min_confidence, **patience}
        return rule.model_copy(update=chosen)

    def __str__(self) -> str:
        if self.fire_on == "partial":
            return f"partial, stable_ms {self.stable_ms}"
        return f"final, min_confidence {self.min_confidence:g}"


FINAL = Choice("final")


def partials(rule: RuleOptions) -> tuple[Choice, ...]:
    """The patiences that are tried, the rule's own among them; none for an exact rule."""
    if rule.match == "exact":
        return ()
    own = Choice.of(rule)
    tried = {*(Choice("partial", stable_ms) for stable_ms in STABLE_MS), *((own,) if own.fire_on == "partial" else ())}
    return tuple(sorted(tried, key=lambda choice: choice.stable_ms))


def decoded(rule: RuleOptions) -> tuple[Choice, ...]:
    """The choices that have to be heard; the others follow from them."""
    return tuple(dict.fromkeys((*partials(rule), FINAL, Choice.of(rule))))


@dataclass(frozen=True, slots=True)
class SaidHere:
    """A phrase that a rule listens for, as the rule would call it."""

    place: Place
    phrase: str
    end_ms: int


@dataclass(frozen=True, slots=True)
class HeardHere:
    """A rule fired."""

    place: Place
    phrase: str
    phrase_end_ms: int
    audio_position_ms: int
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a choice makes of the recordings."""

    choice: Choice
    tally: Tally
    hours: float  # of the channels that were listened to

    @property
    def false_per_hour(self) -> float:
        """False alarms in an hour of a channel."""
        return self.tally.false_alarms / self.hours

    @property
    def miss_rate(self) -> float | None:
        """Share of the said phrases that were not heard; None where nothing was said."""
        return None if self.tally.recall is None else self.tally.missed / self.tally.said


@dataclass(frozen=True)
class Evidence:
    """One rule: what was said for it and what each decoded choice heard."""

    rule: RuleOptions
    said: tuple[SaidHere, ...]
    heard: Mapping[Choice, Sequence[HeardHere]]
    hours: float
    _known: dict[Choice, dict[str, Tally]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """The rule's, and what else was said or heard for it (an expression stands for many)."""
        plain = self.rule.phrases if self.rule.match in ("phrase", "exact") else ()
        said = (each.phrase for each in self.said)
        heard = (event.phrase for events in self.heard.values() for event in events)
        return tuple(dict.fromkeys((*plain, *said, *heard)))

    def tallies(self, choice: Choice) -> dict[str, Tally]:
        """By phrase."""
        if choice not in self._known:
            found = match(self.said, self._heard_by(choice), _key, _key)
            self._known[choice] = {
                phrase: Tally(
                    said=sum(each.phrase == phrase for each in self.said),
                    latencies_ms=tuple(e.audio_position_ms - s.end_ms for s, e in found.heard if s.phrase == phrase),
                    false_alarms=sum(event.phrase == phrase for event, _ in found.false),
                )
                for phrase in self.phrases
            }
        return self._known[choice]

    def outcome(self, choice: Choice) -> Outcome:
        """All the rule's phrases."""
        return Outcome(choice, total(self.tallies(choice).values()), self.hours)

    @property
    def in_use(self) -> Choice:
        """The rule's own options."""
        return Choice.of(self.rule)

    def _heard_by(self, choice: Choice) -> Sequence[HeardHere]:
        if choice in self.heard:
            return self.heard[choice]
        wanted = choice.min_confidence
        return [event for event in self.heard[FINAL] if event.confidence is None or event.confidence >= wanted]


def _key(each: SaidHere | HeardHere) -> tuple[Place, str]:
    return each.place, each.phrase


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything: a piece of evidence for each rule."""

    evidence: tuple[Evidence, ...]
    recordings: int
    hours: float  # of all channels


def along_confidence(evidence: Iterable[Evidence], hours: float) -> list[Outcome]:
    """What each threshold makes of all the rules together, from the lowest."""
    return _along([Choice("final", 0, threshold) for threshold in THRESHOLDS], list(evidence), hours)


def along_patience(evidence: Iterable[Evidence], hours: float) -> list[Outcome]:
    """What each patience that all have tried makes of them, from the shortest; exact rules have none."""
    patient = [each for each in evidence if partials(each.rule)]
    common = set.intersection(*(set(partials(each.rule)) for each in patient)) if patient else set()
    return _along(sorted(common, key=lambda choice: choice.stable_ms), patient, hours)


def _along(choices: Sequence[Choice], evidence: Sequence[Evidence], hours: float) -> list[Outcome]:
    return [Outcome(choice, total(each.outcome(choice).tally for each in evidence), hours) for choice in choices]
