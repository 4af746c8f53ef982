"""`cueline evaluate` as a process: what is printed, what is drawn, and the exit code."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.config import load_listening
from engine.simulator.options import SPEECH_DIR
from tests.support.listening import CALLS, WITH_PHRASES, WITHOUT_PHRASES, call, said, samples

ROOT = Path(__file__).parents[1]
START = "import typer; from engine.evaluate_cli import evaluate; typer.run(evaluate)"
FIRST, SECOND, QUIET = WITH_PHRASES[0], WITH_PHRASES[1], WITHOUT_PHRASES[0]
HEAD = "file,phrase,start_ms,end_ms\n"


@contextmanager
def started(*words: object, **environ: str):
    names = ("TARGET_KEYWORD", "VOSK_MODEL_PATH")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    process = subprocess.Popen(
        [sys.executable, "-c", START, *map(str, words)],
        cwd=ROOT,
        env=clean | {"COLUMNS": "100"} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def evaluate(*words: object, **environ: str) -> tuple[int, str, str]:
    with started(*words, **environ) as process:
        out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def label_lines(name: str) -> str:
    return "".join(f"{name},{each['phrase']},{each['start_ms']},{each['end_ms']}\n" for each in CALLS[name]["said"])


@pytest.fixture
def folder(tmp_path) -> Path:
    """A call with phrases, labelled, and one without, which is not named."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for name in (FIRST, QUIET):
        (folder / name).symlink_to(call(name))
    (folder / "labels.csv").write_text(HEAD + label_lines(FIRST))
    return folder


@pytest.fixture
def brief(tmp_path) -> Path:
    """The first eight seconds of a call, and the phrase that is said in them."""
    folder = tmp_path / "brief"
    folder.mkdir()
    soundfile.write(folder / FIRST, samples(FIRST)[: 8 * 8000], 8000)
    (folder / "labels.csv").write_text(HEAD + label_lines(FIRST).splitlines()[0])
    return folder


def rows(out: str, event: str) -> list[dict]:
    return [row for row in map(json.loads, out.splitlines()) if row["event"] == event]


def test_a_table_the_proposal_and_a_picture(folder, tmp_path):
    code, out, err = evaluate(folder, "--plot", tmp_path / "new" / "det.png")
    assert code == 0
    assert err == f"cueline: {QUIET}: not named in labels.csv, so heard as talk in which no phrase is said\n"
    table = {line.split("  ")[0].strip(): line.split() for line in out.splitlines() if "%" in line}
    for phrase in said(FIRST):
        assert table[phrase][len(phrase.split()) :][:5] == ["1", "1", "0", "100%", "21–100"]  # 1 / (1 + 3.84) = 0.207
    assert table["all"][1:5] == ["3", "3", "0", "100%"]
    hours = (CALLS[FIRST]["duration_ms"] + CALLS[QUIET]["duration_ms"]) / 3_600_000
    assert f"2 recordings, {hours:.2g} h of channels. Options in use: partial, stable_ms 100." in " ".join(out.split())
    assert f"{hours:.2g} h of audio cannot show 1 false alarm per hour" in " ".join(out.split())
    assert out.splitlines()[-1] == f"picture: {tmp_path}/new/det.png"
    assert (tmp_path / "new" / "det.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "rules.toml").write_text(out[out.index("# For cueline.toml") : out.index("picture: ")])
    assert [rule.phrases[0] for rule in load_listening(tmp_path / "rules.toml", {}).rules] == said(FIRST)


def test_json_lines(folder, tmp_path):
    code, out, _ = evaluate(folder, "--json", "--false-alarms-per-hour", "2.5", "--plot", tmp_path / "d.png")
    assert code == 0
    assert {row["event"] for row in map(json.loads, out.splitlines())} == {
        *("recording", "phrase", "choice", "proposal", "all", "picture")
    }
    assert [(Path(row["file"]).name, row["labels"]) for row in rows(out, "recording")] == [(FIRST, 3), (QUIET, 0)]
    for row in rows(out, "phrase"):
        assert (row["said"], row["heard"], row["missed"], row["recall"], row["false_alarms"]) == (1, 1, 0, 1.0, 0)
        assert row["recall_95"] == [pytest.approx(0.2065, abs=1e-4), 1.0]
        assert -600 < row["latency_p50_ms"] == row["latency_p95_ms"] < 1200
    choices = [row for row in rows(out, "choice") if row["rule"] is None]
    assert [row["stable_ms"] for row in choices if row["fire_on"] == "partial"] == [0, 100, 200, 300, 400, 600]
    assert len([row for row in choices if row["fire_on"] == "final"]) == 101
    assert [row["verdict"] for row in rows(out, "proposal")] == ["met"] * 3
    (whole,) = rows(out, "all")
    assert (whole["recordings"], whole["said"], whole["heard"], whole["false_alarms"]) == (2, 3, 3, 0)
    assert "cannot show 2.5 false alarms per hour" in whole["note"]


def test_phrases_come_from_the_command_line_else_the_file_else_the_labels(brief, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(
        '[[rules]]\nname = "mine"\nphrases = ["cancel my order"]\nfire_on = "final"\nmin_confidence = 0.5\n'
    )
    bare = tmp_path / "bare.toml"
    bare.write_text("[speech]\nhangover_ms = 500\n")

    def phrases(*words: object) -> tuple[list[str], str]:
        code, out, err = evaluate(brief, "--json", *words, TARGET_KEYWORD="technical support")
        assert code == 0
        return [row["phrase"] for row in rows(out, "phrase")], err

    assert phrases("--config", bare)[0] == said(FIRST)[:1]
    found, notes = phrases("--config", config)
    assert found == ["cancel my order"]
    assert "cueline: no rule listens for 'transfer me', so it is not counted (labels.csv line 2)\n" in notes
    assert phrases("-c", config, "--phrase", "transfer me", "--phrase", "close my account")[0] == [
        *("transfer me", "close my account")
    ]


def test_a_recording_that_breaks_off_costs_only_itself(brief):
    (brief / "text.wav").write_text("hello")
    code, out, err = evaluate(brief, "--json")
    assert code == 1
    assert [Path(row["file"]).name for row in rows(out, "failed")] == ["text.wav"]
    assert "not a recording" in err
    assert rows(out, "all")[0]["recordings"] == 1


def test_nothing_could_be_heard(tmp_path):
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "labels.csv").write_text(HEAD)
    code, out, err = evaluate(tmp_path, "--phrase", "transfer me")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "cueline: no recording was heard to its end, so there is nothing to show"


def test_all_faults_of_labels_and_wishes_are_told_at_once(folder):
    (folder / "labels.csv").write_text(f"{HEAD}{FIRST},stop,5,4\ngone.wav,stop,4,5\n")
    code, out, err = evaluate(folder, "--model", "/nowhere", "--config", "/none.toml")
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert lines[0] == "cueline: labels.csv line 2: end_ms 4 is not after start_ms 5"
    assert lines[1].startswith(f"cueline: labels.csv line 3: {folder}/gone.wav: can't be read")
    assert lines[2].startswith("cueline: /none.toml: no such file")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["/nowhere"], "/nowhere: can't be read (No such file or directory); give a folder of recordings"),
        ([SPEECH_DIR, "--phrase", "transfer zzyzx"], "'zzyzx'"),
        ([SPEECH_DIR, "--model", "/nowhere"], "/nowhere: not a folder"),
        ([SPEECH_DIR, "--false-alarms-per-hour", "-1"], "--false-alarms-per-hour = -1.0: must be a number from 0 up"),
        ([SPEECH_DIR, "--false-alarms-per-hour", "nan"], "must be a number from 0 up"),
        ([SPEECH_DIR, "--plot", "det.pdf"], "--plot = det.pdf: one picture is drawn; give a name that ends in .png"),
        ([SPEECH_DIR, "--plot", "/proc/none/d.png"], "--plot = /proc/none: no folder can be made there"),
    ],
)
def test_wrong_wishes_stop_it_before_anything_is_heard(words, says):
    code, out, err = evaluate(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_model_named_by_the_environment_is_used(folder):
    code, _, err = evaluate(folder, VOSK_MODEL_PATH="/nowhere")
    assert code == 2
    assert "/nowhere: not a folder" in err


def test_no_phrase_anywhere(tmp_path):
    (tmp_path / QUIET).symlink_to(call(QUIET))
    (tmp_path / "labels.csv").write_text(f"{HEAD}{QUIET},,,\n")
    code, _, err = evaluate(tmp_path)
    assert (code, err) == (
        2,
        f"cueline: {tmp_path}: the labels name no phrase; give --phrase, or --config with rules\n",
    )


def test_a_picture_that_can_not_be_written_is_said(brief, tmp_path):
    (tmp_path / "d.png").symlink_to("/proc/none/d.png")
    code, out, err = evaluate(brief, "--json", "--plot", tmp_path / "d.png")
    assert code == 1
    assert f"{tmp_path}/d.png: the picture can't be written" in err
    assert len(rows(out, "all")) == 1


def test_ctrl_c_shows_what_there_is_so_far(tmp_path):
    (tmp_path / FIRST).symlink_to(call(FIRST))
    soundfile.write(tmp_path / "long.wav", np.tile(samples(SECOND), 200), 8000)
    (tmp_path / "labels.csv").write_text(f"{HEAD}{label_lines(FIRST)}long.wav,,,\n")
    with started(tmp_path, "--json") as process:
        assert json.loads(process.stdout.readline())["event"] == "recording"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "cueline: stopped; 1 of 2 recordings were heard to their end\n")
    assert rows(out, "all")[0]["heard"] == 3
    assert rows(out, "all")[0]["recordings"] == 1


def test_the_command_can_be_registered_without_loading_what_the_supervisor_must_not():
    code = "import sys, engine.evaluate_cli; print([n for n in ('vosk', 'webrtcvad', 'soundfile', 'soxr', 'matplotlib') if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
