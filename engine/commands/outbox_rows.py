"""The outbox in the state file: its tables, the states of a delivery, and a row's way to a command and back. Pure.

A row was written by an earlier run, perhaps another version's, perhaps by nobody who meant well: it is read strictly, and
what can't be is a RowError, nothing else. Times are wall-clock seconds: loop time ends with the process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, Literal, get_args

import orjson
from pydantic import Field, ValidationError

from engine.commands.command import Command
from engine.errors import RowError
from engine.options import Channel, Options

VERSION = 1  # of the body
MAX_BODY = 1 << 20  # characters
MAX_KEY = 1024

TABLES = (
    """CREATE TABLE IF NOT EXISTS commands (
        number INTEGER PRIMARY KEY,  -- the order in which they were noted
        key TEXT NOT NULL UNIQUE,
        body TEXT NOT NULL,  -- JSON, see `encoded`
        created REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS deliveries (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        sink TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        fault TEXT NOT NULL,  -- of the last attempt
        deadline REAL NOT NULL,
        updated REAL NOT NULL,
        asked REAL,  -- when an operator changed it, until the engine has heeded that
        UNIQUE (key, sink)
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, updated)",
    "CREATE INDEX IF NOT EXISTS deliveries_asked ON deliveries (asked) WHERE asked IS NOT NULL",
)

State = Literal["waiting", "sending", "delivered", "failed", "expired", "unknown", "discarded"]
STATES: tuple[State, ...] = get_args(State)
PENDING: tuple[State, ...] = ("waiting", "sending")  # `sending` is recorded where an effect must not be had twice
DEAD: tuple[State, ...] = ("failed", "expired", "unknown")  # dead letters
SETTLED: tuple[State, ...] = ("delivered", "discarded")

COLUMNS = "d.number, d.key, d.sink, d.state, d.attempts, d.fault, d.deadline, d.updated, c.body, c.created"
SELECT = f"SELECT {COLUMNS} FROM deliveries d LEFT JOIN commands c ON c.key = d.key"  # noqa: S608 - our own columns


@dataclass(frozen=True, slots=True)
class Kept:
    """One delivery as the file has it. Its command names this sink only, and its end on the monotonic clock is lost (0)."""

    number: int
    command: Command
    sink: str
    state: State
    attempts: int
    fault: str
    deadline: float
    updated: float
    created: float


_Milliseconds = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]  # what JSON is written from holds 64 bits


class _Body(Options):
    """What of a command is kept: its fields but key and sinks, which stand in columns, and the monotonic clock."""

    v: Literal[1]
    conversation_id: Annotated[str, Field(min_length=1)]
    channel: Channel
    rule: Annotated[str, Field(min_length=1)]
    phrase: str
    text: str
    confidence: float | None
    fired_on: Literal["partial", "final"]
    utterance_start_ms: _Milliseconds
    phrase_end_ms: _Milliseconds
    audio_position_ms: _Milliseconds
    spotted_at: Annotated[str, Field(min_length=1, max_length=64)]


FIELDS = tuple(name for name in _Body.model_fields if name != "v")


def encoded(command: Command) -> str:
    """The body column."""
    return orjson.dumps({"v": VERSION} | {name: getattr(command, name) for name in FIELDS}).decode()


def decoded(key: str, sink: str, body: str) -> Command:
    """The command of a body that `encoded` made. RowError for any other."""
    if len(body) > MAX_BODY:
        raise RowError(f"its body is longer than {MAX_BODY} characters")
    try:
        fields = _Body.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise RowError(f"its body can't be read: {where}: {first['msg']}") from None
    values = {name: getattr(fields, name) for name in FIELDS}
    return Command(idempotency_key=key, sinks=(sink,), phrase_end_ns=0, **values)


def read_row(row: Sequence[Any]) -> Kept:
    """One row of SELECT. RowError says what of it can't be read; its text holds no words that were said."""
    if len(row) != COLUMNS.count(",") + 1:
        raise RowError("it has not the columns of a delivery")
    number, key, sink, state, attempts, fault, deadline, updated, body, created = row
    if not isinstance(body, str):
        raise RowError("its command is missing")
    if not (isinstance(key, str) and 0 < len(key) <= MAX_KEY and isinstance(sink, str) and sink):
        raise RowError("key or sink is none")
    if state not in STATES:
        raise RowError("its state is not one that this Cueline knows")
    if not (_counts(number) and _counts(attempts) and isinstance(fault, str)):
        raise RowError("number, attempts or fault is none")
    if not all(isinstance(moment, float) and isfinite(moment) for moment in (deadline, updated, created)):
        raise RowError("a time is none")
    return Kept(number, decoded(key, sink, body), sink, state, attempts, fault, deadline, updated, created)


def _counts(value: Any) -> bool:
    return type(value) is int and value >= 0
