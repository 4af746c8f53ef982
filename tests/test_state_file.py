"""The state file on a real disk: committed before told, group by group, whole or not at all, across kills and a full disk."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import asynccontextmanager, closing

import pytest
from structlog.testing import capture_logs

from engine.errors import ConfigError
from engine.state_connection import FILE_NAME, connect, visiting
from engine.state_file import StateFile
from tests.support.disks import mounted
from tests.support.waiting import until

TABLES = ("CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value INTEGER) STRICT",)
INSERT = "INSERT INTO notes VALUES (?, ?)"
ALL = "SELECT * FROM notes ORDER BY name"


@asynccontextmanager
async def opened(folder, on_foreign=lambda: None):
    state = StateFile.open(folder, TABLES)
    state.start(on_foreign)
    yield state
    assert await state.close(5)


def on_disk(folder):
    with closing(connect(folder)) as connection:
        return connection.execute(ALL).fetchall()


async def test_a_change_is_on_the_disk_when_it_is_told(tmp_path):
    seen = []
    async with opened(tmp_path) as state:
        state.write([(INSERT, ("a", 1))], lambda: seen.append(on_disk(tmp_path)))
        await until(lambda: seen)
    assert seen == [[("a", 1)]]


async def test_changes_are_told_in_their_order_and_all_are_there_at_the_close(tmp_path):
    told = []
    async with opened(tmp_path) as state:
        for number in range(2000):
            state.write([(INSERT, (f"{number:04}", number))], lambda number=number: told.append(number))
    await asyncio.sleep(0)
    assert told == list(range(2000))
    assert len(on_disk(tmp_path)) == 2000


async def test_rows_are_read_after_the_changes_noted_before(tmp_path):
    found = []
    async with opened(tmp_path) as state:
        state.write([(INSERT, ("a", 1))])
        state.read(ALL, (), found.extend)
        await until(lambda: found)
    assert found == [("a", 1)]


async def test_what_was_written_is_there_for_the_next(tmp_path):
    async with opened(tmp_path) as state:
        state.write([(INSERT, ("a", 1)), (INSERT, ("b", 2))])
    again = StateFile.open(tmp_path, TABLES)
    assert again.rows(ALL) == [("a", 1), ("b", 2)]
    assert again.rows("SELECT value FROM notes WHERE name = ?", "b") == [(2,)]
    assert await again.close(1)
    assert await again.close(1), "once more is nothing"


async def test_folder_and_files_are_nobody_elses(tmp_path):
    folder = tmp_path / "state" / "inner"
    async with opened(folder) as state:
        state.write([(INSERT, ("a", 1))])
        await until((folder / f"{FILE_NAME}-wal").exists)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert set(modes.values()) == {0o600}, modes
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_second_engine_is_kept_out_until_the_first_has_gone(tmp_path):
    async with opened(tmp_path):
        with pytest.raises(ConfigError, match="another Cueline runs with it"):
            StateFile.open(tmp_path, TABLES)
    async with opened(tmp_path):
        pass


async def test_what_another_process_writes_is_noticed(tmp_path):
    noticed = asyncio.Event()
    async with opened(tmp_path, noticed.set) as state:
        state.write([(INSERT, ("ours", 1))])
        await asyncio.sleep(0)
        with closing(connect(tmp_path)) as connection:
            connection.execute(INSERT, ("theirs", 2))
        await asyncio.wait_for(noticed.wait(), 10)
        found = []
        state.read(ALL, (), found.extend)
        await until(lambda: found)
        assert found == [("ours", 1), ("theirs", 2)]


async def test_a_change_gets_what_its_statements_return(tmp_path):
    """What was there already is left as it is, and isn't returned."""
    insert = "INSERT OR IGNORE INTO notes VALUES (?, ?) RETURNING name"
    got = []
    async with opened(tmp_path) as state:
        state.write([(INSERT, ("a", 1))])
        state.change([(insert, ("a", 2)), (insert, ("b", 3)), (ALL, ())], got.append)
        await until(lambda: got)
    assert got == [[("b",), ("a", 1), ("b", 3)]]


@pytest.mark.parametrize(
    "value", ["no number", "\ud800", 2**80, object(), None], ids=["text", "surrogate", "huge", "object", "none"]
)
async def test_a_change_that_is_wrong_harms_no_other(tmp_path, value):
    """In one group with sound ones, before and after; and none of it is done."""
    told = []
    state = StateFile.open(tmp_path, TABLES)
    state.write([(INSERT, ("a", 1))], lambda: told.append("a"))
    state.write(
        [(INSERT, ("half", 1)), ("INSERT INTO notes VALUES (?, 1)", (value,)), (INSERT, ("half", 2))],
        lambda: told.append("x"),
    )
    state.write([(INSERT, ("b", 2))], lambda: told.append("b"))
    with capture_logs() as logs:
        state.start()
        await until(lambda: len(told) == 2)
        assert await state.close(5)
    assert (told, on_disk(tmp_path)) == (["a", "b"], [("a", 1), ("b", 2)])
    assert [line["event"] for line in logs] == ["A change was wrong and is left out"]


async def test_what_is_no_text_spoils_only_itself(tmp_path):
    async with opened(tmp_path) as state:
        state.write([("INSERT INTO notes VALUES (CAST(x'61ff62' AS TEXT), 1)", ())])
    again = StateFile.open(tmp_path, TABLES)
    assert again.rows(ALL) == [("a\ufffdb", 1)]
    await again.close(1)


async def test_a_damaged_file_stops_the_start(tmp_path):
    async with opened(tmp_path) as state:
        state.write([(INSERT, (str(number), number)) for number in range(5000)])
    whole = bytearray((tmp_path / FILE_NAME).read_bytes())
    whole[4096:] = b"\xaa" * (len(whole) - 4096)
    (tmp_path / FILE_NAME).write_bytes(whole)
    state = StateFile.open(tmp_path, ())
    with pytest.raises(ConfigError, match="malformed"):
        state.rows(ALL)
    await state.close(1)


def visit_in_vain(folder):
    with visiting(folder) as connection:
        connection.execute(INSERT, ("b", 2))
        connection.execute("SELECT * FROM others")


async def test_a_visit_is_whole_or_nothing_and_says_what_hinders_it(tmp_path):
    await StateFile.open(tmp_path, TABLES).close(1)
    with visiting(tmp_path) as connection:
        connection.execute(INSERT, ("a", 1))
    with pytest.raises(ConfigError, match=r"no such table: others; nothing was changed"):
        visit_in_vain(tmp_path)
    assert on_disk(tmp_path) == [("a", 1)]


async def test_what_the_disk_does_not_take_waits_until_it_does(tmp_path):
    """Another process that holds the file for good is as a disk that takes nothing."""
    told = []
    async with opened(tmp_path) as state:
        state._connection.execute("PRAGMA busy_timeout = 10")
        with closing(connect(tmp_path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            state.write([(INSERT, ("a", 1))], lambda: told.append(1))
            await until(lambda: state.trouble)
            assert not told
            connection.execute("ROLLBACK")
        await until(lambda: told)
        assert state.trouble is None
    assert on_disk(tmp_path) == [("a", 1)]


async def test_a_close_does_not_wait_for_ever(tmp_path):
    state = StateFile.open(tmp_path, TABLES)
    state.start()
    state._connection.execute("PRAGMA busy_timeout = 10")
    with closing(connect(tmp_path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        state.write([(INSERT, ("a", 1))])
        await until(lambda: state.trouble)
        assert not await state.close(0.1)
    assert on_disk(tmp_path) == []


WRITER = """
import asyncio, sys
from pathlib import Path
from engine.state_file import StateFile
async def main():
    state = StateFile.open(Path(sys.argv[1]), ())
    state.start()
    for number in range(10**6):
        state.write([("INSERT INTO notes VALUES (?, ?)", (str(number), number))], lambda n=number: print(n, flush=True))
        await asyncio.sleep(0)
asyncio.run(main())
"""


async def test_what_was_told_survives_a_kill(tmp_path):
    await StateFile.open(tmp_path, TABLES).close(1)
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        told = [process.stdout.readline() for _ in range(300)]
        process.kill()
        told += process.stdout.readlines()
    last = max(int(line) for line in told if line.endswith("\n"))
    assert {value for _, value in on_disk(tmp_path)} >= set(range(last + 1))
    async with opened(tmp_path):
        pass  # the lock went with the process


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / FILE_NAME).write_bytes(b"no database" * 1000), "not a database"),
        (lambda folder: (folder / FILE_NAME).mkdir(), "can't be written"),
        (lambda folder: sqlite3.connect(folder / FILE_NAME).execute("PRAGMA user_version = 9").close(), "version is 9"),
    ],
)
def test_a_file_that_is_none_stops_the_start(tmp_path, spoil, says):
    spoil(tmp_path)
    for _ in range(2):  # and nothing is left locked
        with pytest.raises(ConfigError, match=says) as caught:
            StateFile.open(tmp_path, TABLES)
    assert str(tmp_path) in caught.value.faults[0]


def test_a_folder_that_is_none_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="CUELINE_STATE_DIR"):
        StateFile.open(tmp_path / "file", TABLES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_another_stops_the_start(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="Permission denied"):
        StateFile.open(tmp_path, TABLES)


def test_a_read_only_disk_stops_the_start(tmp_path):
    with mounted(tmp_path / "disk", "ro") as folder, pytest.raises(ConfigError, match="Read-only"):
        StateFile.open(folder, TABLES)


def test_another_process_is_told_where_there_is_no_state(tmp_path):
    with pytest.raises(ConfigError, match="no engine has run with it"):
        connect(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigError, match="can't be read"):
        connect(tmp_path)
