"""How `cueline evaluate` shows itself: a table, notes and TOML for people, rows for JSON lines.

It shows phrases and figures; of what was said beside the phrases it knows nothing.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.console import JustifyMethod
from rich.markup import escape
from rich.table import Table

from engine.evaluated import Choice, Evaluation, Evidence, Outcome, along_confidence, along_patience, partials
from engine.heard import FileHeard
from engine.proposals import Proposal, as_toml, per_hour, propose, short_of_evidence
from engine.scoring import Tally, total, wilson

HEADS = ("phrase", "said", "heard", "missed", "recall", "95 %", "false", "per\nhour", "p50\nms", "p95\nms")


def table(evaluation: Evaluation) -> Table:
    """One line per phrase with the options in use, and one for all."""
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in HEADS:
        justify: JustifyMethod = "left" if name == HEADS[0] else "right"
        shown.add_column(name, justify=justify, overflow="fold", no_wrap=name != HEADS[0])
    for each in evaluation.evidence:
        for phrase, tally in each.tallies(each.in_use).items():
            shown.add_row(escape(phrase), *_cells(tally, each.hours))
    if len(shown.rows) > 1:
        shown.add_section()
        shown.add_row("all", *_cells(all_in_use(evaluation.evidence), evaluation.hours))
    return shown


def all_in_use(evidence: Iterable[Evidence]) -> Tally:
    """What the options in use make of all rules together."""
    return total(each.outcome(each.in_use).tally for each in evidence)


def _cells(tally: Tally, hours: float) -> list[str]:
    bounds = wilson(tally.heard, tally.said)
    return [
        str(tally.said),
        str(tally.heard),
        str(tally.missed),
        "–" if tally.recall is None else f"{tally.recall:.0%}",
        "–" if bounds is None else f"{100 * bounds[0]:.0f}–{100 * bounds[1]:.0f}",
        str(tally.false_alarms),
        f"{tally.false_alarms / hours:.3g}",
        *("–" if value is None else f"{value:.0f}" for value in map(tally.latency_ms, (0.5, 0.95))),
    ]


def legend(evaluation: Evaluation) -> str:
    """What was heard, and what the columns are."""
    choices = {each.rule.name: str(each.in_use) for each in evaluation.evidence}
    alike = len(set(choices.values())) == 1
    used = choices.popitem()[1] if alike else "; ".join(f"{name}: {choice}" for name, choice in choices.items())
    return (
        f"{_count(evaluation.recordings, 'recording')}, {evaluation.hours:.2g} h of channels. Options in use: {used}. 95 %: Wilson's interval"
        " of the recall. False alarms per hour of a channel. p50, p95: from a phrase's end in the audio to where it fired."
    )


def proposal_heading(false_per_hour: float) -> str:
    """The comment over what is proposed."""
    return f"# For cueline.toml, instead of the rules of these names there: the most that can be heard with {per_hour(false_per_hour)} at most, for each rule"


def proposal_text(evaluation: Evaluation, false_per_hour: float) -> str:
    """What to paste into cueline.toml; a TOML document with its reasons as comments."""
    proposals = [propose(each, false_per_hour) for each in evaluation.evidence]
    return "\n".join(as_toml(each, false_per_hour) for each in proposals)


def recording_row(heard: FileHeard, labels: int) -> dict[str, Any]:
    """JSON object about a recording that was heard."""
    length = {"duration_s": round(heard.duration_s, 3), "channels": len(heard.channels)}
    return {"event": "recording", "file": str(heard.path), **length, "labels": labels}


def failed_row(path: Path, message: str) -> dict[str, Any]:
    """JSON object about one that can't be read to its end."""
    return {"event": "failed", "file": str(path), "message": message}


def rows(evaluation: Evaluation, false_per_hour: float) -> Iterator[dict[str, Any]]:
    """JSON objects: one per phrase, one per tried choice of each rule and of all, the proposals, and one of all."""
    for each in evaluation.evidence:
        for phrase, tally in each.tallies(each.in_use).items():
            yield {"event": "phrase", "rule": each.rule.name, "phrase": phrase, **_figures(tally, each.hours)}
    for each in evaluation.evidence:
        for outcome in (*map(each.outcome, partials(each.rule)), *along_confidence([each], each.hours)):
            yield {"event": "choice", "rule": each.rule.name, **_outcome(outcome)}
    for curve in (along_patience, along_confidence):
        for outcome in curve(evaluation.evidence, evaluation.hours):
            yield {"event": "choice", "rule": None, **_outcome(outcome)}
    for each in evaluation.evidence:
        yield _proposal(propose(each, false_per_hour), false_per_hour)
    yield {
        "event": "all",
        "recordings": evaluation.recordings,
        "hours": round(evaluation.hours, 4),
        **_figures(all_in_use(evaluation.evidence), evaluation.hours),
        "note": short_of_evidence(evaluation.hours, false_per_hour),
    }


def _figures(tally: Tally, hours: float) -> dict[str, Any]:
    return {
        "said": tally.said,
        "heard": tally.heard,
        "missed": tally.missed,
        "recall": tally.recall,
        "recall_95": wilson(tally.heard, tally.said),
        "false_alarms": tally.false_alarms,
        "false_alarms_per_hour": tally.false_alarms / hours,
        "latency_p50_ms": tally.latency_ms(0.5),
        "latency_p95_ms": tally.latency_ms(0.95),
    }


def _choice(choice: Choice) -> dict[str, Any]:
    value = (
        {"stable_ms": choice.stable_ms} if choice.fire_on == "partial" else {"min_confidence": choice.min_confidence}
    )
    return {"fire_on": choice.fire_on, **value}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {**_choice(outcome.choice), **_figures(outcome.tally, outcome.hours)}


def _proposal(proposal: Proposal, false_per_hour: float) -> dict[str, Any]:
    verdict, toml = proposal.verdict, as_toml(proposal, false_per_hour)
    return {
        "event": "proposal",
        "rule": proposal.rule.name,
        "verdict": verdict,
        **_outcome(proposal.outcome),
        "toml": toml,
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
