"""`cueline watch` for real: simulator, engine, calls that come and go, and the live feed that shows them; then nothing is left."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from engine.live_client import LiveClient
from engine.top.board import Board
from tests.support.demo import MARK, marked
from tests.support.engine import shared_memory
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(rb"  Open +(http://\S+)/")
WAIT_S = 150


@asynccontextmanager
async def started(mark: Path, *words: object, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "engine", "watch", *map(str, words)),
        cwd=ROOT,
        env=os.environ | {MARK: str(mark), "CUELINE_ADMIN_PORT": "no port", "TARGET_KEYWORD": "", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()  # killed, it would leave its children, which are sessions of their own
        async with asyncio.timeout(30):
            await process.wait()


@pytest.fixture
def leaves_nothing(tmp_path, monkeypatch):
    """No process of it, no folder, no shared memory."""
    before, folder = shared_memory(), tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield
    assert marked(str(tmp_path)) == []
    assert list(folder.iterdir()) == []
    assert shared_memory() <= before


async def address(process: asyncio.subprocess.Process) -> str:
    """Of the console, as it is printed."""
    printed = b""
    while line := await process.stdout.readline():
        printed += line
        if found := ADDRESS.match(line):
            return found[1].decode()
    raise AssertionError(printed.decode() + (await process.stderr.read()).decode())


async def told(url: str) -> AsyncIterator[tuple[str, dict, Board]]:
    """Every event of the feed, and what is so after it."""
    board = Board()
    async with aclosing(LiveClient(url).events()) as events:
        async for event in events:
            board.apply(event)
            yield event.kind, event.data, board


@pytest.mark.parametrize(("source", "channels"), [("realtime", {"external"}), ("audiohook", {"external", "internal"})])
async def test_calls_come_phrases_are_shown_and_ctrl_c_leaves_nothing(tmp_path, leaves_nothing, source, channels):
    """Two lines; a phrase, its command's outcome, a call that has left and one that has followed it."""
    delivered, begun, left, heard = set(), set(), set(), set()
    async with asyncio.timeout(WAIT_S), started(tmp_path, "--calls", 2, "--source", source) as process:
        url = await address(process)
        async with aclosing(told(url)) as events:
            async for kind, data, board in events:
                if kind == "command" and data["outcome"] == "delivered" and data["sink"] == "webhook":
                    delivered.add(data["id"])
                begun |= {call["conversation_id"] for call in data.get("calls", [])}
                left |= set(data.get("left", []))
                heard |= {phrase.channel for phrase in board.phrases.values()}
                assert len(board.calls) <= 2 + len(left)
                if len(begun) >= 3 and left and heard == channels and delivered & board.phrases.keys():
                    break
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.decode().endswith("cueline watch: simulator and engine have ended; nothing is left\n")


async def test_a_browser_is_opened_and_words_are_shown_only_when_told(tmp_path, leaves_nothing):
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    words = ("--open", "--text", "--calls", 1)
    async with asyncio.timeout(WAIT_S), started(tmp_path, *words, BROWSER=str(browser)) as process:
        url = await address(process)
        async with aclosing(told(url)) as events:
            assert (await anext(events))[1]["shows_text"] is True
        await until(lambda: opened.exists() and opened.read_text() == f"{url}/\n", WAIT_S)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def test_it_ends_by_itself_when_its_time_is_up(tmp_path, leaves_nothing):
    async with asyncio.timeout(WAIT_S), started(tmp_path, "--for-s", 1, "--calls", 1) as process:
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"nothing is left" in out


async def test_an_engine_that_dies_is_said(tmp_path, leaves_nothing):
    async with asyncio.timeout(WAIT_S), started(tmp_path, "--calls", 1) as process:
        await address(process)
        (engine,) = [pid for pid, words in marked(str(tmp_path)) if words[-2:] == ["engine", "run"]][:1]
        os.kill(engine, signal.SIGKILL)
        _, err = await process.communicate()
    assert process.returncode == 1
    assert b"cueline watch: The engine ended with exit code -9" in err


async def test_top_shows_it_once(tmp_path, leaves_nothing):
    async with asyncio.timeout(WAIT_S), started(tmp_path, "--calls", 1) as process:
        url = await address(process)
        top = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "engine", "top", "--url", url, "--once", "--json"),
            cwd=ROOT,
            env=os.environ | {"CUELINE_ADMIN_TOKEN": ""},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await top.communicate()
        assert (top.returncode, json.loads(out)["event"]) == (0, "state")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
