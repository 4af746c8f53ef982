"""The spotter on partial hypotheses, ten a second on each channel that speaks."""

from functools import cache

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.audio import phrase_rules
from bench.measuring import measure
from engine.speech.intents import load_entry_point
from engine.speech.phrases import HeardWord, Hypothesis, PhraseSpotter, Spot, SpottingRule

TALK = "well i think i would like you to help me because i want to cancel my order"
PARTIAL_MS = 100


@cache
def growing() -> list[Hypothesis]:
    """One utterance's partials, a word longer each; twice the last one, so that the phrase is stable."""
    words = tuple(map(HeardWord, TALK.split()))
    partials = [Hypothesis(words[:count], is_final=False) for count in range(1, len(words) + 1)]
    return partials + [partials[-1]] * 2


@pytest.mark.parametrize("count", [6, 100])
def test_spot_on_a_partial(benchmark: BenchmarkFixture, count: int) -> None:
    """A partial against so many rules of one phrase each."""
    phrases = ["cancel my order", *(f"never said {number}" for number in range(1, count))]
    rules = [SpottingRule.of(rule, load_entry_point) for rule in phrase_rules(phrases)]

    def spot_all(spotter: PhraseSpotter) -> list[Spot]:
        spotter.begin(0)
        partials = enumerate(growing())
        return [spot for turn, partial in partials for spot in spotter.spot(partial, turn * PARTIAL_MS)]

    spots = measure(benchmark, spot_all, lambda: (PhraseSpotter(rules),), operations=len(growing()))
    assert [spot.phrase for spot in spots] == ["cancel my order"]
