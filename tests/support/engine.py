"""`cueline run` and `cueline simulate` as what they are to a user: processes with an environment, seen from outside.

Every process is started with a mark in its environment that all its children inherit, so that whatever is left behind is
found in /proc, whoever its parent has become. Waiting is for conditions, always with a limit.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import psutil

from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
OURS = ("GENESYS_", "CUELINE_", "TARGET_KEYWORD", "VOSK_MODEL_PATH")
MARK = "E2E_MARK"
QUIET_S = 15.0  # for the last child to vanish

Environment = Mapping[str, str]


def alive(mark: str) -> list[psutil.Process]:
    """Processes that carry the mark; zombies are gone."""
    return [process for process in psutil.process_iter() if _carries(process, mark)]


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark
    except psutil.Error:
        return False


def shared_memory() -> set[str]:
    """Names in /dev/shm; left out are those of fuzzers and of multiprocessing's queues, which a benchmark may have meanwhile."""
    return {path.name for path in Path("/dev/shm").iterdir() if not path.name.startswith(("fuzz-", "sem.mp-"))}


@dataclass
class Command:
    """A running `cueline …`; `out` and `err` are its lines so far."""

    process: asyncio.subprocess.Process
    mark: str
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    _readers: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    async def start(
        cls, words: tuple[object, ...], environment: Environment, cwd: Path | None, before: tuple[str, ...] = ()
    ) -> "Command":
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        mark = uuid4().hex
        process = await asyncio.create_subprocess_exec(
            *(*before, sys.executable, "-m", "engine", *map(str, words)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env=inherited | {"PYTHONPATH": path, MARK: mark, "COLUMNS": "200"} | dict(environment),
            limit=1 << 20,
        )
        command = cls(process, mark)
        for stream, lines in ((process.stdout, command.out), (process.stderr, command.err)):
            assert stream is not None
            command._readers.append(asyncio.create_task(_collect(stream, lines)))
        return command

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its log."""
        return [orjson.loads(line) for line in self.err if line.startswith("{")]

    def logged(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """Log lines of this sentence with these fields."""
        return [line for line in self.events if line["event"] == event and fields.items() <= line.items()]

    async def says(self, event: str, timeout_s: float = 45.0, **fields: object) -> dict[str, Any]:
        """Wait for a log line; fail with all that it said where it ends or the time is over."""
        try:
            await until(lambda: self.logged(event, **fields) or self.process.returncode is not None, timeout_s)
        except TimeoutError:
            raise AssertionError(f"no {event!r} with {fields} in:\n" + "\n".join(self.err)) from None
        await self._read_out() if self.process.returncode is not None else None
        assert self.logged(event, **fields), f"ended without {event!r} with {fields}:\n" + "\n".join(self.err)
        return self.logged(event, **fields)[0]

    async def ended(self, timeout_s: float = 20.0) -> int:
        """Wait for its end; return the exit code."""
        async with asyncio.timeout(timeout_s):
            await self.process.wait()
            await self._read_out()
        return self.process.returncode

    def send(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            self.process.send_signal(number)

    @property
    def children(self) -> list[psutil.Process]:
        """Its processes but itself."""
        return [process for process in alive(self.mark) if process.pid != self.process.pid]

    async def vanished(self, timeout_s: float = QUIET_S) -> None:
        """Wait until none of its processes is left."""
        try:
            await until(lambda: not alive(self.mark), timeout_s)
        except TimeoutError:
            left = [process.cmdline() for process in alive(self.mark)]
            raise AssertionError(f"left behind: {left}\n" + "\n".join(self.err)) from None

    async def stop(self) -> int:
        """Stop it without waiting for calls: Ctrl-C, if it runs still; nothing of it is left then."""
        self.send(signal.SIGINT)
        code = await self.ended(60)
        await self.vanished()
        return code

    async def kill(self) -> None:
        """Leave nothing behind, whatever has happened."""
        for process in alive(self.mark):
            with contextlib.suppress(psutil.Error):
                process.kill()
        await self.process.wait()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def _read_out(self) -> None:
        await asyncio.wait(self._readers, timeout=5)


async def _collect(stream: asyncio.StreamReader, lines: list[str]) -> None:
    async for line in stream:
        lines.append(line.decode().rstrip("\n"))  # noqa: PERF401 - one by one, as they come


@contextlib.asynccontextmanager
async def command(
    *words: object, environment: Environment | None = None, cwd: Path | None = None, before: tuple[str, ...] = ()
) -> AsyncIterator[Command]:
    """`cueline WORDS…` (`before` stands before it, as `prlimit` does), ended with the block; nothing of it may be left."""
    memory = shared_memory()
    started = await Command.start(words, environment or {}, cwd, before)
    try:
        yield started
        await started.stop()
        assert shared_memory() <= memory, shared_memory() - memory
    finally:
        await started.kill()


async def done(
    *words: object, environment: Environment | None = None, cwd: Path | None = None, timeout_s: float = 30.0
) -> tuple[int, str, str]:
    """`cueline WORDS…` that ends by itself: exit code, output and error output, which never is a traceback."""
    async with command(*words, environment=environment, cwd=cwd) as started:
        code = await started.ended(timeout_s)
        await started.vanished()
    out, err = "\n".join(started.out), "\n".join(started.err)
    assert "Traceback" not in out + err
    return code, out, err
