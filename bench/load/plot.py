"""Latency and utilisation over the number of calls, as a PNG."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.load.capacity import Capacity
from bench.load.point import FRAME_P99_MS, SPOT_P95_MS, Point, Ranks
from bench.load.views import PARTS
from engine.demo.scene import Machine

RANK_COLOURS = {"p50": "#56b4e9", "p95": "#0072b2", "p99": "#003a5d"}  # of one hue: darker is rarer
PART_COLOURS = {"decode": "#0072b2", "vad": "#56b4e9", "intake": "#e69f00", "ipc": "#f0e442", "rest": "#999999"}
LIMIT = "#d55e00"


def draw(found: Capacity, machine: Machine, path: Path) -> None:
    """Write the picture; OSError where that can't be."""
    points = sorted((point for point in found.points if not point.failure), key=lambda point: point.calls)
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    held = found.held.calls if found.held else 0
    figure.suptitle(
        f"{found.subject}: {held} calls held on {machine.cores} processors ({machine.cpu})",
        fontsize=14,
        fontweight="bold",
    )
    (spot, frame), (busy, cost) = figure.subplots(2, 2, sharex=True)
    most_ms = max((point.spot_most_ms for point in points), default=SPOT_P95_MS)
    _latency(spot, "end of the phrase → webhook", points, [point.spot_ms for point in points], ("p95", most_ms))
    _latency(frame, "frame latency", points, [point.frame_ms for point in points], ("p99", FRAME_P99_MS))
    _utilisation(busy, points, machine)
    _cost(cost, points)
    for axes in (spot, frame, busy, cost):
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
        if held:
            axes.axvline(held, color=LIMIT, linewidth=1, linestyle=":")
    for axes in (busy, cost):
        axes.set_xlabel("calls at once")
    figure.savefig(path, dpi=110, format="png")


def _latency(axes: Axes, title: str, points: Sequence[Point], ranks: Sequence[Ranks], limit: tuple[str, float]) -> None:
    axes.set_title(title, loc="left")
    axes.set_ylabel("ms")
    calls = [point.calls for point in points]
    for name, colour in RANK_COLOURS.items():
        values = [getattr(each, name) or float("nan") for each in ranks]
        axes.plot(calls, values, marker="o", markersize=4, color=colour, label=name)
    name, most_ms = limit
    axes.axhline(most_ms, color=LIMIT, linewidth=1, linestyle="--", label=f"limit for {name}: {most_ms:.0f} ms")
    axes.legend(fontsize=9, loc="upper left", frameon=False)
    axes.set_ylim(top=min(2000, 1.15 * max([most_ms * 1.6, *(getattr(each, name) or 0 for each in ranks)])))


def _utilisation(axes: Axes, points: Sequence[Point], machine: Machine) -> None:
    axes.set_title("processors in use", loc="left")
    axes.set_ylabel("cores")
    calls = [point.calls for point in points]
    axes.plot(
        calls, [sum(point.cpu.values()) for point in points], marker="o", markersize=4, color="#0072b2", label="engine"
    )
    axes.plot(
        calls, [point.load_cpu for point in points], marker="o", markersize=4, color="#e69f00", label="load generator"
    )
    axes.axhline(machine.cores, color=LIMIT, linewidth=1, linestyle="--", label=f"all {machine.cores} processors")
    axes.legend(fontsize=9, loc="upper left", frameon=False)


def _cost(axes: Axes, points: Sequence[Point]) -> None:
    axes.set_title("CPU per call", loc="left")
    axes.set_ylabel("ms per second of call")
    names = [part for part in PART_COLOURS if part in PARTS and any(part in point.cpu for point in points)]
    stacks = [[1000 * point.cpu.get(part, 0.0) / point.calls for point in points] for part in names]
    if stacks:
        axes.stackplot(
            [point.calls for point in points], stacks, labels=names, colors=[PART_COLOURS[part] for part in names]
        )
        axes.legend(fontsize=9, loc="upper right", frameon=False, ncols=3)
        axes.set_ylim(top=1.35 * max(map(sum, zip(*stacks, strict=True))))
