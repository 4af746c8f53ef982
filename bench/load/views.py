"""Points as a table for people and as one JSON document."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table

from bench.load.capacity import Capacity
from bench.load.point import FRAME_P99_MS, SPOT_P95_MS, Point
from engine.demo.scene import Machine
from engine.demo.sessions import OPENED_MS, PING_MS, Sessions

COLUMNS = ("calls", "held", "heard", "false", "spot\np50", "\np95", "\np99", "frame\np50", "\np99", "CPU", "busy")
PARTS = ("intake", "ipc", "vad", "decode", "rest")
LOAD_FULL_CORES = 0.9  # one process sends; beyond this it is what breaks


def criterion(points: Sequence[Point]) -> str:
    """What a load has to meet, for points of one subject."""
    held_back_ms = max((point.held_back_ms for point in points), default=0.0)
    most = f"{SPOT_P95_MS + held_back_ms:.0f} ms"
    if held_back_ms:
        most += f" ({SPOT_P95_MS:.0f} and the {held_back_ms:.0f} that the sender's long messages hold back)"
    return (
        f"no frame dropped, frame latency p99 ≤ {FRAME_P99_MS:.0f} ms, spot latency p95 ≤ {most}, 98 % of phrases heard"
    )


def points_table(title: str, points: Sequence[Point]) -> Table:
    """One line per point, the smallest load first."""
    table = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption="spot, frame: latency in ms. CPU: ms per call and second. busy: the busiest shard.",
    )
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for point in sorted(points, key=lambda point: point.calls):
        spot, frame = point.spot_ms, point.frame_ms
        table.add_row(
            str(point.calls),
            "no" if point.broken else "yes",
            f"{point.heard}/{point.said}",
            str(point.false),
            *(_ms(value) for value in (spot.p50, spot.p95, spot.p99, frame.p50, frame.p99)),
            f"{1000 * point.cpu_per_call:.1f}",
            "–" if point.utilization is None else f"{point.utilization:.0%}",
        )
    return table


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def verdict(found: Capacity, machine: Machine) -> list[str]:
    """Sentences: what was held, what a call costs and where, memory, and whether the load itself was the limit."""
    held, broke = found.held, found.broke
    if held is None:
        return [f"No load tried was held. {_settled(found)}"]
    each = held.calls / machine.cores
    where = f"{machine.cores} processors ({machine.cpu})"
    lines = [
        f"{held.calls} calls held at once on {where}: {each:.1f} per processor, load generator included. {_settled(found)}"
    ]
    if broke:
        lines.append(f"{broke.calls} calls broke: {'; '.join(broke.broken)}.")
    total = sum(held.cpu.values())
    if total:
        shares = ", ".join(f"{part} {cores / total:.0%}" for part, cores in held.cpu.items())
        lines.append(f"A call takes {1000 * held.cpu_per_call:.1f} ms of CPU per second: {shares}.")
    if "workers" in held.memory_mb:
        memory = held.memory_mb
        lines.append(
            f"Memory (PSS): engine {memory['engine']:.0f} MB, of which workers {memory['workers']:.0f}; "
            f"the greatest worker's own pages {memory['worker private']:.0f} MB."
        )
    if held.sessions:
        lines.append(_sessions(held.sessions))
    return [*lines, _load(held), f"Held means: {criterion(found.points)}."]


def _sessions(sessions: Sessions) -> str:
    opened, pings = sessions.opened_ms, sessions.ping_ms
    return (
        f"AudioHook: {sessions.opened} sessions opened, p99.9 {_ms(opened.p999)} ms; "
        f"{pings.count} pings, p99 {_ms(pings.p99)} ms; {sessions.lost} sessions lost. "
        f"Held means also: opened p99.9 ≤ {OPENED_MS:.0f} ms, pings p99 ≤ {PING_MS:.0f} ms, none lost."
    )


def _settled(found: Capacity) -> str:
    return "" if found.settled else "The search was cut short."


def _load(held: Point) -> str:
    full = round(held.calls * LOAD_FULL_CORES / held.load_cpu) if held.load_cpu else 0
    late = f" and was {held.late_ms:.0f} ms behind its clock at worst" if held.late_ms else ""
    return f"The load generator took {held.load_cpu:.2f} cores{late}; one process would be full at about {full} calls."


def document(found: Capacity, machine: Machine) -> dict[str, Any]:
    """As plain values."""
    held = found.held
    return {
        "subject": found.subject,
        "machine": {"processors": machine.cores, "cpu": machine.cpu},
        "criterion": criterion(found.points),
        "settled": found.settled,
        "calls_held": held.calls if held else 0,
        "calls_per_processor": held.calls / machine.cores if held else 0.0,
        "points": [point.report() for point in sorted(found.points, key=lambda point: point.calls)],
    }
