"""Find the rules' phrases in hypotheses. Knows no audio, no recognizer and no clock: positions are milliseconds.

Guarantees: whole words only; a rule fires at most once in an utterance, however its hypothesis grows, and a final after a
partial adds nothing already fired; a rule rests for its refractory time after it fired. Partial hypotheses flicker: a
phrase counts only once it has stayed in them for the rule's `stable_ms`; a final one needs no patience.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.errors import ConfigError
from engine.options import Channel, RuleOptions


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One word of a hypothesis; times and confidences only come with a final one."""

    text: str
    end_ms: int | None = None  # from the first frame that the recognizer was given
    confidence: float | None = None
    start_ms: int | None = None  # as end_ms; only transcripts want it


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the recognizer makes of an utterance so far; unknown words stay in as the model's word for them."""

    words: tuple[HeardWord, ...]
    is_final: bool

    @property
    def text(self) -> str:
        """The words with single spaces."""
        return " ".join(word.text for word in self.words)

    def normalised(self) -> "Hypothesis":
        """As matchers see it: a word that normalises to several counts as several, one of mere punctuation as none."""
        parts = ((part, word) for word in self.words for part in normalise(word.text).split())
        return Hypothesis(tuple(HeardWord(part, word.end_ms, word.confidence) for part, word in parts), self.is_final)


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase found, as it was configured: words [first, last] of the hypothesis."""

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


Matcher = Callable[[str], list[Match]]  # gets the text of a normalised hypothesis
EntryPoint = Callable[[str], str | None]  # text in, name of what was meant out

_WITHIN_WORDS = frozenset("'-_<>[]\u200c\u200d")  # the last two join letters in Persian and Indic words
_LETTERS_MARKS_NUMBERS = frozenset("LMN")  # marks: \w leaves out the vowel signs of Indic scripts


def _words(text: str) -> str:
    """Unicode-normalised, punctuation gone (but for what words hold), single spaces."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    kept = "".join(
        char if char in _WITHIN_WORDS or unicodedata.category(char)[0] in _LETTERS_MARKS_NUMBERS else " "
        for char in plain
    )
    return " ".join(word for word in kept.split() if any(map(str.isalnum, word)))


def spoken(phrase: str) -> str:
    """A phrase as models write words: lower case. Case folding would be more: German models know `große`, not `grosse`."""
    return _words(phrase).lower()


@lru_cache(maxsize=4096)  # each word of an utterance comes again with every partial
def normalise(text: str) -> str:
    """As `spoken`, but case-folded: what is compared."""
    return unicodedata.normalize("NFKC", _words(text).casefold())


def _word_at(text: str, index: int) -> int:
    """Number of the word that the character stands in."""
    return text.count(" ", 0, index)


def _whole_words(expression: str) -> re.Pattern[str]:
    """The expression between word ends; ConfigError where it is none. Flags at its front, `(?i)`, hold for all of it."""
    front = re.match(r"\(\?([aimsu]+)\)", expression)
    scope, rest = (f"?{front[1]}:", expression[front.end() :]) if front else ("?:", expression)
    try:
        return re.compile(rf"(?<!\S)({scope}{rest})(?!\S)", re.IGNORECASE)
    except re.error as error:
        raise ConfigError([f"rules: {expression!r}: not a regular expression ({error})"]) from error


def _phrase_matcher(phrases: Sequence[str]) -> Matcher:
    wanted = [(f" {normalise(phrase)} ", phrase) for phrase in phrases if normalise(phrase)]

    def match(text: str) -> list[Match]:  # every rule, on every partial: `find` is 20 times faster than an expression
        padded, matches = f" {text} ", []
        for padded_phrase, phrase in wanted:
            at = padded.find(padded_phrase)
            while at >= 0:
                matches.append(Match(phrase, _word_at(text, at), _word_at(text, at + len(padded_phrase) - 3)))
                at = padded.find(padded_phrase, at + 1)
        return matches

    return match


def _exact_matcher(phrases: Sequence[str]) -> Matcher:
    wanted = {normalise(phrase): phrase for phrase in phrases if normalise(phrase)}
    return lambda text: [Match(wanted[text], 0, text.count(" "))] if text in wanted else []


def _regex_matcher(phrases: Sequence[str]) -> Matcher:
    patterns = [_whole_words(phrase) for phrase in phrases]

    def match(text: str) -> list[Match]:
        found = (hit for pattern in patterns for hit in pattern.finditer(text) if hit.group())
        return [Match(hit.group(), _word_at(text, hit.start()), _word_at(text, hit.end())) for hit in found]

    return match


def _entry_point_matcher(entry_point: EntryPoint) -> Matcher:
    def match(text: str) -> list[Match]:
        meant = entry_point(text) if text else None
        return [Match(meant, 0, text.count(" "))] if meant else []

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


def _mean_confidence(words: Sequence[HeardWord]) -> float | None:
    known = [word.confidence for word in words if word.confidence is not None]
    return sum(known) / len(known) if known else None


def rules_on(rules: Iterable[RuleOptions], channel: Channel) -> list[RuleOptions]:
    """The rules that listen to a channel."""
    return [rule for rule in rules if rule.channel in ("any", channel)]


def heard_phrases(rules: Iterable[RuleOptions]) -> dict[str, list[str]]:
    """What each rule puts into the grammar, as configured: its phrases, or `hear` where those are no plain words."""
    plain = ("phrase", "exact")
    return {rule.name: [*rule.hear, *(rule.phrases if rule.match in plain else ())] for rule in rules}


class PhraseSpotter:
    """One channel's rules and what they have fired."""

    def __init__(self, rules: Sequence[SpottingRule], fired_ms: Mapping[str, int] | None = None) -> None:
        """`fired_ms`: where the audio was when a rule last fired, as a predecessor on this channel knew it."""
        self._rules = rules
        self._fired_ms: dict[str, int] = dict(fired_ms or {})
        self._done: set[str] = set()  # fired, or at rest when met, in this utterance
        self._seen_ms: dict[str, int] = {}  # by rule: since where its phrase has been in the hypothesis

    def begin(self, start_ms: int) -> None:
        """An utterance that hears audio from there on. What fired further on was fired by the same audio, and is done.

        It was either the utterance before, which was cut and is overlapped by this one, or a predecessor in this one.
        """
        self._done = {rule for rule, at in self._fired_ms.items() if at > start_ms}
        self._seen_ms.clear()

    def spot(self, hypothesis: Hypothesis, position_ms: int) -> list[Spot]:
        """What fires now."""
        hypothesis = hypothesis.normalised()
        text = hypothesis.text
        spots: list[Spot] = []
        for rule in self._rules:
            if rule.name in self._done:
                continue
            matches = rule.match(text)
            if not matches:
                self._seen_ms.pop(rule.name, None)
                continue
            seen_ms = self._seen_ms.setdefault(rule.name, position_ms)
            stable = not rule.final_only and position_ms - seen_ms >= rule.stable_ms
            if hypothesis.is_final or stable:
                spots += self._judge(rule, matches, hypothesis, position_ms)
        return spots

    def _judge(
        self, rule: SpottingRule, matches: Sequence[Match], hypothesis: Hypothesis, position_ms: int
    ) -> list[Spot]:
        """Fire on the first match that is sure enough, unless the rule rests; then it stays silent in this utterance."""
        for match in matches:
            words = hypothesis.words[match.first : match.last + 1]
            confidence = _mean_confidence(words)
            if confidence is None or confidence >= rule.min_confidence:
                break
        else:
            return []
        self._done.add(rule.name)
        fired_ms = self._fired_ms.get(rule.name)
        if fired_ms is not None and position_ms - fired_ms < rule.refractory_ms:
            return []
        self._fired_ms[rule.name] = position_ms
        seen_ms = self._seen_ms[rule.name] if match is matches[0] else position_ms
        return [Spot(rule.name, match.phrase, hypothesis.text, confidence, seen_ms, words[-1].end_ms)]
