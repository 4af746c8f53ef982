"""What a user may type wrongly. The play itself: tests/e2e/test_watch.py."""

import socket

import pytest
import typer
from typer.testing import CliRunner

from engine.watch_cli import watch

app = typer.Typer()
app.command()(watch)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--calls", "0"], "--calls"),
        (["--calls", "201"], "--calls"),
        (["--for-s", "0"], "--for-s"),
        (["--source", "telephone"], "--source"),
        (["--port", "70000"], "--port"),
    ],
)
def test_wrong_input_is_said_before_anything_starts(words, says):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())


def test_a_port_that_is_taken_is_said_before_anything_starts():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(app, ["--port", str(port)])
    assert done.exit_code == 2
    assert f"--port = {port}: can't listen there" in done.output
    assert "simulator" not in done.output
