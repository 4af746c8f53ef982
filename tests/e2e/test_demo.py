"""`cueline demo` for real: both processes, speech, webhooks; on recordings cut short."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.demo import MARK, cut_speech, marked
from tests.support.engine import shared_memory

ROOT = Path(__file__).parents[2]
SHORT = {"call-03": 6, "call-12": 6, "call-15": 4}  # "close my account", "stop recording", and nothing


@asynccontextmanager
async def started(mark: Path, *words: object, **environment: str):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "engine", "demo", "--json", *map(str, words)),
        cwd=ROOT,
        env=os.environ | {MARK: str(mark), "CUELINE_ADMIN_PORT": "no port", "TARGET_KEYWORD": "", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def played(mark: Path, *words: object, **environment: str) -> tuple[int, list[dict], str]:
    """Exit code, the lines of stdout, stderr; nothing is left."""
    async with asyncio.timeout(120), started(mark, *words, **environment) as process:
        out, err = await process.communicate()
    assert marked(str(mark)) == []
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


@pytest.fixture
def leaves_nothing(tmp_path, monkeypatch):
    """The demo's temporary folder is empty afterwards, and shared memory is as it was."""
    before, folder = shared_memory(), tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield
    assert list(folder.iterdir()) == []
    assert shared_memory() <= before


async def test_what_is_said_is_heard_and_nothing_else(tmp_path, leaves_nothing):
    report = tmp_path / "report.json"
    code, lines, err = await played(tmp_path, "--speech", cut_speech(tmp_path, SHORT), "--report", report)
    assert (code, err) == (0, "")
    summary = lines[-1]
    assert (summary["event"], summary["ok"], summary["problems"]) == ("summary", True, [])
    assert summary["phrases"] == {"said": 2, "heard": 2, "missed": 0, "false": 0}
    assert {(row["call"], row["phrase"], row["said_at_ms"]) for row in summary["heard"]} == {
        ("call-03", "close my account", 4407),
        ("call-12", "stop recording", 4247),
    }
    assert all(row["signature_ok"] and row["command"].startswith(row["conversation_id"]) for row in summary["heard"])
    assert summary["frames"] == {"heard": 800, "dropped": 0}  # 16 s of 20 ms
    assert (summary["calls"], summary["calls_at_once"], summary["audio_heard_s"]) == (3, 3, 16.0)
    assert summary["spot_latency_ms"]["p99"] < 5000
    told = [line["phrase"] for line in lines if line["event"] == "heard"]
    assert sorted(told) == [
        "close my account",
        "stop recording",
    ]  # 160 ms apart, on calls that begin when they are taken
    assert json.loads(report.read_text()) == {name: value for name, value in summary.items() if name != "event"}


async def test_by_audiohook_customer_and_agent_are_told_apart(tmp_path, leaves_nothing):
    code, lines, err = await played(tmp_path, "--speech", cut_speech(tmp_path, SHORT), "--source", "audiohook")
    assert (code, err) == (0, "")
    summary = lines[-1]
    assert (summary["ok"], summary["problems"], summary["calls"]) == (True, [], 2)
    assert summary["phrases"] == {"said": 2, "heard": 2, "missed": 0, "false": 0}
    assert {(row["call"], row["channel"], row["phrase"]) for row in summary["heard"]} == {
        ("call-03+call-12", "external", "close my account"),  # the first recording is the customer's
        ("call-03+call-12", "internal", "stop recording"),
    }
    assert all(f"/{row['channel']}/" in row["command"] and row["signature_ok"] for row in summary["heard"])
    assert summary["frames"] == {"heard": 1000, "dropped": 0}  # two channels of 6 s and of 4 s
    assert (summary["audio_played_s"], summary["audio_heard_s"]) == (20.0, 20.0)
    sessions = summary["sessions"]
    assert (sessions["opened"], sessions["lost"], sessions["given_up"], sessions["unsolicited"]) == (2, 0, 0, {})
    assert sessions["ping_ms"]["count"] >= 4, "two soon after the beginning of each"


async def test_what_was_missed_and_what_was_false_are_told(tmp_path):
    claimed = {"call-15": [{"phrase": "transfer me", "start_ms": 1000, "end_ms": 2000}]}
    speech = cut_speech(tmp_path, SHORT, claimed)
    manifest = json.loads((speech / "manifest.json").read_text())
    next(call for call in manifest["calls"] if call["file"] == "call-12.wav")["said"].clear()
    (speech / "manifest.json").write_text(json.dumps(manifest))
    code, lines, _ = await played(tmp_path, "--speech", speech)
    summary = lines[-1]
    assert (code, summary["ok"], len(summary["problems"])) == (1, False, 2)
    assert [(row["call"], row["phrase"]) for row in summary["heard"]] == [("call-03", "close my account")]
    assert [(row["call"], row["phrase"]) for row in summary["missed"]] == [("call-15", "transfer me")]
    assert [(row["call"], row["phrase"]) for row in summary["false"]] == [("call-12", "stop recording")]


async def test_it_ends_in_time_and_what_was_said_last_is_not_asked_for(tmp_path):
    speech = cut_speech(tmp_path, {"call-03": 20})
    code, lines, _ = await played(tmp_path, "--speech", speech, "--seconds-max", 8, "--calls", 2)
    summary = lines[-1]
    assert (code, summary["calls"], summary["phrases"]["said"]) == (0, 2, 2)
    assert 8 <= summary["seconds"] < 11
    assert {row["call"] for row in summary["heard"]} == {"call-03", "call-03 #2"}


async def test_an_engine_that_does_not_start_says_why(tmp_path):
    code, lines, err = await played(tmp_path, VOSK_MODEL_PATH="/nowhere")
    assert code == 1
    assert [line["event"] for line in lines] == ["step"]
    assert "The engine ended with exit code 2" in err
    assert "VOSK_MODEL_PATH" in err
    assert "Traceback" not in err


async def test_an_engine_that_dies_in_the_middle_ends_the_demo(tmp_path, leaves_nothing):
    async with asyncio.timeout(120), started(tmp_path) as process:
        while b"listening for" not in await process.stdout.readline():
            pass
        [engine] = [pid for pid, line in marked(str(tmp_path)) if line[-2:] == ["engine", "run"]]
        os.kill(engine, signal.SIGKILL)
        _, err = await process.communicate()
    assert (process.returncode, marked(str(tmp_path))) == (1, [])
    assert "The engine ended with exit code -9" in err.decode()


@pytest.mark.parametrize(
    ("word", "number"),
    [
        (b"simulator:", signal.SIGINT),  # the engine is starting
        (b"listening for", signal.SIGTERM),  # no call has begun
        (b"heard", signal.SIGINT),  # in the middle
    ],
)
async def test_a_signal_at_any_moment_leaves_nothing(tmp_path, leaves_nothing, word, number):
    async with asyncio.timeout(120), started(tmp_path) as process:
        while word not in await process.stdout.readline():
            assert process.returncode is None
        process.send_signal(number)
        _, err = await process.communicate()
    assert (process.returncode, marked(str(tmp_path))) == (128 + number, [])
    assert err.decode() == "cueline demo: interrupted; everything that was started has ended\n"
