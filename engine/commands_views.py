"""How `cueline commands` shows itself: a table for people, JSON lines for programs. Words that were said only in `details`."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import orjson
from rich.markup import escape
from rich.table import Column, Table

from engine.commands.ledger import Entry

_COLOURS = {"waiting": "yellow", "sending": "yellow", "delivered": "green", "discarded": "dim"}  # dead letters: red


def row(entry: Entry) -> dict[str, Any]:
    """What `list --json` says of a delivery; times in UTC."""
    return {
        "key": entry.key,
        "sink": entry.sink,
        "state": entry.state,
        "attempts": entry.attempts,
        "fault": entry.fault,
        "created": _moment(entry.created),
        "updated": _moment(entry.updated),
        "deadline": _moment(entry.deadline),
    }


def full_row(entry: Entry) -> dict[str, Any]:
    """The same, and the command itself: its fields, its text where it can't be read, null where it is lost."""
    try:
        body = None if entry.body is None else orjson.loads(entry.body)
    except orjson.JSONDecodeError:
        body = entry.body
    return row(entry) | {"command": body}


def table(entries: Iterable[Entry], now: float) -> Table:
    """For people."""
    entries = list(entries)
    longest = max((len(entry.key) for entry in entries), default=0)
    key = Column("key", no_wrap=True, min_width=longest)  # whole, to be copied: other columns give way
    shown = Table(key, "sink", "state", "attempts", "age", Column("fault", overflow="fold"))
    for entry in entries:
        colour = _COLOURS.get(entry.state, "red")
        age = "?" if entry.created is None else age_of(now - entry.created)
        cells = (str(entry.attempts), age, escape(entry.fault))
        shown.add_row(escape(entry.key), escape(entry.sink), f"[{colour}]{escape(entry.state)}[/]", *cells)
    return shown


def details(entry: Entry) -> Iterator[str]:
    """All of a delivery, line by line."""
    width = 10
    for name, value in full_row(entry).items():
        if isinstance(value, dict):
            yield f"{name}:"
            yield from (f"  {each:<20} {orjson.dumps(kept).decode()}" for each, kept in value.items())
        else:
            yield f"{name + ':':<{width}} {'' if value is None else value}"


def age_of(seconds: float) -> str:
    """In the greatest unit that fits."""
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _moment(seconds: float | None) -> str | None:
    """None for what is no moment, too."""
    if seconds is None or not isfinite(seconds) or not 0 <= seconds < 2**37:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
