"""How `cueline commands` shows itself: a table for people, JSON lines for programs. Words that were said only in `details`."""

import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import orjson
from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from engine.commands.ledger import Entry

_COLOURS = {"waiting": "yellow", "sending": "yellow", "delivered": "green", "discarded": "dim"}  # dead letters: red
UNBOUNDED = 1 << 16  # columns: no line is broken
_OTHERS = 9 + 8 + 6 + 19  # columns of a table for state, attempts, age, and all lines and gaps between
_LEAST_FAULT = 30  # columns; less than that is no reading


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


def listing(entries: Sequence[Entry], now: float, width: int | None = None) -> RenderableType:
    """For people: a table where `width` has room for the whole key (it is to be copied), else the key on a line above the rest.

    `width` None: no terminal, all in one line each, nothing drawn around it.
    """
    if width is None:
        return _table(entries, now, drawn=False)
    key, sink, fault = (
        max((len(getattr(entry, name)) for entry in entries), default=0) for name in ("key", "sink", "fault")
    )
    if key + max(sink, 4) + _OTHERS + max(5, min(fault, _LEAST_FAULT)) <= width:
        return _table(entries, now, drawn=True)
    return Group(*(_block(entry, now) for entry in entries))


def _table(entries: Iterable[Entry], now: float, *, drawn: bool) -> Table:
    columns = [Column(name, no_wrap=True) for name in ("key", "sink", "state", "attempts", "age")]
    shown = Table(*columns, Column("fault", overflow="fold"), box=box.HEAVY_HEAD if drawn else None)
    for entry in entries:
        cells = (str(entry.attempts), _age(entry, now), escape(entry.fault))
        shown.add_row(escape(entry.key), escape(entry.sink), _coloured(entry), *cells)
    return shown


def _block(entry: Entry, now: float) -> RenderableType:
    """The key unbroken by us, so that a terminal hands it over whole; below it the rest."""
    tried = f"{entry.attempts} {'attempt' if entry.attempts == 1 else 'attempts'}"
    said = f"{escape(entry.sink)}: {_coloured(entry)}, {tried}, {_age(entry, now)} old"
    fault = f": {escape(entry.fault)}" if entry.fault else ""
    key = Text(entry.key, no_wrap=True, overflow="ignore")
    return Group(key, Padding(Text.from_markup(f"{said}{fault}", overflow="fold"), (0, 0, 0, 2)))


def _coloured(entry: Entry) -> str:
    return f"[{_COLOURS.get(entry.state, 'red')}]{escape(entry.state)}[/]"


def _age(entry: Entry, now: float) -> str:
    return "?" if entry.created is None else age_of(now - entry.created)


def plain(shown: RenderableType) -> str:
    """For pipes and files: no line is broken, none ends in blanks, no colours."""
    console = Console(file=io.StringIO(), width=UNBOUNDED, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(shown)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


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
