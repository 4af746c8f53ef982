"""Plain values as tables that fit a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

SHORT = {
    "frames_per_chunk": "chunk",
    "min_active": "active",
    "background_words": "words",
    "false_alarms": "false",
    "talk_false_alarms": "false in talk",
    "talk_false_alarms_per_hour": "per hour",
    "latency_min_ms": "min",
    "latency_p50_ms": "p50",
    "latency_p95_ms": "p95",
    "latency_max_ms": "max",
    "decode_ms_per_voiced_s": "CPU ms/voiced s",
    "decoded_percent": "decoded %",
    "decode_ms_per_audio_s": "CPU ms/audio s",
}


def table_of(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """A table; what is the same in every row stands in the caption, not in a column. A row alone stands upright."""
    if len(rows) == 1:
        return _table(title, ["", "value"], [[_header(name), _cell(value)] for name, value in rows[0].items()])
    shown = [name for name in rows[0] if len({str(row[name]) for row in rows}) > 1]
    table = _table(title, [_header(name) for name in shown], [[_cell(row[name]) for name in shown] for row in rows])
    table.caption = ", ".join(f"{_header(name)} {_cell(rows[0][name])}" for name in rows[0] if name not in shown)
    return table


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _header(name: str) -> str:
    return SHORT.get(name, name.replace("_", " "))


def _cell(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"
        case _:
            return str(value)
