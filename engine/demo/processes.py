"""A process of the demo: its environment, when it is ready, what it complains of, and its certain end.

Each runs in a session of its own, so that Ctrl-C on the terminal reaches the demo alone, which then ends them in order:
TERM, a while, KILL for the whole group. Both its streams are read all the time (a full pipe would stop it); the last lines
are kept for when something goes wrong.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

import engine
from engine.errors import DemoError

STOP_S = 6.0
STREAMS_S = 1.0  # for the last lines of a process that has ended
TAIL_LINES = 12
LINE_BYTES = 4 * 1024 * 1024  # the simulator's ready line grows with the calls
SHOWN_CHARS = 300
COMPLAINTS = ("warning", "error", "critical")
PACKAGE_HOME = Path(engine.__file__).parents[1]
OURSELVES = (sys.executable, "-P", "-m", "engine")  # -P: a folder called engine where the user stands is none of ours

Event = dict[str, Any]  # a line of JSON


def child_environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without what would steer Cueline or lead around the loopback, then `settings`.

    The model that the user has chosen stays; the package that runs is the one that runs now.
    """
    ours = ("GENESYS_", "CUELINE_", "TARGET_KEYWORD")
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(ours) and not name.lower().endswith("_proxy")
    }
    path = os.pathsep.join(filter(None, (str(PACKAGE_HOME), environ.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, **settings}


def event_of(line: str) -> Event | None:
    """The JSON object that a line holds, if it does."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def readable(event: Event) -> str:
    """A log line in short: level, sentence, fields."""
    fields = " ".join(f"{name}={value}" for name, value in event.items() if name not in ("timestamp", "level", "event"))
    return f"{event.get('level', '')}: {event.get('event', '')} {fields}".strip()


class Child:
    """One started process; made by `running`."""

    def __init__(
        self,
        name: str,
        process: asyncio.subprocess.Process,
        is_ready: Callable[[Event], bool],
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._is_ready = is_ready
        self._on_event = on_event
        self._ready: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._complaints: deque[str] = deque(maxlen=TAIL_LINES)
        assert process.stdout is not None
        assert process.stderr is not None
        self._tasks = [asyncio.create_task(self._read(stream)) for stream in (process.stdout, process.stderr)]
        self._ended = asyncio.create_task(self._end(tuple(self._tasks)))
        self._tasks.append(self._ended)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    @property
    def complaints(self) -> tuple[str, ...]:
        """Its latest warnings and errors."""
        return tuple(self._complaints)

    async def ready(self, timeout_s: float) -> Event:
        """The line that says so; DemoError with the process's last words when it ends first or takes too long."""
        awaited: set[asyncio.Future[Any]] = {self._ready, self._ended}
        await asyncio.wait(awaited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if self._ready.done():
            return self._ready.result()
        self.check()
        raise DemoError(self._with_tail(f"The {self.name} was not ready within {timeout_s:.0f} s. Its last words:"))

    async def ending(self, timeout_s: float) -> None:
        """Give it so long to end."""
        await asyncio.wait({self._ended}, timeout=timeout_s)

    def check(self) -> None:
        """DemoError when it has ended."""
        if self._ended.done():
            code = self._process.returncode
            raise DemoError(self._with_tail(f"The {self.name} ended with exit code {code}. Its last words:"))

    async def stop(self, hurry: asyncio.Event) -> None:
        """TERM, then KILL for its whole group after STOP_S or as soon as `hurry` is set; nothing of it is left."""
        waiting = asyncio.create_task(hurry.wait())
        try:
            self.signal(signal.SIGTERM)
            await asyncio.wait({self._ended, waiting}, timeout=STOP_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._kill_group()
            await self._process.wait()
            for task in (waiting, *self._tasks):
                task.cancel()
            await asyncio.gather(waiting, *self._tasks, return_exceptions=True)

    def signal(self, number: signal.Signals) -> None:
        """To the process itself; nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than LINE_BYTES: it is gone
                continue
            if not line:
                return
            self._take(line.decode(errors="replace").rstrip())

    def _take(self, line: str) -> None:
        event = event_of(line)
        if event is not None and self._on_event:
            self._on_event(event)
        if event is not None and not self._ready.done() and self._is_ready(event):
            self._ready.set_result(event)
            return
        shown = (line if event is None else readable(event))[:SHOWN_CHARS]
        self._tail.append(shown)
        if event is not None and event.get("level") in COMPLAINTS:
            self._complaints.append(shown)

    async def _end(self, reading: Sequence[asyncio.Task[None]]) -> None:
        """Over when the process is and its last lines are read; a grandchild may hold the streams open."""
        await self._process.wait()
        await asyncio.wait(reading, timeout=STREAMS_S)

    def _with_tail(self, sentence: str) -> str:
        return "\n".join((sentence, *(f"  {line}" for line in self._tail or ("(none)",))))


@asynccontextmanager
async def running(
    name: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    is_ready: Callable[[Event], bool],
    hurry: asyncio.Event,
    on_event: Callable[[Event], None] | None = None,
) -> AsyncIterator[Child]:
    """`python -m engine ARGUMENTS` until the block is left; then neither it nor a child of it remains.

    `on_event` is told every line of JSON that it writes.
    """
    child = Child(name, await launch([*OURSELVES, *arguments], environment), is_ready, on_event)
    try:
        yield child
    finally:
        await child.stop(hurry)


async def launch(words: Sequence[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """A process in a session of its own that reads nothing and whose streams are read by us."""
    return await asyncio.create_subprocess_exec(
        *words,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
        start_new_session=True,
    )
