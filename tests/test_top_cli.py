"""What may be typed wrongly, where the engine is looked for, and what goes to a pipe. On a terminal: tests/top/test_live_views.py."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from engine.config import load_admin
from engine.errors import ConfigError
from engine.top_cli import top, url_of
from tests.support.live import Feed, serving, tick
from tests.support.waiting import until

ROOT = Path(__file__).parents[1]
TOKEN = "the-right-token-it-is"
app = typer.Typer()
app.command()(top)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"CUELINE_ADMIN_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"CUELINE_ADMIN_HOST": "::1"}, "http://[::1]:8080"),
        ({"CUELINE_ADMIN_HOST": "0.0.0.0", "CUELINE_ADMIN_TOKEN": TOKEN}, "http://127.0.0.1:8080"),
        ({"CUELINE_ADMIN_HOST": "::", "CUELINE_ADMIN_TOKEN": TOKEN}, "http://[::1]:8080"),
        (
            {
                "CUELINE_ADMIN_HOST": "engine.example",
                "CUELINE_ADMIN_TOKEN": TOKEN,
                "CUELINE_ADMIN_TLS_CERT": "/cert.pem",
                "CUELINE_ADMIN_TLS_KEY": "/key.pem",
            },
            "https://engine.example:8080",
        ),
        ({"GENESYS_REGION": "nowhere", "CUELINE_WEBHOOK_SECRET_FILE": "/not/mine"}, "http://127.0.0.1:8080"),
    ],
)
def test_the_engine_is_looked_for_where_it_would_listen(environment, url):
    assert url_of(load_admin(None, environment)) == url


def test_the_file_says_so_too(tmp_path):
    (tmp_path / "it.toml").write_text('[admin]\nport = 9001\n[genesys]\nregion = "nowhere"\n')
    assert url_of(load_admin(tmp_path / "it.toml", {})) == "http://127.0.0.1:9001"


def test_a_port_that_was_picked_can_not_be_known():
    with pytest.raises(ConfigError, match=r"CUELINE_ADMIN_PORT = 0: .* give its address with --url"):
        url_of(load_admin(None, {"CUELINE_ADMIN_PORT": "0"}))


@pytest.mark.parametrize(
    ("words", "environment", "says"),
    [
        (["--url", "localhost:8080"], {}, "--url = localhost:8080: write http://HOST:PORT"),
        (["--url", "http://"], {}, "write http://HOST:PORT"),
        (["--url", "http://[::1"], {}, "write http://HOST:PORT"),
        (["--url", "http://user:word@host"], {}, "write http://HOST:PORT"),
        (["--url", "http://host:0"], {}, "write http://HOST:PORT"),
        (["--config", "/nowhere.toml"], {}, "/nowhere.toml"),
        (["--ca", "/nowhere.pem"], {}, "--ca"),
        ([], {"CUELINE_ADMIN_PORT": "many"}, 'CUELINE_ADMIN_PORT = "many"'),
        ([], {"CUELINE_ADMIN_TOKEN_FILE": "/nowhere"}, "CUELINE_ADMIN_TOKEN_FILE"),
    ],
)
def test_wrong_input(words, environment, says, monkeypatch):
    for name in [name for name in os.environ if name.startswith("CUELINE_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())


@asynccontextmanager
async def started(url: str, *words: str, **environment: str):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "engine", "top", "--url", url, *words),
        cwd=ROOT,
        env={**os.environ, "CUELINE_ADMIN_TOKEN": "", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def printed(url: str, *words: str, **environment: str) -> tuple[int, str, str]:
    async with asyncio.timeout(60), started(url, *words, **environment) as process:
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("words", [(), ("--once",)])
async def test_one_picture_without_a_terminal(words):
    async with serving(Feed()) as url:
        code, out, err = await printed(url, *words)
    assert (code, err) == (0, "")
    assert "2 calls, 1 speaking" in out
    assert "transfer me" in out
    assert "\x1b" not in out


async def test_the_token_may_lie_in_a_file(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    async with serving(Feed(token=TOKEN)) as url:
        code, out, _ = await printed(url, "--once", CUELINE_ADMIN_TOKEN_FILE=str(tmp_path / "token"))
    assert code == 0
    assert TOKEN not in out


async def test_one_state_as_json():
    feed = Feed()
    async with serving(feed) as url:
        code, out, err = await printed(url, "--once", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"event": "state"} | feed.first


async def test_events_as_json_until_it_is_told_to_end():
    feed = Feed()
    async with asyncio.timeout(60), serving(feed) as url, started(url, "--json") as process:
        assert json.loads(await process.stdout.readline())["event"] == "state"
        feed.tell("tick", tick())
        assert json.loads(await process.stdout.readline()) == {"event": "tick"} | tick()
        feed.hang_up()
        assert json.loads(await process.stdout.readline())["event"] == "state", "it connects again"
        feed.tell("lost", {"events": 3})
        assert json.loads(await process.stdout.readline())["event"] == "lost"
        assert json.loads(await process.stdout.readline())["event"] == "state"
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        err = (await process.stderr.read()).decode()
    assert err.splitlines() == [
        "cueline top: the engine has ended the feed",
        "cueline top: this terminal was too slow for the feed",
    ]


async def test_who_reads_no_further_ends_it():
    feed = Feed()
    async with asyncio.timeout(60), serving(feed) as url, started(url, "--json") as process:
        await process.stdout.readline()
        process.stdout._transport.close()
        await until(lambda: feed.tell("tick", tick()) or not feed.following)
        assert await process.wait() == 0
        assert await process.stderr.read() == b""


@pytest.mark.parametrize("words", [("--once",), ("--once", "--json"), ()])
async def test_nobody_there(words):
    async with serving(Feed()) as url:
        pass
    code, out, err = await printed(url, *words)
    assert (code, out) == (1, "")
    assert err.startswith(f"cueline top: {url} is not reachable (Connection refused)")
