"""What a user may type wrongly, and how the exit code comes about. The demo itself: tests/e2e/test_demo.py."""

import pytest
import typer
from typer.testing import CliRunner

from engine.demo_cli import demo
from engine.simulator.options import SPEECH_DIR

app = typer.Typer()
app.command()(demo)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--calls", "0"], "--calls"),
        (["--calls", "201"], "--calls"),
        (["--seconds-max", "1"], "--seconds-max"),
        (["--source", "telephone"], "--source"),
        (["--speech", "/nowhere"], "--speech"),
        (["--speech", str(SPEECH_DIR.parent)], "holds no manifest.json"),
        (["--report", "/nowhere/report.json"], "/nowhere is no folder"),
    ],
)
def test_wrong_input_is_said_before_anything_starts(words, says):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())  # it is wrapped into a box
