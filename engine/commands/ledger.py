"""The outbox as another process reads and changes it, whether the engine runs or not: `cueline commands`.

A change is whole or nothing, and marked for a running engine, which heeds it within a second. What is being sent can't be
changed; what may have happened already is repeated only by force. Rows that can't be read are shown as far as they can be.
"""

# ruff: noqa: S608 - what is put together here is our own text only

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.commands.outbox_rows import COLUMNS, DEAD, SELECT, State
from engine.commands.outbox_sql import among
from engine.errors import OutboxError
from engine.options import DEADLINE_S
from engine.state_connection import Connection, visiting

RETRIABLE: tuple[State, ...] = (*DEAD, "discarded")
DISCARDABLE: tuple[State, ...] = ("waiting", *DEAD)
MAY_HAVE_HAPPENED = "may have happened already, and would then happen twice; --force repeats it all the same"


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery, as the columns have it; its command's body is None where that is lost."""

    number: int
    key: str
    sink: str
    state: str
    attempts: int
    fault: str
    deadline: float
    updated: float
    body: str | None
    created: float | None


def entries(folder: Path, states: Sequence[str], limit: int) -> tuple[list[Entry], int]:
    """The latest of these states, the oldest of them first, and how many there are. ConfigError as `visiting`."""
    with visiting(folder) as connection:
        where = f"WHERE d.state IN {among(states)}"
        (total,) = connection.execute(f"SELECT count(*) FROM deliveries d {where}").fetchone()
        found = _read(connection, f"{where} ORDER BY d.number DESC LIMIT ?", limit)
    return found[::-1], total


def of_key(folder: Path, key: str) -> list[Entry]:
    """All deliveries of one command. OutboxError where there is none."""
    with visiting(folder) as connection:
        return _of_key(connection, key)


def retry(folder: Path, keys: Iterable[str] | None, sink: str | None, now: float, *, force: bool) -> int:
    """Let them wait again; `keys` None means all that are dead, without force only those that didn't happen. OutboxError."""
    with visiting(folder) as connection:
        if keys is None:
            states = DEAD if force else tuple(state for state in DEAD if state != "unknown")
            chosen = [
                each for each in _read(connection, f"WHERE d.state IN {among(states)}") if sink in (None, each.sink)
            ]
        else:
            chosen = _chosen(connection, keys, sink, RETRIABLE)
            faults = [f"{each.key} ({each.sink}): {MAY_HAVE_HAPPENED}" for each in chosen if each.state == "unknown"]
            if faults and not force:
                raise OutboxError(faults)
        _mark(connection, chosen, "waiting", now)
    return len(chosen)


def discard(folder: Path, keys: Iterable[str], sink: str | None, now: float) -> int:
    """Let them not be sent, or no more be dead letters. OutboxError."""
    with visiting(folder) as connection:
        chosen = _chosen(connection, keys, sink, DISCARDABLE)
        _mark(connection, chosen, "discarded", now)
    return len(chosen)


def _mark(connection: Connection, chosen: Iterable[Entry], state: State, now: float) -> None:
    # What must not come late is had within a sink's usual time or not at all: the configuration is not known here.
    rows = [(state, now + DEADLINE_S, now, now, each.number) for each in chosen]
    connection.executemany(
        "UPDATE deliveries SET state = ?, deadline = ?, updated = ?, asked = ? WHERE number = ?", rows
    )


def _chosen(connection: Connection, keys: Iterable[str], sink: str | None, states: Sequence[State]) -> list[Entry]:
    """Of each key what is in these states; OutboxError with a line for each that has nothing of the kind."""
    chosen: list[Entry] = []
    faults: list[str] = []
    for key in dict.fromkeys(keys):
        try:
            found = [each for each in _of_key(connection, key) if sink in (None, each.sink)]
        except OutboxError as error:
            faults += error.faults
            continue
        fit = [each for each in found if each.state in states]
        chosen += fit
        if not fit:
            now = ", ".join(f"{each.sink}: {each.state}" for each in found) or f"no delivery to {sink}"
            faults.append(f"{key}: is {now}; has to be {', '.join(states[:-1])} or {states[-1]}")
    if faults:
        raise OutboxError(faults)
    return chosen


def _of_key(connection: Connection, key: str) -> list[Entry]:
    found = _read(connection, "WHERE d.key = ? ORDER BY d.number", key)
    if not found:
        raise OutboxError([f"{key}: no such command; `cueline commands list --state all` shows those that are kept"])
    return found


def _read(connection: Connection, where: str, *values: object) -> list[Entry]:
    return [Entry(*row) for row in connection.execute(f"{SELECT} {where}", values)]


assert len(Entry.__slots__) == COLUMNS.count(",") + 1
