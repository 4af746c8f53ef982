"""Which options are proposed, by evidence made by hand; and that the file's reader takes them."""

import tomllib

import pytest

from engine.config import load_listening
from engine.evaluated import Choice
from engine.options import RuleOptions
from engine.proposals import as_toml, per_hour, propose, short_of_evidence
from tests.support.evaluated import evidence, rule

ALL_MS = (0, 100, 200, 300, 400, 600)


def proposed(found, rate=1.0):
    proposal = propose(found, rate)
    return proposal.verdict, proposal.outcome.choice


def test_of_those_that_keep_to_the_rate_and_hear_all_the_soonest():
    false_at = {0: [90_000] * 15, 100: [90_000] * 11, 200: [90_000] * 10, 300: []}  # 1.5, 1.1, 1.0 and 0 per hour
    found = evidence(5000, partial={ms: [5000, *false_at.get(ms, [])] for ms in ALL_MS}, final={5000: 0.9})
    assert proposed(found) == ("met", Choice("partial", 200))
    assert proposed(found, 0.5) == ("met", Choice("partial", 300))
    assert proposed(found, 1.5) == ("met", Choice("partial", 0))


def test_hearing_more_counts_before_hearing_sooner():
    found = evidence(5000, 9000, partial={0: [5000]}, final={5000: 0.9, 9000: 0.8})
    assert proposed(found) == ("met", Choice("final"))


def test_the_threshold_stands_midway_between_what_must_and_what_must_not_pass():
    found = evidence(5000, final={5000: 0.9} | dict.fromkeys(range(90_000, 90_011), 0.5))  # 11 false: 1.1 per hour
    assert proposed(found) == ("met", Choice("final", 0, 0.71))  # of 0.51 to 0.90


def test_what_hears_nothing_is_no_choice_though_it_keeps_to_the_rate():
    found = evidence(
        5000, 9000, partial={0: [5000, *[90_000] * 30]}, final={5000: 0.5} | dict.fromkeys(range(90_000, 90_020), 0.9)
    )
    assert proposed(found) == ("not met", Choice("final"))  # 2 per hour and 3 per hour
    text = as_toml(propose(found, 1.0), 1.0)
    assert "# nothing keeps to 1 false alarm per hour; this comes nearest, with 2\n" in text
    assert "# heard 1 of 2, 20 false in 10 h, p95 900 ms\n" in text


def test_never_heard_stays_as_it_is():
    assert proposed(evidence(5000)) == ("never heard", Choice("partial", 200))
    assert "# said, 1 in all, but heard with no options; these are the ones in use\n# 0 false in 10 h\n" in as_toml(
        propose(evidence(5000), 1.0), 1.0
    )


def test_never_said_stays_as_it_is_where_it_keeps_to_the_rate():
    quiet = evidence(partial={0: [1]})
    assert proposed(quiet) == ("never said", Choice("partial", 200))
    noisy = evidence(partial={ms: [1] * 30 for ms in (0, 100, 200)})
    assert proposed(noisy) == ("never said", Choice("partial", 300))
    hopeless = evidence(partial={ms: [1] * 30 for ms in ALL_MS}, final=dict.fromkeys(range(20), 1.0))
    assert proposed(hopeless) == ("never said", Choice("final"))
    assert "nothing is known of its recall" in as_toml(propose(quiet, 1.0), 1.0)


def test_on_too_little_audio_nothing_less_careful_is_proposed_only_to_be_sooner():
    both = {ms: [5000] for ms in ALL_MS}
    assert proposed(evidence(5000, partial=both, hours=2.9)) == ("met", Choice("partial", 200))
    assert proposed(evidence(5000, partial=both, hours=3.0)) == ("met", Choice("partial", 0))
    more = {0: [5000, 9000], 200: [5000]}
    assert proposed(evidence(5000, 9000, partial=more, hours=0.1)) == ("met", Choice("partial", 0))


def test_a_rule_with_a_threshold_keeps_it_where_nothing_is_better():
    own = rule(fire_on="final", min_confidence=0.7)
    found = evidence(5000, of=own, final={5000: 0.9})
    found.heard[Choice.of(own)].extend(found.heard[Choice("final")])
    assert proposed(found) == ("met", Choice("final", 0, 0.7))
    assert propose(found, 1.0).in_use.choice == Choice("final", 0, 0.7)


@pytest.mark.parametrize(
    ("hours", "rate", "says"),
    [
        (0.14, 1.0, "0.14 h of audio cannot show 1 false alarm per hour: none seen means fewer than 21 with 95 % confidence; 3 h could."),
        (1.0, 0.5, "1 h of audio cannot show 0.5 false alarms per hour: none seen means fewer than 3 with 95 % confidence; 6 h could."),
        (10.0, 0.0, "10 h of audio cannot show 0 false alarms per hour: none seen means fewer than 0.3 with 95 % confidence."),
        (3.0, 1.0, None),
    ],
)  # fmt: skip
def test_the_rule_of_three(hours, rate, says):
    assert short_of_evidence(hours, rate) == says


def test_rates_in_words():
    assert (per_hour(1), per_hour(0), per_hour(1 / 3)) == (
        "1 false alarm per hour",
        "0 false alarms per hour",
        "0.333 false alarms per hour",
    )


def test_what_is_proposed_loads_through_the_configuration(tmp_path):
    plain = evidence(5000, partial={200: [5000]}, of=rule("transfer me"))
    phrase = 'say "no" \\ to\x7fçä \U0001f600'
    options = {"match": "exact", "channel": "internal", "refractory_s": 0.5, "sinks": ("log", "other")}
    strange = RuleOptions(name="strange", phrases=(phrase,), fire_on="final", **options)
    sure = evidence(5000, final={5000: 0.9} | dict.fromkeys(range(90_000, 90_011), 0.5), of=strange, phrase=phrase)
    text = "".join(as_toml(propose(each, 1.0), 1.0) for each in (plain, sure))
    file = tmp_path / "c.toml"
    file.write_text(text + '[[sinks]]\ntype = "log"\nname = "other"\n', encoding="utf-8")
    first, second = load_listening(file, {}).rules
    assert first == rule("transfer me", stable_ms=200)
    assert second == strange.model_copy(update={"min_confidence": 0.71})
    assert len(tomllib.loads(text)["rules"][0]) == 4  # nothing that is the default anyway
