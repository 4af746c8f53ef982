"""What a user of the command meets, and that the table in the README is the table."""

import pytest
import typer
from typer.testing import CliRunner

from tests.chaos.fleet import chosen_kinds, dealt, main
from tests.chaos.fleet_kinds import KINDS
from tests.support.engine import ROOT


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kinds", "node_kil"], "node_kill"),
        (["--without", "drains"], "node_drain"),
        (["--kinds", "node_kill", "--without", "node_kill"], "nothing is left"),
        (["--calls", "9", "--node-calls", "4"], "9 calls do not fit"),
        (["--lease", "1"], "lease"),
    ],
)
def test_wrong_input_is_answered_with_what_is_allowed(words, said):
    app = typer.Typer()
    app.command()(main)
    found = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert found.exit_code == 2
    assert said in " ".join(found.output.split())


def test_each_kind_comes_once_a_round_in_an_order_that_the_seed_draws():
    kinds = chosen_kinds(",".join(KINDS), "leader_kill")
    deck = dealt(7, kinds, 2)
    assert deck == dealt(7, kinds, 2)
    assert deck != dealt(8, kinds, 2)
    assert [each.number for each in deck] == list(range(2 * len(kinds)))
    for lap in (deck[: len(kinds)], deck[len(kinds) :]):
        assert sorted(each.kind for each in lap) == sorted(kinds)


def test_the_readme_has_a_row_for_each_kind():
    text = (ROOT / "tests/chaos/README.md").read_text()
    for kind in KINDS.values():
        assert f"| `{kind.name}` | {kind.says} |" in text
