"""One recording's phrases against what was spotted in it: how late, and what nobody said."""

from bench.experiment import tally
from engine.scoring import Tally
from engine.simulator.options import Said
from engine.speech.events import PhraseSpotted

SAID = Said(phrase="transfer me", start_ms=1000, end_ms=2000)


def spotted(position_ms: int, phrase: str = "transfer me") -> PhraseSpotted:
    return PhraseSpotted("rule", phrase, phrase, None, "partial", 500, position_ms - 280, position_ms, 0)


def test_latency_runs_from_the_end_in_the_audio_to_where_it_fired() -> None:
    assert tally([SAID], [spotted(2300)]) == Tally(said=1, latencies_ms=(300,), false_alarms=0)
    assert tally([SAID], [spotted(1900)]).latencies_ms == (-100,)


def test_other_words_and_second_reports_are_false() -> None:
    assert tally([SAID], [spotted(2100, "stop recording")]) == Tally(1, (), 1)
    assert tally([SAID], [spotted(2100), spotted(2400)]) == Tally(1, (100,), 1)
