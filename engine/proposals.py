"""Which options to give a rule, by what it heard in labelled recordings. Pure.

Among the choices that keep to the wanted rate of false alarms the one that hears most wins, of equals the one that hears
sooner (p95, then p50), and of equal thresholds the middle one, as far from what it must let through as from what it must
not; none where none is needed. Where there is too little audio to show the rate, a choice that is less careful than the one
in use has to hear more, not just sooner: that no false alarm was heard says little then. A choice that hears nothing of
what is said is no choice. Where nothing is better, the one in use stays.
"""

import json
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from engine.evaluated import THRESHOLDS, Choice, Evidence, Outcome, partials
from engine.options import RuleOptions
from engine.scoring import NONE_SEEN_95

Verdict = Literal["met", "not met", "never said", "never heard"]
PLAIN = ("match", "hear", "channel", "refractory_s", "sinks")  # written where they are not the default


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule with the options that serve it best, and what they made of the recordings."""

    rule: RuleOptions
    outcome: Outcome
    in_use: Outcome
    verdict: Verdict


def candidates(evidence: Evidence) -> list[Outcome]:
    """What can be proposed: every patience, and a threshold for each outcome that thresholds can have."""
    outcomes = [evidence.outcome(choice) for choice in (evidence.in_use, *partials(evidence.rule))]
    thresholds = [evidence.outcome(Choice("final", 0, threshold)) for threshold in THRESHOLDS]
    for _, alike in groupby(thresholds, key=lambda outcome: outcome.tally):
        run = list(alike)
        outcomes.append(run[0] if run[0].choice.min_confidence == 0 else run[len(run) // 2])
    return outcomes


def propose(evidence: Evidence, false_per_hour: float) -> Proposal:
    """The best choice within the rate; where there is none the one that comes nearest to it."""
    in_use = evidence.outcome(evidence.in_use)
    found = candidates(evidence)
    useful = [outcome for outcome in found if outcome.tally.heard]
    within = [outcome for outcome in useful if outcome.false_per_hour <= false_per_hour]
    if not evidence.said:
        return _proposal(evidence, _for_the_unsaid(found, in_use, false_per_hour), "never said")
    if not useful:
        return _proposal(evidence, in_use, "never heard")
    if within:
        unproven = short_of_evidence(evidence.hours, false_per_hour) is not None
        best = min(
            within,
            key=lambda each: (each.tally.missed, unproven and each.choice.care < evidence.in_use.care, *_delay(each)),
        )
        return _proposal(evidence, best, "met")
    nearest = min(useful, key=lambda each: (each.tally.false_alarms, each.tally.missed, *_delay(each)))
    return _proposal(evidence, nearest, "not met")


def _for_the_unsaid(found: list[Outcome], in_use: Outcome, false_per_hour: float) -> Outcome:
    """Nothing is known of its recall: leave it as it is if that keeps to the rate, else the mildest that does."""
    within = [outcome for outcome in (in_use, *found) if outcome.false_per_hour <= false_per_hour]
    return within[0] if within else min(found, key=lambda outcome: outcome.tally.false_alarms)


def _proposal(evidence: Evidence, outcome: Outcome, verdict: Verdict) -> Proposal:
    rule = outcome.choice.given_to(evidence.rule)
    return Proposal(rule, outcome, evidence.outcome(evidence.in_use), verdict)


def _delay(outcome: Outcome) -> tuple[float, float]:
    p95, p50 = outcome.tally.latency_ms(0.95), outcome.tally.latency_ms(0.5)
    assert p95 is not None  # it heard something
    assert p50 is not None
    return p95, p50


def short_of_evidence(hours: float, false_per_hour: float) -> str | None:
    """A sentence where so little audio can't show such a rate, even if no false alarm is heard in it."""
    below = NONE_SEEN_95 / hours
    if below <= false_per_hour:
        return None
    enough = f"; {NONE_SEEN_95 / false_per_hour:.3g} h could" if false_per_hour else ""
    shown = f"{below:.0f}" if below >= 10 else f"{below:.2g}"
    return (
        f"{hours:.2g} h of audio cannot show {per_hour(false_per_hour)}: none seen means fewer than {shown} with 95 %"
        f" confidence{enough}."
    )


def per_hour(rate: float) -> str:
    """`1 false alarm per hour`, `0.5 false alarms per hour`."""
    return f"{rate:.3g} false alarm{'' if rate == 1 else 's'} per hour"


def as_toml(proposal: Proposal, false_per_hour: float) -> str:
    """A `[[rules]]` table to be pasted into cueline.toml, with what speaks for it as comments."""
    rule, choice = proposal.rule, proposal.outcome.choice
    lines = [*(f"# {sentence}" for sentence in _reasons(proposal, false_per_hour)), "[[rules]]"]
    lines += [f"name = {_toml(rule.name)}", f"phrases = {_toml(rule.phrases)}"]
    for name in PLAIN:
        value = getattr(rule, name)
        if value != RuleOptions.model_fields[name].default:
            lines.append(f"{name} = {_toml(value)}")
    lines.append(f"fire_on = {_toml(choice.fire_on)}")
    if choice.fire_on == "partial":
        lines.append(f"stable_ms = {choice.stable_ms}")
    else:
        lines.append(f"min_confidence = {choice.min_confidence:g}")
    return "\n".join(lines) + "\n"


def _reasons(proposal: Proposal, false_per_hour: float) -> list[str]:
    outcome, tally = proposal.outcome, proposal.outcome.tally
    seen = f"{tally.false_alarms} false in {outcome.hours:.2g} h"
    if tally.heard:
        seen = f"heard {tally.heard} of {tally.said}, {seen}, p95 {tally.latency_ms(0.95):.0f} ms"
    before: dict[Verdict, list[str]] = {
        "met": [],
        "not met": [
            f"nothing keeps to {per_hour(false_per_hour)}; this comes nearest, with {outcome.false_per_hour:.3g}"
        ],
        "never said": ["never said in these recordings: nothing is known of its recall"],
        "never heard": [f"said, {tally.said} in all, but heard with no options; these are the ones in use"],
    }
    return [*before[proposal.verdict], seen]


def _toml(value: Any) -> str:
    """A string, number or list of strings as TOML."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else f"{value:g}"
