"""What a user of the soak meets before it starts: the load that is chosen, and wrong input."""

import json

import pytest
import typer
from typer.testing import CliRunner

from bench.load.soak import soak, wanted_calls
from engine.demo.scene import Machine

app = typer.Typer()
app.command()(soak)


def capacity(tmp_path, processors, held):
    path = tmp_path / "capacity.json"
    path.write_text(json.dumps({"machine": {"processors": processors}, "calls_held": held}))
    return path


def test_the_load_is_seven_tenths_of_what_this_machine_holds(tmp_path):
    assert wanted_calls(capacity(tmp_path, 2, 139), Machine(2, "x")) == 97
    assert wanted_calls(capacity(tmp_path, 2, 1), Machine(2, "x")) == 1


@pytest.mark.parametrize(("processors", "held"), [(4, 139), (2, 0)])
def test_another_machines_capacity_is_refused(tmp_path, processors, held):
    with pytest.raises(typer.BadParameter, match="bench-capacity"):
        wanted_calls(capacity(tmp_path, processors, held), Machine(2, "x"))


def test_wrong_input_ends_with_code_2(tmp_path):
    for words in (
        ["--capacity", str(tmp_path / "none.json")],
        ["--minutes", "0"],
        ["--report", "/nowhere/x", "--calls", "1"],
    ):
        found = CliRunner().invoke(app, words)
        assert found.exit_code == 2, found.output
