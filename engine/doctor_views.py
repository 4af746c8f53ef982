"""How `cueline doctor` shows itself: a table for people, dicts for JSON lines."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

from engine.doctor_checks import Check, Verdict

_SIGNS: dict[Verdict, str] = {"ok": "[green]ok[/]", "warn": "[yellow]warning[/]", "fail": "[red]fails[/]"}


def rows(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """One JSON object per check."""
    return [dataclasses.asdict(check) for check in checks]


def table(checks: Iterable[Check]) -> Table:
    """The same for people."""
    shown = Table(
        "check", "", Column("found", overflow="fold"), Column("what to do", overflow="fold"), show_lines=False
    )
    for check in checks:
        shown.add_row(check.name, _SIGNS[check.verdict], escape(check.found), escape(check.advice))
    return shown


def healthy(checks: Iterable[Check]) -> bool:
    """Whether nothing fails; warnings do not count."""
    return all(check.verdict != "fail" for check in checks)
