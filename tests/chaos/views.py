"""The outcome of a run as a table for people and as JSON. Pure but for rich."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from engine.percentiles import percentile
from tests.chaos.accounting import NS_PER_MS, Account, Fate, Happenings
from tests.chaos.figures import Added, Costs, Row

COLUMNS = (
    "injected",
    "lost",
    "duplicated",
    "not heard:\nno audio",
    "refused\nfor good",
    "redelivered",
    "recovered in\np50 s",
    "\nmax s",
)


def table_of(title: str, found: Sequence[Row]) -> Table:
    """One line per kind, and a sum."""
    table = table_by_kind(title, COLUMNS, {row.kind: _cells(row) for row in found})
    table.add_section()
    table.add_row("all", *_cells(_sum(found)))
    return table


def table_by_kind(title: str, columns: Sequence[str], cells: Mapping[str, Sequence[str]]) -> Table:
    """What became of the faults of each kind; "" is what was near none."""
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("fault", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for kind, row in cells.items():
        table.add_row(kind or "(no fault near)", *row)
    return table


def _cells(row: Row) -> list[str]:
    p50, most = percentile(row.recovered_ms, 0.5), max(row.recovered_ms, default=None)
    counts = (row.injected, row.lost, row.duplicated, row.no_audio, row.refused, row.redelivered)
    late = f"{row.unrecovered} never" if row.unrecovered else _seconds(most)
    return [*map(str, counts), _seconds(p50), late]


def _seconds(ms: float | None) -> str:
    return "–" if ms is None else f"{ms / 1000:.2f}"


def _sum(found: Sequence[Row]) -> Row:
    counts = ("injected", "lost", "duplicated", "no_audio", "refused", "redelivered")
    sums = {name: sum(getattr(row, name) for row in found) for name in counts}
    return Row(kind="all", recovered_ms=tuple(ms for row in found for ms in row.recovered_ms), **sums)


def sentences(found: Account, costs: Costs, calls: int, seconds: float) -> list[str]:
    """What the table does not say."""
    heard, no_audio, refused = (len(found.of(fate)) for fate in (Fate.HEARD, Fate.NO_AUDIO, Fate.REFUSED))
    first = (
        f"{calls} calls for {seconds:.0f} s: {len(found.phrases)} phrases spoken, {heard} delivered, {no_audio} not heard for "
        f"want of audio, {refused} refused for good by their receiver; {len(found.false)} commands for what nobody said."
    )
    return [
        first,
        f"Latency that a worker's death adds to its own calls: {_added(costs.own)}.",
        f"To the other shards' calls meanwhile: {_added(costs.others)}; phrases that met no fault: {_added(costs.peace)}.",
    ]


def _added(value: Added) -> str:
    if value.p50 is None or value.p95 is None:
        return "not measured (no phrase met one)"
    return f"p50 {value.p50:.0f} ms, p95 {value.p95:.0f} ms ({value.phrases} phrases)"


def document(
    known: Happenings,
    found: Account,
    table: Sequence[Row],
    costs: Costs,
    problems: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """As plain values; every phrase that was not heard is in it, with where and why."""
    return {
        "seed": seed,
        "faults": len(known.faults),
        "kinds": len({fault.kind for fault in known.faults}),
        "spoken": len(found.phrases),
        **{fate.name.lower(): len(found.of(fate)) for fate in Fate},
        "duplicated": len(found.duplicates),
        "false": len(found.false),
        "problems": list(problems),
        "rows": [asdict(row) for row in table],
        "added_ms": asdict(costs),
        "not_heard": [
            asdict(phrase.spoken)
            | {"fate": phrase.fate.value, "blamed": phrase.blamed.kind if phrase.blamed else None}
            | {"after_fault_ms": (phrase.spoken.end_ns - phrase.blamed.at_ns) / NS_PER_MS if phrase.blamed else None}
            for phrase in found.phrases
            if phrase.fate is not Fate.HEARD
        ],
        "duplicates": [asdict(each.receipt) | {"why": each.why} for each in found.duplicates],
        "false_commands": [asdict(each) for each in found.false],
        "injected": [asdict(fault) for fault in known.faults],
    }
