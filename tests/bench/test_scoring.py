"""Who was heard, how late, and what nobody said: worked out by hand."""

import pytest

from bench.scoring import SLACK_MS, Score, score, total
from engine.simulator.options import Said
from engine.speech.events import PhraseSpotted

SAID = Said(phrase="transfer me", start_ms=1000, end_ms=2000)


def spotted(position_ms: int, phrase: str = "transfer me", end_ms: int | None = None) -> PhraseSpotted:
    end_ms = position_ms - 80 if end_ms is None else end_ms
    return PhraseSpotted("rule", phrase, phrase, None, "partial", 500, end_ms, position_ms, 0)


def test_a_phrase_is_heard_so_long_after_its_end() -> None:
    assert score([SAID], [spotted(2300)]) == Score(said=1, latencies_ms=(300,), false_alarms=0)


def test_it_may_be_heard_before_its_end_but_not_before_it_begins() -> None:
    assert score([SAID], [spotted(1900)]).latencies_ms == (-100,)
    assert score([SAID], [spotted(1000)]) == Score(1, (), 1)


def test_a_report_of_much_later_talk_is_false_and_the_phrase_missed() -> None:
    assert score([SAID], [spotted(5000, end_ms=2000 + SLACK_MS)]).heard == 1
    late = score([SAID], [spotted(5000, end_ms=2001 + SLACK_MS)])
    assert (late.heard, late.missed, late.false_alarms) == (0, 1, 1)


def test_other_words_and_second_reports_are_false() -> None:
    assert score([SAID], [spotted(2100, "stop recording")]) == Score(1, (), 1)
    assert score([SAID], [spotted(2400), spotted(2100)]) == Score(1, (100,), 1)


def test_a_phrase_said_twice_is_heard_twice_in_order() -> None:
    again = Said(phrase="transfer me", start_ms=2100, end_ms=2900)
    assert score([again, SAID], [spotted(2200), spotted(3000)]).latencies_ms == (200, 100)


def test_totals_and_percentiles() -> None:
    both = total([Score(3, (100, 200), 1), Score(2, (300,), 2)])
    assert both == Score(5, (100, 200, 300), 3)
    assert both.missed == 2
    assert [both.latency_ms(percent) for percent in (0, 50, 100)] == pytest.approx([100, 200, 300])
    assert Score(1, (), 0).latency_ms(50) is None
