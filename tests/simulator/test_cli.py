import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer

from engine.simulator.options import SPEECH_DIR, conversation_id
from tests.support.simulated import noise_wav
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
START = "import typer; from engine.simulator.cli import simulate; typer.run(simulate)"


def command(*words: object) -> list[str]:
    return [sys.executable, "-c", START, *map(str, words)]


@contextmanager
def started(*words: object):
    """The simulator as a process of its own; killed at the latest when the block is left."""
    process = subprocess.Popen(
        command(*words),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def failed(*words: object) -> str:
    done = subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def wav(tmp_path):
    noise_wav(tmp_path / "a.wav", 200)
    return tmp_path / "a.wav"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly(wav, number):
    with started("--port", 0, "--wav", wav, "--calls", 2, "--json") as process:
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready"
        assert ready["environment"]["GENESYS_CONVERSATION_ID"] == f"{conversation_id(0)},{conversation_id(1)}"
        assert [call["file"] for call in ready["calls"]] == ["a.wav", "a.wav"]
        port = int(ready["url"].rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


async def test_the_env_file_can_be_sourced_once_it_is_there(wav, tmp_path):
    env_file = tmp_path / "simulator.env"
    env_file.write_text("export GENESYS_LOGIN_URL=old\n")
    with started("--port", 0, "--wav", wav, "--env-file", env_file) as process:
        await until(lambda: env_file.exists() and "old" not in env_file.read_text(), 30)
        shell = await asyncio.create_subprocess_exec(
            "sh", "-c", f". {shlex.quote(str(env_file))}; env", stdout=subprocess.PIPE, cwd=tmp_path
        )
        out, _ = await shell.communicate()
        names = dict(line.split("=", 1) for line in out.decode().splitlines() if line.startswith("GENESYS_"))
        assert names["GENESYS_CONVERSATION_ID"] == conversation_id(0)
        assert names["GENESYS_REALTIME_URL"].startswith("ws://127.0.0.1:")
        process.terminate()
        printed, _ = process.communicate(timeout=20)
    assert [line for line in printed.splitlines() if line.startswith("export ")] == env_file.read_text().splitlines()


def test_the_speech_that_comes_along_is_played_by_default():
    with started("--port", 0) as process:
        text = ""
        while "Ctrl-C" not in text:
            text += process.stdout.readline() or pytest.fail("ended early")
    manifest = json.loads((SPEECH_DIR / "manifest.json").read_text())
    assert all(call["file"] in text for call in manifest["calls"])
    assert all(said["phrase"] in text for call in manifest["calls"] for said in call["said"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--fault", "nothing"], "no such fault"),
        (["--fault", "api_500@"], "NAME[+AFTER_MS]"),
        (["--fragment", "0"], "fragment"),
        (["--fragment", "many"], "fragment"),
        (["--speed", "0"], "speed: must be greater than 0"),
        (["--port", "70000"], "port"),
        (["--speech", "/nowhere"], "manifest.json: can't be read"),
        (["--wav", "/nowhere/a.wav"], "can't be read as WAV"),
        (["--env-file", "/nowhere/env", "--port", "0"], "/nowhere/env"),
    ],
)
def test_wrong_options_are_said_in_one_line(words, says):
    assert says in failed(*words)


def test_a_taken_port_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "can't listen there" in failed("--port", taken.getsockname()[1])


def test_it_can_be_a_command_of_a_larger_app():
    app = typer.Typer()
    from engine.simulator.cli import simulate

    app.command()(simulate)
    assert "simulate" in {each.name or each.callback.__name__ for each in app.registered_commands}
