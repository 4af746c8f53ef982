"""How `cueline doctor` shows itself: a table for people, dicts for JSON lines."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

from engine.doctor_checks import Check, Verdict

_SIGNS: dict[Verdict, str] = {"ok": "[green]ok[/]", "warn": "[yellow]warning[/]", "fail": "[red]fails[/]"}

ROOM = 120  # columns; with less a table breaks names and paths inside of words


def rows(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """One JSON object per check."""
    return [dataclasses.asdict(check) for check in checks]


def shown(checks: Iterable[Check], width: int | None = None) -> Table:
    """The same for people: a table where `width` has room for one, else a list; None is no terminal, no line is broken."""
    return _table(checks) if width is not None and width >= ROOM else _list(checks)


def _table(checks: Iterable[Check]) -> Table:
    drawn = Table(
        "check", "", Column("found", overflow="fold"), Column("what to do", overflow="fold"), show_lines=False
    )
    for check in checks:
        drawn.add_row(check.name, _SIGNS[check.verdict], escape(check.found), escape(check.advice))
    return drawn


def _list(checks: Iterable[Check]) -> Table:
    """What was found beside its verdict, what to do below it. Lines break between words; longer ones where they must."""
    drawn = Table.grid(Column(no_wrap=True), Column(overflow="fold"), padding=(0, 2))
    for check in checks:
        advice = f"\n[bold]→[/] {escape(check.advice)}" if check.advice else ""
        drawn.add_row(_SIGNS[check.verdict], f"{escape(check.name)}: {escape(check.found)}{advice}")
    return drawn


def healthy(checks: Iterable[Check]) -> bool:
    """Whether nothing fails; warnings do not count."""
    return all(check.verdict != "fail" for check in checks)
