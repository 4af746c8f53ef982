"""Find the rules' phrases in hypotheses. Knows no audio, no recognizer and no clock: positions are milliseconds.

Guarantees: whole words only; a rule fires at most once in an utterance, however its hypothesis grows, and a final after a
partial adds nothing already fired; a rule rests for its refractory time after it fired. Partial hypotheses flicker: a
phrase counts only once it has stayed in them for the rule's `stable_ms`; a final one needs no patience.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.options import Channel, RuleOptions


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One word of a hypothesis; times and confidences only come with a final one."""

    text: str
    end_ms: int | None = None  # from the first frame that the recognizer was given
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the recognizer makes of an utterance so far; unknown words stay in as the model's word for them."""

    words: tuple[HeardWord, ...]
    is_final: bool

    @property
    def text(self) -> str:
        """The words, normalised, with single spaces."""
        return " ".join(normalise(word.text) for word in self.words)


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase found: words [first, last] of the hypothesis."""

    phrase: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A rule fired."""

    rule: str
    phrase: str
    text: str
    confidence: float | None
    seen_ms: int  # where the audio was when the phrase first showed in the hypothesis
    end_ms: int | None  # from the utterance's first frame; None on partials


Matcher = Callable[[str], Match | None]  # gets Hypothesis.text
EntryPoint = Callable[[str], str | None]  # text in, name of what was meant out


def normalise(text: str) -> str:
    """Case-folded, Unicode-normalised, punctuation gone (apostrophes and hyphens within words stay), single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    kept = re.sub(r"[^\w\s'<>\[\]-]", " ", folded)
    return " ".join(kept.split())


def _word_at(text: str, index: int) -> int:
    """Number of the word that the character stands in."""
    return text.count(" ", 0, index)


def _phrase_matcher(phrases: Sequence[str]) -> Matcher:
    wanted = [normalise(phrase) for phrase in phrases]

    def match(text: str) -> Match | None:
        padded = f" {text} "
        for phrase in wanted:
            found = padded.find(f" {phrase} ")
            if found >= 0:
                return Match(phrase, _word_at(text, found), _word_at(text, found + len(phrase) - 1))
        return None

    return match


def _exact_matcher(phrases: Sequence[str]) -> Matcher:
    wanted = {normalise(phrase) for phrase in phrases}
    return lambda text: Match(text, 0, text.count(" ")) if text in wanted else None


def _regex_matcher(phrases: Sequence[str]) -> Matcher:
    patterns = [re.compile(rf"(?<!\S)(?:{phrase})(?!\S)", re.IGNORECASE) for phrase in phrases]

    def match(text: str) -> Match | None:
        for pattern in patterns:
            found = pattern.search(text)
            if found and found.group():
                return Match(found.group(), _word_at(text, found.start()), _word_at(text, found.end()))
        return None

    return match


def _entry_point_matcher(entry_point: EntryPoint) -> Matcher:
    def match(text: str) -> Match | None:
        meant = entry_point(text) if text else None
        return Match(meant, 0, text.count(" ")) if meant else None

    return match


MATCHERS: dict[str, Callable[[Sequence[str]], Matcher]] = {
    "phrase": _phrase_matcher,
    "exact": _exact_matcher,
    "regex": _regex_matcher,
}


@dataclass(frozen=True, slots=True)
class SpottingRule:
    """A rule, ready to be asked."""

    name: str
    match: Matcher
    final_only: bool  # `exact` can only be known at the end
    stable_ms: int
    min_confidence: float
    refractory_ms: int

    @classmethod
    def of(cls, rule: RuleOptions, load: Callable[[str], EntryPoint]) -> "SpottingRule":
        """`load` turns `module:callable` into the callable."""
        make = MATCHERS.get(rule.match)
        return cls(
            name=rule.name,
            match=make(rule.phrases) if make else _entry_point_matcher(load(rule.match)),
            final_only=rule.fire_on == "final" or rule.match == "exact",
            stable_ms=rule.stable_ms,
            min_confidence=rule.min_confidence,
            refractory_ms=round(rule.refractory_s * 1000),
        )


def rules_on(rules: Iterable[RuleOptions], channel: Channel) -> list[RuleOptions]:
    """The rules that listen to a channel."""
    return [rule for rule in rules if rule.channel in ("any", channel)]


def heard_phrases(rules: Iterable[RuleOptions]) -> dict[str, list[str]]:
    """What each rule puts into the grammar, normalised: its phrases, or `hear` where those are no plain words."""
    plain = ("phrase", "exact")
    return {
        rule.name: [normalise(p) for p in (*rule.hear, *(rule.phrases if rule.match in plain else ()))]
        for rule in rules
    }


class PhraseSpotter:
    """One channel's rules and what they have fired."""

    def __init__(self, rules: Sequence[SpottingRule]) -> None:
        self._rules = rules
        self._fired_ms: dict[str, int] = {}  # by rule: where the audio was when it last fired
        self._done: set[str] = set()  # fired, or at rest when met, in this utterance
        self._seen_ms: dict[str, int] = {}  # by rule: since where its phrase has been in the hypothesis

    def begin(self, *, overlap_from_ms: int | None = None) -> None:
        """A new utterance. `overlap_from_ms`: it hears audio again from there, so what fired since then is done."""
        since = overlap_from_ms
        self._done = set() if since is None else {rule for rule, at in self._fired_ms.items() if at >= since}
        self._seen_ms.clear()

    def spot(self, hypothesis: Hypothesis, position_ms: int) -> list[Spot]:
        """What fires now."""
        text = hypothesis.text
        spots = []
        for rule in self._rules:
            if rule.name in self._done:
                continue
            match = rule.match(text)
            if match is None:
                self._seen_ms.pop(rule.name, None)
                continue
            seen_ms = self._seen_ms.setdefault(rule.name, position_ms)
            stable = not rule.final_only and position_ms - seen_ms >= rule.stable_ms
            if hypothesis.is_final or stable:
                spots += self._judge(rule, match, hypothesis, position_ms)
        return spots

    def _judge(self, rule: SpottingRule, match: Match, hypothesis: Hypothesis, position_ms: int) -> list[Spot]:
        """Fire unless the confidence is too low or the rule rests; a rule met at rest stays silent in this utterance."""
        words = hypothesis.words[match.first : match.last + 1]
        known = [word.confidence for word in words if word.confidence is not None]
        confidence = sum(known) / len(known) if known else None
        if confidence is not None and confidence < rule.min_confidence:
            return []
        self._done.add(rule.name)
        fired_ms = self._fired_ms.get(rule.name)
        if fired_ms is not None and position_ms - fired_ms < rule.refractory_ms:
            return []
        self._fired_ms[rule.name] = position_ms
        return [Spot(rule.name, match.phrase, hypothesis.text, confidence, self._seen_ms[rule.name], words[-1].end_ms)]
