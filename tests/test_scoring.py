"""Which event belongs to which phrase, and figures: worked out by hand."""

from dataclasses import dataclass

import pytest

from engine.percentiles import percentile
from engine.scoring import EARLY_MS, LATE_MS, Tally, match, total, wilson


@dataclass(frozen=True)
class Phrase:
    end_ms: int
    name: str = "transfer me"


@dataclass(frozen=True)
class Event:
    phrase_end_ms: int
    name: str = "transfer me"


def matched(said, spotted):
    """Ends of pairs, of what was missed, and what is false with its reason."""
    found = match(said, spotted, lambda each: each.name, lambda each: each.name)
    pairs = [(phrase.end_ms, event.phrase_end_ms) for phrase, event in found.heard]
    return (
        pairs,
        [phrase.end_ms for phrase in found.missed],
        [(event.phrase_end_ms, reason) for event, reason in found.false],
    )


@pytest.mark.parametrize(
    ("offset_ms", "fits"), [(-EARLY_MS, True), (-EARLY_MS - 1, False), (LATE_MS, True), (LATE_MS + 1, False)]
)
def test_the_place_has_to_fit(offset_ms, fits):
    at = 5000 + offset_ms
    assert matched([Phrase(5000)], [Event(at)]) == (
        ([(5000, at)], [], []) if fits else ([], [5000], [(at, "not said")])
    )


def test_another_key_is_another_phrase():
    assert matched([Phrase(5000)], [Event(5000, "stop")]) == ([], [5000], [(5000, "not said")])


def test_the_nearest_free_phrase_gets_the_event_and_one_too_many_is_false():
    said = [Phrase(5000), Phrase(6200)]
    assert matched(said, [Event(6150), Event(5020)]) == ([(5000, 5020), (6200, 6150)], [], [])
    assert matched(said, [Event(6150), Event(6160)]) == ([(5000, 6160), (6200, 6150)], [], [])
    assert matched(said, [Event(5990), Event(5000), Event(5100)]) == (
        [(5000, 5000), (6200, 5990)],
        [],
        [(5100, "twice")],
    )


def test_equal_phrases_are_two_phrases():
    assert matched([Phrase(5000), Phrase(5000)], [Event(5000)]) == ([(5000, 5000)], [5000], [])


def test_nothing_of_nothing():
    assert matched([], []) == ([], [], [])


def test_percentiles_of_a_list_are_values_of_it():
    values = [30.0, 10.0, 20.0, 40.0]
    assert [percentile(values, rank) for rank in (0.25, 0.5, 0.51, 0.95, 1.0)] == [10.0, 20.0, 30.0, 40.0, 40.0]
    assert percentile([7.0], 0.5) == 7.0
    assert percentile([], 0.5) is None


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (44, 44, 0.9197, 1.0),  # n / (n + z²) = 44 / 47.8415
        (0, 10, 0.0, 0.2775),  # z² / (n + z²) = 3.8415 / 13.8415
        (8, 10, 0.4902, 0.9433),  # as textbooks have it
        (5, 10, 0.2366, 0.7634),  # symmetrical about a half
    ],
)
def test_wilsons_interval(hits, of, low, high):
    assert wilson(hits, of) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_of_nothing_there_is_no_interval():
    assert wilson(0, 0) is None


def test_totals_and_shares():
    both = total([Tally(3, (100, 200), 1), Tally(2, (300,), 2)])
    assert both == Tally(5, (100, 200, 300), 3)
    assert (both.heard, both.missed, both.recall) == (3, 2, 0.6)
    assert [both.latency_ms(rank) for rank in (0.3, 0.5, 1.0)] == [100, 200, 300]
    assert (Tally().recall, Tally().latency_ms(0.5), total([])) == (None, None, Tally())
