"""The two forms of labels, as rows. Pure: bytes in, rows and faults out.

`labels.csv` has a header with the columns file, phrase, start_ms, end_ms and, if wanted, channel, in any order, and a line
for each place where a phrase is said. A line that names only a file says that nothing is said in it. `manifest.json` holds
`calls`, each with a `file` and what is `said` in it; keys that are not needed are ignored.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from engine.options import Channel
from engine.speech.phrases import normalise

CSV, MANIFEST = "labels.csv", "manifest.json"
NEEDED = ("file", "phrase", "start_ms", "end_ms")
COLUMNS = (*NEEDED, "channel")
ALLOWED = f"the columns are {', '.join(NEEDED)} and, if wanted, channel"
_CHANNELS: dict[Any, Channel] = {channel: channel for channel in get_args(Channel)}


@dataclass(frozen=True, slots=True)
class Label:
    """A phrase at its place in a recording's audio."""

    phrase: str
    start_ms: int
    end_ms: int
    channel: Channel
    where: str  # it stands: `labels.csv line 3`


@dataclass(frozen=True, slots=True)
class Row:
    """A recording that is named, and what this row says of it."""

    where: str
    file: str
    label: Label | None


def rows_of_csv(data: bytes, faults: list[str]) -> list[Row]:
    """The rows that make sense; what does not is added to the faults."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        faults.append(f"{CSV} line {line}: not UTF-8 text; save it as UTF-8")
        return []
    reader = csv.reader(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), strict=True)
    rows: list[Row] = []
    header: list[str] | None = None
    begun = 1  # the line that a record begins at; quoted cells may run over several
    try:
        for cells in reader:
            where, begun = f"{CSV} line {begun}", reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                if wrong := _header_faults(header, where):
                    faults += wrong
                    return []
            elif len(cells) != len(header):
                faults.append(f"{where}: {len(cells)} cells, but the header has {len(header)}; quote cells with commas")
            else:
                rows += _row(where, dict(zip(header, map(str.strip, cells), strict=True)), faults)
    except csv.Error as error:
        faults.append(f"{CSV} line {begun}: not CSV ({error})")
        return rows
    if header is None:
        faults.append(f"{CSV}: empty; begin with the line {','.join(NEEDED)}")
    return rows


def _header_faults(header: list[str], where: str) -> list[str]:
    unknown = [f"{where}: unknown column {name!r}; {ALLOWED}" for name in header if name not in COLUMNS]
    missing = [f"{where}: no column {name}; {ALLOWED}" for name in NEEDED if name not in header]
    twice = [f"{where}: column {name} stands there twice" for name in COLUMNS if header.count(name) > 1]
    return [*unknown, *missing, *twice]


def _row(where: str, cells: Mapping[str, str], faults: list[str]) -> list[Row]:
    """The row, also where its label is wrong; none where it names no recording."""
    file = cells["file"]
    if not file:
        faults.append(f"{where}: no file; give the recording's name")
        return []
    silent = not any(cells[name] for name in NEEDED[1:])
    return [Row(where, file, None if silent else _label(where, cells, faults))]


def _label(where: str, values: Mapping[str, Any], faults: list[str]) -> Label | None:
    """A label of a row's cells, or of a manifest's object; None where something was wrong with it."""
    before = len(faults)
    phrase, channel = values.get("phrase"), str(values.get("channel") or "external")
    if not isinstance(phrase, str) or not normalise(phrase):
        faults.append(f"{where}: phrase {phrase!r} holds no word")
    if channel not in _CHANNELS:
        faults.append(f"{where}: channel {channel!r}; give external (customer) or internal (agent)")
    start_ms = _milliseconds(where, "start_ms", values.get("start_ms"), faults)
    end_ms = _milliseconds(where, "end_ms", values.get("end_ms"), faults)
    if len(faults) == before and end_ms <= start_ms:
        faults.append(f"{where}: end_ms {end_ms} is not after start_ms {start_ms}")
    if len(faults) > before:
        return None
    return Label(" ".join(str(phrase).split()), start_ms, end_ms, _CHANNELS[channel], where)


def _milliseconds(where: str, name: str, value: Any, faults: list[str]) -> int:
    """A whole number from 0 up; 0 and a fault where it is none."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if text.isascii() and text.isdigit() and len(text) <= 12:
        return int(text)
    faults.append(f"{where}: {name} = {value!r}: must be a whole number of milliseconds, 0 or more")
    return 0


def rows_of_manifest(data: bytes, faults: list[str]) -> list[Row]:
    """As `rows_of_csv`."""
    try:
        calls = json.loads(data)["calls"]
        entries = [(call["file"], list(call.get("said", ()))) for call in calls]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        faults.append(f'{MANIFEST}: not {{"calls": [{{"file": …, "said": […]}}, …]}} ({reason})')
        return []
    rows = []
    for number, (file, said) in enumerate(entries):
        where = f"{MANIFEST} calls[{number}]"
        if not isinstance(file, str) or not file:
            faults.append(f"{where}: file {file!r}; give the recording's name")
            continue
        rows.append(Row(where, file, None))
        for place, values in enumerate(said):
            inner = f"{where}.said[{place}]"
            rows.append(Row(inner, file, _label(inner, values if isinstance(values, dict) else {}, faults)))
    return rows
