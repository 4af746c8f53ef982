"""What the engine must not forget: one SQLite file in the state folder, one writer thread, changes committed in groups.

Guarantees: a change is on the disk before its `committed` is called, in the order in which changes were noted, each whole or
not at all; no call waits for the disk. The journal is a write-ahead log with synchronous = FULL: every commit is flushed before
it counts, so power loss takes none back (NORMAL would keep the file sound, but could lose the last ones). While the disk takes
nothing (full, read-only) changes wait and are tried again, and `trouble` says why. What another process writes
(`cueline commands`) is noticed within WATCH_S. The folder is one engine's: a lock, which the kernel takes back however the
process ends, keeps a second one out. Needs a local disk: a write-ahead log does not work over a network.
"""

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import structlog

from engine.errors import ConfigError
from engine.state_connection import BUSY_S, FILE_NAME, opened

LOCK_NAME = "cueline.lock"
WATCH_S = 0.5
RETRY_S = 0.5
GROUP = 500  # changes in one commit, at most

Statement = tuple[str, Sequence[Any]]
Rows = list[tuple[Any, ...]]

log = structlog.get_logger(__name__)


# What the disk has no part in: a change that can't be had, whatever is tried.
_DEFECTS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
_DEFECTS_OF_VALUES = (ValueError, TypeError, OverflowError)


def is_held(folder: Path) -> bool:
    """Whether an engine runs with this state folder."""
    try:
        lock_fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        _lock(lock_fd)
    except BlockingIOError:
        return True
    finally:
        os.close(lock_fd)
    return False


def _lock(lock_fd: int) -> None:
    """BlockingIOError where another process has it."""
    fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


@dataclass(frozen=True, slots=True)
class _Change:
    statements: tuple[Statement, ...]
    committed: Callable[[Rows], None]


_Task = _Change | None  # None: the end


class StateFile:
    """From `open` to `close`. Callbacks come on the loop that `start` was called on; methods are that loop's, too."""

    def __init__(self, lock_fd: int, connection: sqlite3.Connection) -> None:
        self._lock_fd = lock_fd
        self._connection = connection
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_foreign: Callable[[], None] = _nothing
        self._given_up = threading.Event()  # ending, and the disk takes nothing
        self._seen = _data_version(connection)
        self.trouble: str | None = None  # why the last commit failed; None while all is well

    @classmethod
    def open(cls, folder: Path, tables: Iterable[str]) -> Self:
        """Make folder (0700) and file (0600) where they are missing; `tables` are `CREATE … IF NOT EXISTS`. ConfigError."""
        lock_fd = -1
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock_fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _lock(lock_fd)
            return cls(lock_fd, opened(folder / FILE_NAME, tables))
        except BlockingIOError:
            fault = "another Cueline runs with it; stop that one, or give this one a folder of its own"
        except OSError as error:
            fault = f"can't be written ({error.strerror}); give a folder that this user may write"
        except (sqlite3.Error, ValueError) as error:
            fault = f"{FILE_NAME} can't be used ({error}); make room, mend what is wrong, or move it away"
        if lock_fd >= 0:
            os.close(lock_fd)
        raise ConfigError([f"CUELINE_STATE_DIR = {folder}: {fault}"])

    def rows(self, sql: str, *values: Any) -> Rows:
        """Read, at once; only before `start`. ConfigError where the file is damaged."""
        assert self._thread is None
        try:
            return self._connection.execute(sql, values).fetchall()
        except (sqlite3.Error, ValueError) as error:  # the latter for text that is none
            fault = f"{FILE_NAME} can't be read ({error}); mend it, or move it away to begin without it"
            raise ConfigError([f"CUELINE_STATE_DIR: {fault}"]) from error

    def start(self, on_foreign: Callable[[], None] = lambda: None) -> None:
        """Begin to write; `on_foreign` is called after another process has written."""
        self._on_foreign = on_foreign
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="state-file", daemon=True)
        self._thread.start()

    def write(self, statements: Iterable[Statement], committed: Callable[[], None] = lambda: None) -> None:
        """Note a change: all statements or none; `committed` is called once it is on the disk."""
        self.change(statements, lambda _: committed())

    def change(self, statements: Iterable[Statement], committed: Callable[[Rows], None]) -> None:
        """The same; `committed` gets the rows that its statements returned (SELECT, RETURNING), in their order."""
        self._tasks.put(_Change(tuple(statements), committed))

    def read(self, sql: str, values: Sequence[Any], found: Callable[[Rows], None]) -> None:
        """Ask for rows as they are after the changes noted so far."""
        self.change([(sql, values)], found)

    async def close(self, timeout_s: float) -> bool:
        """Commit what is noted, then close; False where that could not be done in time. Again is nothing."""
        if self._lock_fd < 0:
            return True
        if self._thread:
            self._tasks.put(None)
            await asyncio.to_thread(self._thread.join, timeout_s)
            self._given_up.set()
            await asyncio.to_thread(self._thread.join, RETRY_S + BUSY_S)
            if self._thread.is_alive():  # the disk hangs: leave file and lock to the kernel
                return False
        whole = self._tasks.empty()
        with suppress(sqlite3.Error):
            self._connection.close()
        os.close(self._lock_fd)
        self._lock_fd = -1
        return whole

    # the writer thread

    def _run(self) -> None:
        group: list[_Task] = []
        while not self._given_up.is_set() and None not in group:
            group = self._next_group()
            while group and not self._done(group):
                if self._given_up.wait(RETRY_S):
                    for task in group:
                        self._tasks.put(task)
                    return
            self._look()

    def _next_group(self) -> list[_Task]:
        """What has been noted; nothing when nothing was for a while."""
        group: list[_Task] = []
        with suppress(queue.Empty):
            group.append(self._tasks.get(timeout=WATCH_S))
            while len(group) < GROUP:
                group.append(self._tasks.get_nowait())
        return group

    def _done(self, group: list[_Task]) -> bool:
        """Do all of a group in one transaction; False when the disk did not take it, and nothing is changed then."""
        calls: list[Callable[[], None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for task in group:
                calls += self._changed(task) if task else []
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            self._troubled(str(error))
            return False
        self._troubled(None)
        self._call(calls)
        return True

    def _changed(self, change: _Change) -> list[Callable[[], None]]:
        """Whom to tell; nobody, and nothing is changed, where the change itself is wrong: the others go on."""
        self._connection.execute("SAVEPOINT change")
        calls: list[Callable[[], None]] = []
        try:
            rows = [row for statement in change.statements for row in self._connection.execute(*statement).fetchall()]
            calls.append(partial(change.committed, rows))
        except (*_DEFECTS, *_DEFECTS_OF_VALUES) as error:
            self._connection.execute("ROLLBACK TO change")
            log.error("A change was wrong and is left out", fault=str(error), sql=change.statements[0][0])  # noqa: TRY400
        self._connection.execute("RELEASE change")
        return calls

    def _troubled(self, trouble: str | None) -> None:
        """Say so once, and once when it is over."""
        if trouble and not self.trouble:
            log.error("State can't be written: commands wait until it can be", fault=trouble)
        elif self.trouble and not trouble:
            log.info("State can be written again")
        self.trouble = trouble

    def _look(self) -> None:
        """See whether another process has written."""
        with suppress(sqlite3.Error):
            seen, self._seen = self._seen, _data_version(self._connection)
            if seen != self._seen:
                self._call([self._on_foreign])

    def _call(self, calls: list[Callable[[], None]]) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(_call_all, calls)


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _call_all(calls: list[Callable[[], None]]) -> None:
    for call in calls:
        call()


def _nothing() -> None:
    pass
