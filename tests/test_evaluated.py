"""What follows from evidence, worked out by hand."""

import pytest

from engine.evaluated import (
    FINAL,
    Choice,
    Evidence,
    Outcome,
    along_confidence,
    along_patience,
    decoded,
    partials,
)
from engine.scoring import Tally
from tests.support.evaluated import evidence, heard, rule, said

PARTIALS = [Choice("partial", stable_ms) for stable_ms in (0, 100, 200, 300, 400, 600)]


def test_a_rules_own_choice():
    assert Choice.of(rule()) == Choice("partial", 200)
    assert Choice.of(rule(fire_on="final", min_confidence=0.7)) == Choice("final", 0, 0.7)
    assert Choice.of(rule(match="exact")) == FINAL
    assert (str(Choice("partial", 200)), str(Choice("final", 0, 0.7))) == (
        "partial, stable_ms 200",
        "final, min_confidence 0.7",
    )


def test_what_has_to_be_heard_is_every_patience_one_final_and_the_rules_own():
    assert decoded(rule()) == (*PARTIALS, FINAL)
    assert decoded(rule(stable_ms=250)) == (*PARTIALS[:3], Choice("partial", 250), *PARTIALS[3:], FINAL)
    assert decoded(rule(fire_on="final", min_confidence=0.7)) == (*PARTIALS, FINAL, Choice("final", 0, 0.7))
    assert (partials(rule(match="exact")), decoded(rule(match="exact"))) == ((), (FINAL,))


def test_a_choice_given_to_a_rule_leaves_the_rest_as_it_was():
    of = rule(channel="external", fire_on="final", min_confidence=0.7, stable_ms=50)
    patient = Choice("partial", 300).given_to(of)
    assert (patient.fire_on, patient.stable_ms, patient.min_confidence) == ("partial", 300, 0)
    assert (patient.name, patient.phrases, patient.channel) == (of.name, of.phrases, "external")
    sure = Choice("final", 0, 0.5).given_to(of)
    assert (sure.fire_on, sure.stable_ms, sure.min_confidence) == ("final", 50, 0.5)


def test_the_order_of_care():
    wild = [Choice("final", 0, 0.5), Choice("partial", 600), FINAL, Choice("partial", 0)]
    assert sorted(wild, key=lambda choice: choice.care) == [wild[3], wild[1], wild[2], wild[0]]


def test_figures_of_a_choice():
    found = evidence(5000, 9000, partial={0: [5000, 9000, 20_000], 200: [5100]}, hours=2)
    assert found.outcome(Choice("partial", 0)).tally == Tally(2, (100, 100), 1)
    outcome = found.outcome(found.in_use)
    assert outcome.tally == Tally(2, (400,), 0)
    assert (outcome.miss_rate, outcome.false_per_hour) == (0.5, 0)
    assert found.outcome(Choice("partial", 0)).false_per_hour == 0.5
    assert Outcome(FINAL, Tally(), 1).miss_rate is None


@pytest.mark.parametrize(
    ("threshold", "tally"),
    [
        (0.0, Tally(2, (900, 900), 1)),
        (0.6, Tally(2, (900, 900), 1)),
        (0.61, Tally(2, (900, 900), 0)),
        (0.8, Tally(2, (900, 900), 0)),
        (0.81, Tally(2, (900,), 0)),
        (0.91, Tally(2, (), 0)),
    ],
)
def test_a_threshold_is_told_from_the_confidences(threshold, tally):
    found = evidence(5000, 9000, final={5000: 0.8, 9000: 0.9, 20_000: 0.6})
    assert found.outcome(Choice("final", 0, threshold)).tally == tally


def test_a_final_without_confidence_passes_as_it_does_in_the_spotter():
    found = Evidence(rule(), (said(5000),), {FINAL: [heard(5000, None)]}, 1)
    assert found.outcome(Choice("final", 0, 1.0)).tally.heard == 1


def test_a_threshold_in_use_is_what_was_heard_with_it():
    own = rule(fire_on="final", min_confidence=0.7)
    found = Evidence(own, (said(5000),), {FINAL: [heard(5000, 0.1)], Choice.of(own): [heard(5000, 0.9)]}, 1)
    assert found.outcome(found.in_use).tally.heard == 1
    assert found.outcome(Choice("final", 0, 0.71)).tally.heard == 0


def test_places_and_phrases_are_kept_apart():
    own = rule().model_copy(update={"phrases": ("transfer me", "stop")})
    there = (0, "internal")
    found = Evidence(
        own,
        (said(5000), said(5000, "stop")),
        {
            FINAL: [],
            Choice("partial", 200): [heard(5000, place=there), heard(5000, phrase="stop"), heard(1, phrase="x")],
        },
        1,
    )
    assert found.phrases == ("transfer me", "stop", "x")
    assert found.tallies(found.in_use) == {
        "transfer me": Tally(1, (), 1),
        "stop": Tally(1, (300,), 0),
        "x": Tally(0, (), 1),
    }
    assert found.outcome(found.in_use).tally == Tally(2, (300,), 2)


def test_an_expression_stands_for_what_was_said_and_heard():
    own = rule(match="regex", hear=("stop",)).model_copy(update={"phrases": ("st.p",)})
    found = Evidence(own, (said(5000, "stop"),), {FINAL: [heard(5000, 1.0, phrase="step")]}, 1)
    assert found.phrases == ("stop", "step")


def test_curves_add_up_the_rules():
    first = evidence(5000, partial={0: [5000, 8000], 600: [5000]}, final={5000: 0.5})
    second = evidence(7000, partial={0: [7000]}, final={7000: 0.9, 1: 0.2})
    patience = {outcome.choice.stable_ms: outcome for outcome in along_patience([first, second], 10)}
    assert [*patience] == [0, 100, 200, 300, 400, 600]
    assert patience[0].tally == Tally(2, (100, 100), 1)
    assert patience[600].tally == Tally(2, (700,), 0)
    assert patience[0].false_per_hour == 0.1
    confidence = {outcome.choice.min_confidence: outcome.tally for outcome in along_confidence([first, second], 10)}
    assert len(confidence) == 101
    assert (confidence[0.2], confidence[0.21]) == (Tally(2, (900, 900), 1), Tally(2, (900, 900), 0))
    assert (confidence[0.51].heard, confidence[0.9].heard, confidence[1.0].heard) == (1, 1, 0)


def test_rules_without_patience_have_no_curve_of_it():
    exact = evidence(5000, of=rule(match="exact"), final={5000: 0.5})
    assert along_patience([exact], 1) == []
    own = evidence(5000, of=rule(stable_ms=250), partial={250: [5000]})
    assert [each.choice.stable_ms for each in along_patience([own], 1)] == [0, 100, 200, 250, 300, 400, 600]
    assert 250 not in [each.choice.stable_ms for each in along_patience([own, evidence(1)], 1)]
