"""The receiving bench runs, and its rows are what they say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.paced_peer import frames_of
from bench.receiving import BEFORE, SHIPPED, Figures, arguments, rows_of

ROOT = Path(__file__).parents[2]


def receiving(*asked: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "bench/receiving.py", *asked],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_it_runs_and_prints_a_row_for_each_way() -> None:
    run = receiving("--sockets", "3", "--seconds", "0.3", "--rounds", "1", "--json")
    assert run.returncode == 0, run.stderr
    rows = json.loads(run.stdout)
    shown = [(row["way"], row["behind it"]) for row in rows if row["way"] != "picows"]
    ways = [BEFORE, "websockets, sans-I/O", "cueline"]
    assert shown == [*[(way, "bare") for way in ways], *[(way, "whole") for way in [*ways, SHIPPED]]]
    for row in rows:
        assert row["messages"] > 0
        assert row["lost"] == 0
        assert row["least µs"] > 0


@pytest.mark.parametrize("asked", [("--sockets", "0"), ("--seconds", "-1"), ("--rounds", "0"), ("--only", "nothing")])
def test_bad_arguments(
    asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["receiving.py", *asked])
    with pytest.raises(SystemExit) as caught:
        arguments()
    assert caught.value.code == 2
    assert asked[0] in capsys.readouterr().err


def test_ratios_are_taken_within_a_round() -> None:
    taken = {
        (BEFORE, True): [Figures(10e-6, 1, 0), Figures(40e-6, 1, 0), Figures(20e-6, 1, 0)],
        (SHIPPED, True): [Figures(5e-6, 1, 0), Figures(24e-6, 1, 2), Figures(14e-6, 1, 0)],
    }
    row = rows_of(taken)[1]
    assert (row["ratio"], row["lost"], row["messages"]) == ("0.60", 2, 3)
    assert row["least µs"] == pytest.approx(5)
    assert row["median µs"] == pytest.approx(14)


def test_messages_are_those_of_the_platform() -> None:
    frame, again = frames_of(bytes(650))
    assert again == frame
    assert frame[:2] == b"\x81\x7e"  # text, final, unmasked, a length of two bytes
    assert frame[4:] == b'{"type":"audio","audio":"' + b"A" * 427 + b'="}'
    assert int.from_bytes(frame[2:4]) == 25 + 428 + 2
