"""Labelled recordings through the real model: what the labels say is heard, and every choice comes of one decoding."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import AudioFileError, VocabularyError
from engine.evaluate import Evaluator, measure
from engine.evaluated import FINAL, Choice, decoded
from engine.label_rows import Label
from engine.labels import LabelledRecording
from engine.listen import Listener
from engine.options import RuleOptions
from engine.scoring import Tally
from tests.support.listening import CALLS, RULES, SPEECH, WITH_PHRASES, WITHOUT_PHRASES, call, said, samples

FIRST, SECOND, QUIET = WITH_PHRASES[0], WITH_PHRASES[1], WITHOUT_PHRASES[0]


def ignore(heard_s: float, total_s: float | None) -> None:
    """Progress that nobody watches."""


def labels(name: str, channel="external") -> tuple[Label, ...]:
    return tuple(
        Label(each["phrase"], each["start_ms"], each["end_ms"], channel, f"line {number}")
        for number, each in enumerate(CALLS[name]["said"])
    )


def recording(name: str) -> LabelledRecording:
    return LabelledRecording(call(name), labels(name))


@pytest.fixture(scope="module")
def three():
    """Two calls with phrases and one without, heard."""
    evaluator = Evaluator(SPEECH, RULES)
    for name in (FIRST, SECOND, QUIET):
        heard = evaluator.hear(recording(name), ignore)
        assert heard.duration_s == pytest.approx(CALLS[name]["duration_ms"] / 1000, abs=0.0015)
    return evaluator.evaluation()


def test_what_is_said_is_heard_and_nothing_else(three):
    wanted = said(FIRST) + said(SECOND)
    assert {each.rule.phrases[0]: len(each.said) for each in three.evidence} == {
        rule.phrases[0]: wanted.count(rule.phrases[0]) for rule in RULES
    }
    for each in three.evidence:
        tally = each.outcome(each.in_use).tally
        assert (tally.missed, tally.false_alarms) == (0, 0)
        assert all(-600 < latency_ms < 1200 for latency_ms in tally.latencies_ms)
    assert three.recordings == 3
    hours = sum(CALLS[name]["duration_ms"] for name in (FIRST, SECOND, QUIET)) / 3_600_000
    assert three.hours == pytest.approx(hours, rel=1e-4)
    assert {each.hours for each in three.evidence} == {three.hours}


def test_more_patience_is_later_by_as_much(three):
    for each in three.evidence:
        latencies = {
            choice.stable_ms: each.outcome(choice).tally.latencies_ms
            for choice in decoded(each.rule)
            if choice.fire_on == "partial"
        }
        for quick, patient in zip(latencies[0], latencies[300], strict=True):
            assert 300 <= patient - quick <= 460, "rounded up to whole chunks of 180 ms, each but for a frame"


def test_choices_are_what_rules_with_these_options_hear(three):
    """Each choice, its threshold too, against a listener that has this one rule alone on the same recording."""
    for choice in (Choice("partial", 0), Choice("partial", 600), FINAL, Choice("final", 0, 0.99)):
        rules = [choice.given_to(rule) for rule in RULES]
        (channel,) = Listener(SPEECH, rules).hear(call(FIRST)).channels
        alone = {event.rule: (event.phrase_end_ms, event.audio_position_ms) for event in channel.spotted}
        for each in three.evidence:
            together = [
                (found.phrase_end_ms, found.audio_position_ms)
                for found in each._heard_by(choice)
                if found.place == (0, "external")
            ]
            assert together == ([alone[each.rule.name]] if each.rule.name in alone else [])


def test_channels_are_labelled_and_counted_apart(tmp_path):
    left, right = samples(QUIET), samples(FIRST)
    length = max(len(left), len(right))
    both = np.stack([np.pad(each, (0, length - len(each))) for each in (left, right)], axis=1)
    soundfile.write(tmp_path / "a.wav", both, 8000)
    rules = [RULES[0], RULES[0].model_copy(update={"name": "customers", "channel": "external"})]
    evaluator = Evaluator(SPEECH, rules)
    found = LabelledRecording(tmp_path / "a.wav", labels(FIRST, "internal"))
    others = [label.phrase for label in found.labels if label.phrase != RULES[0].phrases[0]]
    assert [note.split("'")[1] for note in evaluator.unheard([found])] == others
    evaluator.hear(found, ignore)
    anyone, customers = evaluator.evaluation().evidence
    assert anyone.outcome(anyone.in_use).tally.heard == said(FIRST).count(RULES[0].phrases[0]) == len(anyone.said)
    assert customers.outcome(customers.in_use).tally == Tally()
    assert anyone.hours == pytest.approx(2 * customers.hours)


def test_an_expression_counts_what_it_would_find_in_a_label():
    phrase = said(FIRST)[0]
    rule = RuleOptions(name="r", match="regex", phrases=("transfer (me|us)",), hear=("transfer me", "transfer us"))
    evaluator = Evaluator(SPEECH, [rule])
    found = LabelledRecording(call(FIRST), (*labels(FIRST), Label("Transfer us!", 1, 2, "external", "line 9")))
    notes = evaluator.unheard([found])
    assert phrase == "transfer me"
    assert not any(phrase in note or "us" in note.split("'")[1] for note in notes)
    evaluator.hear(found, ignore)
    (each,) = evaluator.evaluation().evidence
    assert each.phrases == ("transfer me", "transfer us")
    assert {name: (tally.said, tally.heard) for name, tally in each.tallies(each.in_use).items()} == {
        "transfer us": (1, 0),
        "transfer me": (1, 1),
    }


def test_places_without_a_rule_are_told_in_short():
    evaluator = Evaluator(SPEECH, RULES[:1])
    many = tuple(Label("good day", at, at + 1, "external", f"line {at}") for at in range(5))
    (note,) = evaluator.unheard([LabelledRecording(Path("a.wav"), many)])
    assert note == "no rule listens for 'good day', so it is not counted (line 0, line 1, line 2 and 2 more)"


def test_a_recording_that_can_not_be_read_counts_nothing(tmp_path):
    (tmp_path / "a.wav").write_text("hello")
    evaluator = Evaluator(SPEECH, RULES[:1])
    with pytest.raises(AudioFileError):
        evaluator.hear(LabelledRecording(tmp_path / "a.wav", labels(FIRST)), ignore)
    evaluation = evaluator.evaluation()
    assert (evaluation.recordings, evaluation.hours, evaluation.evidence[0].said) == (0, 0, ())


def test_words_that_the_model_does_not_know_are_named_once():
    with pytest.raises(VocabularyError) as caught:
        Evaluator(SPEECH, [RuleOptions(name="r", phrases=("transfer zzyzx",))])
    assert caught.value.faults == [
        "rule 'r': phrase 'transfer zzyzx': the model does not know 'zzyzx'; use other words or another model"
    ]


def test_measuring_reads_the_header_only():
    channels, duration_s = measure(call(FIRST))
    assert (channels, duration_s) == (1, pytest.approx(CALLS[FIRST]["duration_ms"] / 1000, abs=0.0015))
