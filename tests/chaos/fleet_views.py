"""The outcome of a run on a fleet as a table for people and as JSON. Pure but for rich."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from engine.demo.processes import Event
from engine.percentiles import percentile
from engine.simulator.call import Sent
from tests.chaos.accounting import NS_PER_MS, Account, Fate, Happenings
from tests.chaos.fleet_account import Moves
from tests.chaos.fleet_figures import FleetRow
from tests.chaos.plant import ChaosCall
from tests.chaos.views import table_by_kind

COLUMNS = (
    "struck",
    "lost",
    "twice",
    "in the\ngap",
    "at its\nedge",
    "sent\nagain",
    "followed\nagain p50 s",
    "\nmax s",
    "break\nmax ms",
    "by two\nmax s",
    "recovered\nmax s",
)


def fleet_table(title: str, found: Sequence[FleetRow]) -> Table:
    """One line per kind."""
    return table_by_kind(title, COLUMNS, {row.kind: _cells(row) for row in found})


def _cells(row: FleetRow) -> list[str]:
    counts = (row.injected, row.lost, row.duplicated, row.inside, row.edge, row.redelivered)
    recovered = f"{row.unrecovered} never" if row.unrecovered else _seconds(max(row.recovered_s, default=None))
    return [
        *map(str, counts),
        _seconds(percentile(row.again_s, 0.5)),
        _seconds(max(row.again_s, default=None)),
        f"{row.break_ms:.0f}",
        _seconds(row.overlap_ms / 1000),
        recovered,
    ]


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def fleet_sentences(found: Account, table: Sequence[FleetRow], calls: int, seconds: float) -> list[str]:
    """What the table does not say."""
    heard = len(found.of(Fate.HEARD))
    inside, edge = sum(row.inside for row in table), sum(row.edge for row in table)
    sentence = (
        f"{calls} calls for {seconds:.0f} s: {len(found.phrases)} phrases spoken, {heard} delivered, {inside} spoken entirely in "
        f"a gap, {edge} cut by a gap's edge, {len(found.of(Fate.LOST))} lost, {len(found.duplicates)} duplicated; "
        f"{len(found.false)} commands for what nobody said."
    )
    return [sentence]


def fleet_document(
    known: Happenings,
    found: Account,
    moved: Moves,
    table: Sequence[FleetRow],
    wrong: Sequence[str],
    seed: int,
    lease_s: float,
) -> dict[str, Any]:
    """As plain values; every phrase that was not heard is in it, with where and why, and every move of a call."""
    return {
        "seed": seed,
        "lease_s": lease_s,
        "faults": len(known.faults),
        "spoken": len(found.phrases),
        **{fate.name.lower(): len(found.of(fate)) for fate in Fate},
        "duplicated": len(found.duplicates),
        "false": len(found.false),
        "problems": list(wrong),
        "rows": [asdict(row) for row in table],
        "moves": asdict(moved),
        "gaps": {call: [asdict(gap) for gap in gaps] for call, gaps in known.gaps.items()},
        "not_heard": [
            asdict(phrase.spoken)
            | {"fate": phrase.fate.value, "blamed": phrase.blamed.kind if phrase.blamed else None}
            | {"after_fault_ms": (phrase.spoken.end_ns - phrase.blamed.at_ns) / NS_PER_MS if phrase.blamed else None}
            for phrase in found.phrases
            if phrase.fate is not Fate.HEARD
        ],
        "duplicates": [asdict(each.receipt) | {"why": each.why} for each in found.duplicates],
        "injected": [asdict(fault) for fault in known.faults],
    }


def fleet_course(book: Sequence[ChaosCall], said: Sequence[tuple[int, str, Event]], begun_ns: int) -> dict[str, Any]:
    """Who got which call when, and the nodes' logs; in seconds since the run began."""

    def since_s(at_ns: float) -> float:
        return round((at_ns - begun_ns) / NS_PER_MS / 1000, 3)

    def stretch(call: ChaosCall, each: Sent) -> dict[str, Any]:
        begun = call.started_ns or 0
        return {
            "node": each.client.rpartition(".")[2],
            "from_s": since_s(begun + each.from_ms * NS_PER_MS),
            "to_s": since_s(begun + each.to_ms * NS_PER_MS),
        }

    return {
        "followed": {call.conversation_id: [stretch(call, each) for each in call.sent] for call in book},
        "log": [{"at_s": since_s(at_ns), "node": node, **event} for at_ns, node, event in said],
    }
