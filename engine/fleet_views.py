"""How `cueline fleet` shows the fleet: a line for the whole, a table of its nodes, what is wrong. A function of FLEET and a width."""

import time
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

Row = dict[str, Any]

NOTHING = "–"
_COLOURS = {"ready": "green", "full": "yellow", "draining": "yellow", "fenced": "bold red", "silent": "bold red"}
_LEVELS = {"bad": ("■", "bold red"), "warn": ("▲", "yellow")}
_WIDE, _WIDEST = 84, 130  # columns from which on more of a node is shown


def picture(fleet: Row, width: int | None = None) -> RenderableType:
    """The whole; `width` None: no terminal, all in one line each, nothing drawn around it."""
    parts: list[RenderableType] = [Text(fleet["summary"], "bold"), Text(_about(fleet), "bright_black")]
    parts += [_concern(concern) for concern in fleet["concerns"]]
    if fleet["nodes"]:
        parts.append(_table(fleet, width))
    return Group(*parts)


def _about(fleet: Row) -> str:
    redis = fleet["redis"]
    facts = [f"fleet {fleet['name']}", f"lease {fleet['lease_s']:g} s"]
    if fleet["epoch"]:  # else nobody ever stood: where no node follows notifications, none has to lead
        facts.insert(1, f"leader {fleet['leader']} (epoch {fleet['epoch']})" if fleet["leader"] else "no leader")
    facts += [f"{fleet[name]} {name}" for name in ("handovers", "quarantined") if fleet[name]]
    return " · ".join([*facts, f"Redis {redis['version']}, {redis['memory_mb']:g} MB"])


def _concern(concern: Row) -> Text:
    sign, colour = _LEVELS[concern["level"]]
    return Text.assemble((f"{sign} ", colour), concern["text"])


def _table(fleet: Row, width: int | None) -> Table:
    shown = Table(box=box.SIMPLE_HEAD if width else None, pad_edge=False, padding=(0, 2, 0, 0))
    cells = _columns(width)
    for name, right, _ in cells:
        shown.add_column(name, justify="right" if right else "left", no_wrap=True)
    for node in fleet["nodes"]:
        shown.add_row(*(cell(node, fleet) for _, _, cell in cells))
    return shown


def _columns(width: int | None) -> list[tuple[str, bool, Any]]:
    """Name, whether it is a number, and how the cell of a node is made."""
    columns = [
        ("node", False, lambda node, _: escape(node["node"])),
        ("state", False, lambda node, _: _state(node)),
        ("calls", True, lambda node, _: _calls(node)),
        ("room", True, lambda node, _: _number(node["room"])),
        ("busy", True, lambda node, _: _percent(node["utilization"])),
        ("lag", True, lambda node, _: _seconds(node["lag_s"])),
    ]
    if width is None or width >= _WIDE:
        columns.insert(3, ("AudioHook", True, lambda node, _: _number(node["audiohook"])))
        columns.append(("heard", True, lambda node, _: f"{node['heard_s']:.1f} s ago"))
    if width is None or width >= _WIDEST:
        columns += [
            ("up for", True, lambda node, fleet: _lasting(node, fleet["at"])),
            ("version", False, lambda node, _: escape(node["version"] or NOTHING)),
            ("admin API", False, lambda node, _: escape(node["admin"] or NOTHING)),
        ]
    return columns


def _state(node: Row) -> str:
    leads = ", leads" if node["leads"] else ""
    return f"[{_COLOURS.get(node['state'], 'bright_black')}]{node['state'] or 'unknown'}[/]{leads}"


def _calls(node: Row) -> str:
    most = node["max_calls"]
    return _number(node["calls"]) + (f" of {most:g}" if most is not None else "")


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value * 100:.0f} %"


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _lasting(node: Row, at: float) -> str:
    if node["since"] is None:
        return NOTHING
    whole = max(0, int(at - node["since"]))
    days, rest = whole // 86_400, whole % 86_400
    said = f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {said}" if days else said


def lost(fault: str, since: float | None) -> Text:
    """Instead of a picture, or above an old one."""
    old = "" if since is None else f"; what stands below is from {time.strftime('%H:%M:%S', time.localtime(since))}"
    return Text.assemble(("■ ", "bold red"), f"{fault}{old}")
