"""A module of ours run as a process of its own, spoken to by lines: JSON objects come from it, text goes to it.

Nothing is asked of it at its end: it is killed with all that it started, and is gone when the block is left.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from engine.demo.processes import LINE_BYTES, SHOWN_CHARS, TAIL_LINES, Event, child_environment, event_of
from engine.errors import DemoError

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # the decoder's matrices are too small to share out
LAST_WORDS_S = 1.0


class Script:
    """One started process; made by `started`."""

    def __init__(self, module: str, process: asyncio.subprocess.Process) -> None:
        self.module = module
        self.pid = process.pid
        self._process = process
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    async def answer(self, timeout_s: float) -> Event:
        """Its next JSON object; DemoError with its last words when it ends first or takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._next_event()
        except TimeoutError:
            raise DemoError(self._with_tail(f"{self.module} did not answer within {timeout_s:.0f} s.")) from None

    async def check(self) -> None:
        """DemoError with its last words when it has ended."""
        while self._process.returncode is not None:
            await self.answer(LAST_WORDS_S)

    def tell(self, line: str) -> None:
        """Give it a line on its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    def terminate(self) -> None:
        """Ask it to end; it may still answer."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    async def kill(self) -> None:
        """End it and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()

    async def _next_event(self) -> Event:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            text = line.decode(errors="replace").rstrip()
            event = event_of(text)
            if event is not None:
                return event
            self._tail.append(text[:SHOWN_CHARS])
        raise DemoError(self._with_tail(f"{self.module} has ended."))

    def _with_tail(self, sentence: str) -> str:
        return "\n".join((f"{sentence} Its last words:", *(f"  {line}" for line in self._tail or ("(none)",))))


@asynccontextmanager
async def started(
    module: str, arguments: Sequence[str], settings: Mapping[str, str] | None = None
) -> AsyncIterator[Script]:
    """`python -m MODULE ARGUMENTS` with `settings` in its environment, until the block is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", module, *arguments),
        env=child_environment(os.environ, ONE_THREAD | dict(settings or {})),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=LINE_BYTES,
        start_new_session=True,
    )
    script = Script(module, process)
    try:
        yield script
    finally:
        await script.kill()
