"""When a rule fires: once per utterance, when its phrase has stayed, when it is sure, when it is not resting."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech.phrases import HeardWord, Hypothesis, PhraseSpotter, Spot, SpottingRule
from tests.support.speech import no_entry_point, rule

TALK = st.lists(st.sampled_from(["transfer", "me", "cancel", "it", "please"]), max_size=10)


def partial(text: str) -> Hypothesis:
    return Hypothesis(tuple(map(HeardWord, text.split())), is_final=False)


def final(text: str, *confidences: float) -> Hypothesis:
    """Word by word 200 ms; sure where no confidence is given."""
    words = text.split()
    known = confidences or (1.0,) * len(words)
    timed = enumerate(zip(words, known, strict=True), start=1)
    return Hypothesis(tuple(HeardWord(word, 200 * n, sure) for n, (word, sure) in timed), is_final=True)


def spotter(*phrases: str, **settings: Any) -> PhraseSpotter:
    """Each phrase a rule of its own."""
    settings = {"stable_ms": 0, "refractory_s": 0} | settings
    made = PhraseSpotter([SpottingRule.of(rule(phrase, **settings), no_entry_point) for phrase in phrases])
    made.begin(0)
    return made


def fired(spots: list[Spot]) -> list[str]:
    return [spot.rule for spot in spots]


@given(TALK, st.integers(0, 300), st.integers(10, 200))
def test_a_growing_partial_never_fires_twice(words: list[str], stable_ms: int, step_ms: int) -> None:
    spotting = spotter("transfer me", "cancel it", stable_ms=stable_ms)
    partials = [" ".join(words[:n]) for n in range(len(words) + 1)]
    spots = [spot for n, text in enumerate(partials) for spot in spotting.spot(partial(text), n * step_ms)]
    spots += spotting.spot(final(partials[-1]), len(partials) * step_ms)
    said = [name for name in ("transfer-me", "cancel-it") if f" {name.replace('-', ' ')} " in f" {partials[-1]} "]
    assert sorted(fired(spots)) == sorted(said)


@given(st.lists(TALK, max_size=12))
def test_however_partials_flicker_a_rule_fires_once_in_an_utterance(guesses: list[list[str]]) -> None:
    spotting = spotter("transfer me")
    spots = [spot for n, words in enumerate(guesses) for spot in spotting.spot(partial(" ".join(words)), 100 * n)]
    assert len(spots) == any("transfer me" in " ".join(words) for words in guesses)


def test_a_spot_says_what_was_heard() -> None:
    spotting = spotter("Transfer ME", stable_ms=200)
    assert spotting.spot(partial("hello transfer me"), 1000) == []
    spot = Spot("Transfer-ME", "Transfer ME", "hello transfer me now", None, 1000, None)
    assert spotting.spot(partial("hello Transfer me now"), 1200) == [spot]
    assert spotting.spot(final("hello transfer me now"), 1300) == [], "a final after a partial adds nothing"


def test_a_final_says_confidence_and_end() -> None:
    spots = spotter("transfer me").spot(final("hello transfer me", 0.1, 0.5, 0.9), 900)
    assert spots == [Spot("transfer-me", "transfer me", "hello transfer me", pytest.approx(0.7), 900, 600)]


def test_a_phrase_must_stay() -> None:
    spotting = spotter("transfer me", stable_ms=200)
    for position_ms, text in ((0, "transfer me"), (100, "transfer merchandise"), (200, "transfer me")):
        assert spotting.spot(partial(text), position_ms) == []
    assert spotting.spot(partial("transfer me"), 399) == []
    assert [spot.seen_ms for spot in spotting.spot(partial("transfer me"), 400)] == [200]


def test_a_final_needs_no_patience() -> None:
    spotting = spotter("transfer me", stable_ms=5000)
    assert spotting.spot(partial("transfer me"), 100) == []
    assert [spot.seen_ms for spot in spotting.spot(final("transfer me"), 300)] == [100]


@pytest.mark.parametrize("settings", [{"fire_on": "final"}, {"match": "exact"}])
def test_some_rules_wait_for_the_final(settings: dict[str, Any]) -> None:
    spotting = spotter("transfer me", **settings)
    assert spotting.spot(partial("transfer me"), 0) == []
    assert spotting.spot(partial("transfer me"), 9000) == []
    assert fired(spotting.spot(final("transfer me"), 9100)) == ["transfer-me"]


@pytest.mark.parametrize(("confidences", "fires"), [((0.8, 0.6), True), ((0.7, 0.68), False), ((1.0, 0.1), False)])
def test_least_confidence_is_the_mean_of_the_phrases_words(confidences: tuple[float, ...], fires: bool) -> None:
    spotting = spotter("transfer me", fire_on="final", min_confidence=0.7)
    assert bool(spotting.spot(final("please transfer me", 0.0, *confidences), 0)) is fires


def test_a_mumbled_phrase_does_not_hide_a_clear_one() -> None:
    spotting = spotter("transfer me", fire_on="final", min_confidence=0.7)
    spotting.spot(partial("transfer me"), 500)
    spots = spotting.spot(final("transfer me transfer me", 0.2, 0.2, 0.9, 0.9), 1000)
    assert [(spot.confidence, spot.end_ms, spot.seen_ms) for spot in spots] == [(0.9, 800, 1000)]


def test_what_was_not_sure_enough_has_not_fired() -> None:
    spotting = spotter("transfer me", fire_on="final", min_confidence=0.7, refractory_s=10)
    assert spotting.spot(final("transfer me", 0.1, 0.1), 1000) == []
    spotting.begin(1000)
    assert len(spotting.spot(final("transfer me"), 2000)) == 1


def test_a_rule_rests_after_it_fired() -> None:
    spotting = spotter("transfer me", "cancel it", refractory_s=2)
    assert fired(spotting.spot(partial("transfer me"), 1000)) == ["transfer-me"]
    spotting.begin(1500)
    assert fired(spotting.spot(partial("transfer me cancel it"), 2999)) == ["cancel-it"], "only the rule that fired"
    assert spotting.spot(final("transfer me cancel it"), 3000) == [], "met at rest, silent for this utterance"
    spotting.begin(3000)
    assert fired(spotting.spot(partial("transfer me"), 3000)) == ["transfer-me"], "rest counts from the last firing"


def test_a_new_utterance_hears_the_phrase_again() -> None:
    spotting = spotter("transfer me")
    assert len(spotting.spot(partial("transfer me"), 1000)) == 1
    spotting.begin(1500)
    assert len(spotting.spot(partial("transfer me"), 2000)) == 1


def test_patience_begins_anew_with_each_utterance() -> None:
    spotting = spotter("transfer me", stable_ms=200)
    spotting.spot(partial("transfer me"), 1000)
    spotting.begin(1100)
    assert spotting.spot(partial("transfer me"), 1300) == []


@pytest.mark.parametrize(("fired_ms", "again"), [(1000, True), (1001, False), (999, True)])
def test_what_fired_in_the_overlap_is_done(fired_ms: int, again: bool) -> None:
    spotting = spotter("transfer me", "cancel it")
    spotting.spot(partial("transfer me"), fired_ms)
    spotting.begin(1000)
    expected = ["transfer-me", "cancel-it"] if again else ["cancel-it"]
    assert fired(spotting.spot(partial("transfer me cancel it"), 2000)) == expected


def test_words_that_fall_apart_do_not_shift_the_others() -> None:
    spotting = spotter("transfer me", fire_on="final", min_confidence=0.5)
    spots = spotting.spot(final("e.mail ... u.s.a. transfer me", 0, 0, 0, 0.8, 0.8), 1000)
    assert [(spot.confidence, spot.end_ms) for spot in spots] == [(0.8, 1000)]


def test_a_phrase_without_words_never_fires() -> None:
    spotting = spotter("?!", name="r")
    assert spotting.spot(partial(""), 0) == []
    assert spotting.spot(final("hello"), 100) == []


def test_without_rules_nothing_fires() -> None:
    assert spotter().spot(final("transfer me"), 100) == []
