"""Every statement on the outbox's tables but their making (`outbox_rows.TABLES`); values go in as parameters."""

# ruff: noqa: S608 - what is put together here is our own text only

from collections.abc import Mapping, Sequence

from engine.commands.command import Command
from engine.commands.outbox_rows import DEAD, PENDING, SELECT, SETTLED, STATES, State
from engine.state_file import Statement


def among(states: Sequence[str]) -> str:
    """As a list for IN; of our own names only."""
    assert set(states) <= set(STATES)
    return "(" + ", ".join(f"'{state}'" for state in states) + ")"


_PENDING = f"state IN {among(PENDING)}"
_OF = "WHERE key = ? AND sink = ?"

# Unfinished ones, and those whose state nobody knows; in the order in which they were noted.
PENDING_ROWS = f"{SELECT} WHERE d.state NOT IN {among(DEAD + SETTLED)} ORDER BY c.number, d.number"
COUNT_DEAD = f"SELECT count(*) FROM deliveries WHERE state IN {among(DEAD)}"
BEGIN = f"UPDATE deliveries SET state = 'sending', updated = ? {_OF} AND state = 'waiting' RETURNING number"
FAIL = f"UPDATE deliveries SET state = 'waiting', attempts = ?, fault = ?, updated = ? {_OF} AND {_PENDING}"
# What was discarded meanwhile stays so, unless it was delivered all the same.
END = f"""UPDATE deliveries SET state = ?, attempts = ?, fault = ?, updated = ? {_OF} AND ({_PENDING} OR ? = 'delivered')"""
ASKED = f"{SELECT} WHERE d.asked IS NOT NULL ORDER BY c.number, d.number"
HEED = "UPDATE deliveries SET asked = NULL WHERE asked IS NOT NULL"


def insertions(command: Command, body: str, deadlines: Mapping[str, float], wall: float) -> list[Statement]:
    """Note a command for these sinks; returns the sinks for which the key is new."""
    key = command.idempotency_key
    noted = ("INSERT OR IGNORE INTO commands (key, body, created) VALUES (?, ?, ?)", (key, body, wall))
    delivery = """INSERT OR IGNORE INTO deliveries (key, sink, state, attempts, fault, deadline, updated)
        VALUES (?, ?, 'waiting', 0, '', ?, ?) RETURNING sink"""
    return [noted, *((delivery, (key, sink, deadline, wall)) for sink, deadline in deadlines.items())]


def set_aside(state: State, fault: str, wall: float, number: object) -> Statement:
    """End a delivery by its number: what can't be read may have no usable key."""
    return "UPDATE deliveries SET state = ?, fault = ?, updated = ? WHERE number = ?", (state, fault, wall, number)


def pruning(before: float, keep: int) -> list[Statement]:
    """Forget what ended before that moment, and of what was delivered and of dead letters all but the latest `keep` each."""
    beyond = """DELETE FROM deliveries WHERE number IN
        (SELECT number FROM deliveries WHERE state IN {} ORDER BY updated DESC, number DESC LIMIT -1 OFFSET ?)"""
    return [
        (f"DELETE FROM deliveries WHERE state IN {among(DEAD + SETTLED)} AND updated < ?", (before,)),
        (beyond.format(among(SETTLED)), (keep,)),
        (beyond.format(among(DEAD)), (keep,)),
        ("DELETE FROM commands WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.key = commands.key)", ()),
    ]
