"""`cueline listen` as a process: what is printed, what is drawn, and the exit code."""

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

from tests.support.listening import CALLS, MANIFEST, WITH_PHRASES, WITHOUT_PHRASES, call, said, samples

ROOT = Path(__file__).parents[1]
START = "import typer; from engine.listen_cli import listen; typer.run(listen)"
FIRST, SECOND, QUIET = WITH_PHRASES[0], WITH_PHRASES[1], WITHOUT_PHRASES[0]
ALL_PHRASES = [word for phrase in MANIFEST["phrases"] for word in ("--phrase", phrase)]


@contextmanager
def started(*words: object, **environ: str):
    names = ("TARGET_KEYWORD", "VOSK_MODEL_PATH", "GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    process = subprocess.Popen(
        [sys.executable, "-c", START, *map(str, words)],
        cwd=ROOT,
        env=clean | {"COLUMNS": "200"} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def listen(*words: object, **environ: str) -> tuple[int, str, str]:
    with started(*words, **environ) as process:
        out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


@pytest.fixture
def brief(tmp_path) -> Path:
    """The first eight seconds of a call: some talk, and a phrase."""
    soundfile.write(tmp_path / "brief.wav", samples(FIRST)[: 8 * 8000], 8000)
    return tmp_path / "brief.wav"


def rows(out: str, event: str) -> list[dict]:
    return [row for row in map(json.loads, out.splitlines()) if row["event"] == event]


def test_a_table_of_what_was_heard_when_and_a_line_per_recording():
    code, out, err = listen(call(FIRST), call(QUIET), *ALL_PHRASES)
    assert (code, err) == (0, "")
    table = [line.split() for line in out.splitlines() if line.startswith(FIRST)]
    assert [" ".join(cells[2 : 2 + len(phrase.split())]) for cells, phrase in zip(table, said(FIRST), strict=True)] == (
        said(FIRST)
    )
    assert all(cells[1] == "external" and cells[-1] == "partial" for cells in table)
    summaries = [line for line in out.splitlines() if "real time" in line]
    assert [line.split(": ")[0] for line in summaries] == [str(call(FIRST)), str(call(QUIET))]
    assert f"{len(said(FIRST))} phrases" in summaries[0]
    assert "0 phrases" in summaries[1]
    seconds = CALLS[FIRST]["duration_ms"] / 1000
    assert f" 00:{seconds:.1f}," in summaries[0]


def test_json_lines_with_exactly_what_others_read():
    code, out, err = listen(call(FIRST), "--json", "--fire-on", "final", *ALL_PHRASES)
    assert (code, err) == (0, "")
    spotted = rows(out, "phrase")
    assert [row["phrase"] for row in spotted] == said(FIRST)
    assert set(spotted[0]) == {
        *("event", "file", "channel", "rule", "phrase", "confidence", "fired_on"),
        *("utterance_start_ms", "phrase_end_ms", "audio_position_ms"),
    }
    assert {row["fired_on"] for row in spotted} == {"final"}
    assert all(0 < row["confidence"] <= 1 for row in spotted)
    (summary,) = rows(out, "file")
    assert summary["file"] == str(call(FIRST))
    assert summary["duration_s"] == pytest.approx(CALLS[FIRST]["duration_ms"] / 1000, abs=0.0015)
    assert summary["channels"]["external"]["phrases"] == len(said(FIRST))
    assert summary["times_real_time"] > 1
    assert len(out.splitlines()) == len(spotted) + 1


def test_words_are_shown_only_when_asked_for(brief):
    words = {word for word in CALLS[FIRST]["talk"][0]["sentence"].split() if len(word) > 3}
    free = (brief, "--decoding", "free", "--phrase", "transfer me")
    _, silent, _ = listen(*free)
    assert not words & set(silent.split())
    _, shown, _ = listen(*free, "--transcript")
    assert words & set(shown.split())
    _, lines, _ = listen(*free, "--transcript", "--json")
    assert words & set(" ".join(row["text"] for row in rows(lines, "utterance")).split())
    assert not words & set(" ".join(row["phrase"] for row in rows(lines, "phrase")).split())


def test_phrases_come_from_the_command_line_else_the_environment_else_the_file_else_the_default(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text('[[rules]]\nname = "from-file"\nphrases = ["cancel my order"]\nfire_on = "final"\n')

    def heard(*words: object, **environ: str) -> set[tuple[str, str]]:
        code, out, err = listen(call(FIRST), "--json", *words, **environ)
        assert (code, err) == (0, "")
        return {(row["rule"], row["phrase"]) for row in rows(out, "phrase")}

    keyword = {"TARGET_KEYWORD": "stop recording"}
    assert heard() == {("transfer-me", "transfer me")}
    assert heard("--config", config) == {("from-file", "cancel my order")}
    assert heard("--config", config, **keyword) == {("stop-recording", "stop recording")}
    assert heard("-c", config, "--phrase", "Transfer me", **keyword) == {("transfer-me", "Transfer me")}


def test_nothing_heard_says_what_was_listened_for():
    code, out, _ = listen(call(QUIET), "--phrase", "close my account", "--phrase", "transfer me")
    assert code == 0
    assert "No phrase was heard; listened for: close my account, transfer me" in out


def test_an_unreadable_recording_costs_only_itself(tmp_path):
    (tmp_path / "text.wav").write_text("hello")
    code, out, err = listen(tmp_path / "text.wav", tmp_path / "none.wav", call(FIRST), "--json", *ALL_PHRASES)
    assert code == 1
    assert [row["phrase"] for row in rows(out, "phrase")] == said(FIRST)
    assert [row["file"] for row in rows(out, "failed")] == [str(tmp_path / "text.wav"), str(tmp_path / "none.wav")]
    assert len(err.splitlines()) == 2
    assert "not a recording" in err
    assert "No such file" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--phrase", "transfer zzyzx", "--phrase", "call qwrtz"], ["'zzyzx'", "'qwrtz'"]),
        (["--phrase", ""], ['--phrase = "": must have at least 1 character']),
        (["--phrase", "!!!"], ["no word"]),
        (["--model", "/nowhere"], ["/nowhere: not a folder"]),
        (["--config", "/nowhere.toml"], ["/nowhere.toml: no such file"]),
        (["--plot", "/proc/none/a.png"], ["--plot = /proc/none: no folder can be made there"]),
        (["--fire-on", "never"], ["'never'"]),
        (["--decoding", "loosely"], ["'loosely'"]),
    ],
)
def test_wrong_wishes_stop_it_before_anything_is_heard(words, says):
    code, out, err = listen(call(FIRST), *words)
    assert (code, out) == (2, "")
    assert all(each in err for each in says)


def test_no_recording_at_all():
    code, _, err = listen("--phrase", "transfer me")
    assert code == 2
    assert "files" in err


def test_pictures(tmp_path, brief):
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "brief.flac"
    soundfile.write(twin, samples(SECOND)[:8000], 8000)
    code, out, _ = listen(brief, "--plot", tmp_path / "new" / "a.png")
    assert (code, out.splitlines()[-1]) == (0, f"picture: {tmp_path}/new/a.png")
    code, out, _ = listen(brief, twin, brief, "--plot", tmp_path / "all", "--json")
    assert code == 0
    assert [row["file"] for row in rows(out, "picture")] == [
        f"{tmp_path}/all/{name}.png" for name in ("brief", "brief-2", "brief-3")
    ]
    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.png")}
    assert set(found) == {"new/a.png", "all/brief.png", "all/brief-2.png", "all/brief-3.png"}
    assert all(data.startswith(b"\x89PNG") for data in found.values())
    assert found["all/brief.png"] == found["new/a.png"] == found["all/brief-3.png"] != found["all/brief-2.png"]


def test_one_picture_for_two_recordings_is_refused(tmp_path):
    code, _, err = listen(call(FIRST), call(SECOND), "--plot", tmp_path / "a.png")
    assert code == 2
    assert "one picture can't show 2 recordings" in err


def test_a_picture_that_can_not_be_written_is_said_and_the_rest_goes_on(tmp_path, brief):
    (tmp_path / "brief.png").mkdir()
    code, out, err = listen(brief, brief, "--plot", tmp_path, "--json")
    assert code == 1
    assert f"{tmp_path}/brief.png: the picture can't be written" in err
    assert [row["phrase"] for row in rows(out, "phrase")] == ["transfer me"] * 2
    assert (tmp_path / "brief-2.png").is_file()


def test_ctrl_c_leaves_what_was_heard_so_far(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.tile(samples(SECOND), 200), 8000)
    with started(call(FIRST), tmp_path / "long.wav", "--json", *ALL_PHRASES) as process:
        while '"event":"file"' not in (line := process.stdout.readline()):
            assert line, "ended early"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")


def test_the_command_can_be_registered_without_loading_what_the_supervisor_must_not():
    code = "import sys, engine.listen_cli; print([n for n in ('vosk', 'webrtcvad', 'soundfile', 'soxr', 'matplotlib') if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
