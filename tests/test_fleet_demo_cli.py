"""What a user may type wrongly at `cueline fleet demo`, and how the exit code comes about. The play: tests/demo/test_fleet_stage.py."""

import asyncio
import os
import signal

import pytest
from typer.testing import CliRunner

from engine import fleet_demo_cli
from engine.cli import app
from engine.errors import DemoError
from tests.support.fleet_demo import booked, ended, webhook

WELL = ended(booked((20, 30_000, "a")), deliveries=(webhook(10_300),))


def invoke(*words: str):
    return CliRunner().invoke(app, ["fleet", "demo", *words])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--calls", "3"], "--calls"),
        (["--calls", "16"], "17 to 24"),
        (["--calls", "25"], "17 to 24"),
        (["--node-calls", "1"], "--node-calls"),
        (["--lease-s", "0"], "--lease-s"),
        (["--report", "/nowhere/report.json"], "/nowhere is no folder"),
    ],
)
def test_wrong_input_is_said_before_anything_starts(words, says):
    done = invoke(*words)
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())


def test_without_the_extra_it_is_said(monkeypatch):
    monkeypatch.setattr(fleet_demo_cli, "find_spec", lambda _name: None)
    done = invoke()
    assert (done.exit_code, "pip install 'cueline[fleet]'" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("outcome", "code"), [(WELL, 0), (ended(), 1), (signal.SIGINT, 130), (DemoError("no Redis"), 1)]
)
def test_the_exit_code_says_how_it_went(monkeypatch, tmp_path, outcome, code):
    async def play(_options, _environ, _show, _hurry):
        if isinstance(outcome, DemoError):
            raise outcome
        if isinstance(outcome, signal.Signals):
            os.kill(os.getpid(), outcome)
            await asyncio.Event().wait()
        return outcome

    monkeypatch.setattr(fleet_demo_cli, "play", play)
    report = tmp_path / "report.json"
    done = invoke("--report", str(report))
    assert done.exit_code == code, done.output
    assert report.is_file() == (code in (0, 1) and not isinstance(outcome, DemoError))
