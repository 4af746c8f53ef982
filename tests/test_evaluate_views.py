"""The table and the rows, of evidence made by hand."""

from io import StringIO

from rich.console import Console

from engine.evaluate_views import legend, proposal_heading, proposal_text, rows, table
from engine.evaluated import Evaluation
from tests.support.evaluated import evidence, rule


def shown(evaluation: Evaluation) -> list[list[str]]:
    """The table's cells, from below its head."""
    out = StringIO()
    Console(file=out, width=120).print(table(evaluation))
    lines = [line for line in out.getvalue().splitlines() if line.strip()]
    return [[cell for cell in line.split("  ") if cell.strip()] for line in lines[3:]]


def cells(evaluation: Evaluation) -> list[list[str]]:
    return [[cell.strip() for cell in row] for row in shown(evaluation)]


def test_one_line_per_phrase_and_one_for_all():
    first = evidence(5000, 9000, partial={200: [5000, 60_000]}, hours=2.0)
    second = evidence(partial={}, of=rule("stop [b]"), phrase="stop [b]", hours=2.0)
    assert cells(Evaluation((first, second), 3, 2.0)) == [
        ["transfer me", "2", "1", "1", "50%", "9–91", "1", "0.5", "300", "300"],
        ["stop [b]", "0", "0", "0", "–", "–", "0", "0", "–", "–"],
        ["all", "2", "1", "1", "50%", "9–91", "1", "0.5", "300", "300"],
    ]
    assert legend(Evaluation((first, second), 3, 2.0)).startswith(
        "3 recordings, 2 h of channels. Options in use: partial, stable_ms 200. 95 %: Wilson's interval"
    )


def test_one_phrase_alone_needs_no_line_for_all():
    assert [row[0] for row in cells(Evaluation((evidence(5000),), 1, 1.0))] == ["transfer me"]


def test_different_options_are_told_by_rule():
    sure = evidence(5000, of=rule("stop", fire_on="final", min_confidence=0.7), phrase="stop")
    assert legend(Evaluation((evidence(5000), sure), 1, 1.0)).startswith(
        "1 recording, 1 h of channels. Options in use: transfer-me: partial, stable_ms 200; stop: final, min_confidence 0.7. 95 %:"
    )


def test_rows_hold_every_choice_and_the_proposals():
    found = [*rows(Evaluation((evidence(5000, partial={200: [5000]}),), 1, 10.0), 1.0)]
    events = [row["event"] for row in found]
    assert {event: events.count(event) for event in dict.fromkeys(events)} == {
        "phrase": 1,
        "choice": 2 * (6 + 101),
        "proposal": 1,
        "all": 1,
    }
    (proposal,) = [row for row in found if row["event"] == "proposal"]
    assert (proposal["verdict"], proposal["fire_on"], proposal["stable_ms"]) == ("met", "partial", 200)
    assert proposal["toml"] in proposal_text(Evaluation((evidence(5000, partial={200: [5000]}),), 1, 10.0), 1.0)
    assert found[-1]["note"] is None
    assert proposal_heading(0.5).endswith("with 0.5 false alarms per hour at most, for each rule")
