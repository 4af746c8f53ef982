"""One connection to the state file: its settings, its version, and the way in for another process (`cueline commands`).

The journal is a write-ahead log with synchronous = FULL: every commit is flushed to the disk before it counts.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from engine.errors import ConfigError

Connection = sqlite3.Connection

FILE_NAME = "cueline.sqlite3"
VERSION = 1  # of the tables; a file with a greater one is a later Cueline's
BUSY_S = 5.0  # another process may hold the file for so long
LOG_BYTES = 4 << 20  # the log is cut back to this after a checkpoint


@contextmanager
def visiting(folder: Path) -> Iterator[sqlite3.Connection]:
    """One transaction on the state of an engine, running or not, by another process. ConfigError says what hinders it."""
    with closing(connect(folder)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise ConfigError([f"CUELINE_STATE_DIR = {folder}: {FILE_NAME}: {error}; nothing was changed"]) from error


def connect(folder: Path) -> sqlite3.Connection:
    """The state of an engine, running or not, for another process. ConfigError where there is none."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise ConfigError([f"CUELINE_STATE_DIR = {folder}: holds no {FILE_NAME}; no engine has run with it"])
    try:
        return connection_to(path)
    except (sqlite3.Error, ValueError) as error:
        raise ConfigError([f"CUELINE_STATE_DIR = {folder}: {FILE_NAME} can't be read ({error})"]) from error


def opened(path: Path, tables: Iterable[str]) -> sqlite3.Connection:
    """The file (0600) with its tables, made where they are missing. OSError, sqlite3.Error, ValueError."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = connection_to(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for table in tables:
            connection.execute(table)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connection_to(path: Path) -> sqlite3.Connection:
    """sqlite3.Error where it is no database, ValueError where it is a later Cueline's."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.text_factory = _text
    try:
        for setting in ("journal_mode = WAL", "synchronous = FULL", f"journal_size_limit = {LOG_BYTES}"):
            connection.execute(f"PRAGMA {setting}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    if version > VERSION:
        connection.close()
        raise ValueError(f"its version is {version}, this Cueline knows {VERSION} at most")
    return connection


def _text(data: bytes) -> str:
    """What is no UTF-8 spoils its own value only, not the reading of all."""
    return data.decode("utf-8", "replace")
