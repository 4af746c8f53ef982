"""`cueline top` as a person has it: a process on a terminal of its own, what it writes read back: the last
picture that was drawn. What stands on it is tests/top/test_screen_views.py's; here it has to move, to obey and to leave.
"""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.live import Feed, call, phrase, serving, tick
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
OTHER_SCREEN, BACK = "\x1b[?1049h", "\x1b[?1049l"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WAIT_S = 60


class Terminal:
    """A pseudo-terminal of 80x24 with `cueline top` on it."""

    def __init__(self, process: asyncio.subprocess.Process, descriptor: int) -> None:
        self.process, self._descriptor = process, descriptor
        self.raw = ""
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            self.raw += os.read(self._descriptor, 1 << 16).decode(errors="replace")
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._descriptor)

    @property
    def screen(self) -> str:
        """The latest whole picture: what was drawn since the cursor went home for the last time but one."""
        drawn = self.raw.split("\x1b[H")
        return _CONTROL.sub("", drawn[-1] if drawn[-1].count("\n") > 2 else drawn[-2] if len(drawn) > 1 else "")

    def press(self, key: str) -> None:
        os.write(self._descriptor, key.encode())

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    async def shows(self, words: str) -> None:
        try:
            await until(lambda: words in self.screen, WAIT_S)
        except TimeoutError:
            raise AssertionError(f"{words!r} never came; the screen:\n{self.screen}") from None

    async def ended(self) -> int:
        async with asyncio.timeout(WAIT_S):
            return await self.process.wait()


@asynccontextmanager
async def top(url: str, *words: str, **environment: str):
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "engine", "top", "--url", url, *words),
        cwd=ROOT,
        env={**plain, "TERM": "xterm-256color", "CUELINE_ADMIN_TOKEN": "", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    terminal = Terminal(process, ours)
    try:
        before = termios.tcgetattr(theirs)
        yield terminal
        assert termios.tcgetattr(theirs) == before, "the terminal is as it was"
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)
        os.close(theirs)


async def test_it_shows_what_happens_and_obeys_keys():
    feed = Feed()
    async with serving(feed) as url, top(url) as terminal:
        await terminal.shows("2 calls")
        feed.tell("phrase", phrase(2, phrase="close my account"))
        feed.tell("tick", tick(calls=[call("fresh-call")]))
        await terminal.shows("close my account")
        await terminal.shows("fresh-ca")
        terminal.press("s")
        await terminal.shows("order: longest")
        terminal.press("p")
        await terminal.shows("paused, 0 phrases since")
        feed.tell("phrase", phrase(3, phrase="stop recording"))
        await terminal.shows("paused, 1 phrases since")
        assert "stop recording" not in terminal.screen
        terminal.press(" ")
        await terminal.shows("stop recording")
        terminal.press("x")
        terminal.press("q")
        assert await terminal.ended() == 0
    assert terminal.raw.count(OTHER_SCREEN) == terminal.raw.count(BACK) == 1


async def test_it_waits_for_the_engine_and_for_its_return():
    feed = Feed()
    async with serving(feed) as url:
        pass
    port = int(url.rpartition(":")[2])
    async with top(url) as terminal:
        await terminal.shows("is not reachable (Connection refused)")
        async with serving(feed, port):
            await terminal.shows("2 calls")
        await terminal.shows("old: ")
        async with serving(Feed(), port):
            await terminal.shows("q ends")
        terminal.process.send_signal(signal.SIGTERM)
        assert await terminal.ended() == 0


async def test_another_size_is_another_picture():
    async with serving(Feed()) as url, top(url) as terminal:
        await terminal.shows("2 calls")
        terminal.resize(200, 40)
        await terminal.shows("listening" + " " * 20)  # calls and phrases side by side
        terminal.process.send_signal(signal.SIGINT)
        assert await terminal.ended() == 0


@pytest.mark.parametrize("token", ["", "not-the-right-token"])
async def test_a_token_that_does_not_open_ends_it(token):
    async with serving(Feed(token="the-right-token-it-is")) as url, top(url, CUELINE_ADMIN_TOKEN=token) as terminal:
        assert await terminal.ended() == 1
        await until(lambda: "CUELINE_ADMIN_TOKEN" in terminal.raw.rpartition(BACK)[2], WAIT_S)


async def test_what_it_can_not_read_ends_it():
    feed = Feed()
    async with serving(feed) as url, top(url) as terminal:
        await terminal.shows("2 calls")
        feed.tell("tick", {"at": "soon"})
        assert await terminal.ended() == 1
        await until(lambda: "the feed's tick can't be read (at)" in terminal.raw, WAIT_S)
