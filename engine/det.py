"""A picture of DET curves (`det_points`): misses against false alarms per hour, by patience and by confidence.

All rules together at the left, each by itself at the right where they are few, on the same scale. Labels are the options'
values; they cover neither one another nor a point or line, and those without room are left out. Colours are Okabe and Ito's, which
colour-blind people can tell apart, and each curve has a marker of its own. It draws without a display.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator, PercentFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from engine.det_points import Panel, Point, Scale, panels
from engine.evaluated import Evaluation
from engine.proposals import per_hour
from engine.timeline import FAINT, INK, drawing, shortened

DPI = 100
HEIGHT, ROW_HEIGHT, BIG_WIDTH, SMALL_WIDTH = 780, 280, 800, 420  # pixels
COLUMNS = 2  # of small panels
PATIENCE, CONFIDENCE, WANTED = "#0072B2", "#D55E00", "#009E73"
LONGEST_TITLE = 40  # characters
OFFSETS = ((10, 0), (8, 8), (8, -8), (0, 13), (0, -13), (-10, 0), (-8, 8), (-8, -8))  # points; the first that fits
ALIGNED = {(True, False): "left", (False, True): "right", (False, False): "center"}  # by an offset to right or left
MARKER, LINE, RING = 5, 2, 9  # pixels about a point, a line and a ring that labels keep free


def draw(evaluation: Evaluation, false_per_hour: float, path: Path) -> None:
    """Write the PNG; OSError where that is not possible."""
    shown = panels(evaluation, false_per_hour)
    with drawing():
        figure = _figure(shown, false_per_hour)
        figure.savefig(path, dpi=DPI, format="png")


def _figure(shown: Sequence[Panel], false_per_hour: float) -> Figure:
    big, *small = shown
    rows = -(-len(small) // COLUMNS)
    width, height = BIG_WIDTH + (COLUMNS * SMALL_WIDTH if small else 0), max(HEIGHT, ROW_HEIGHT * rows)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1)  # inches
    FigureCanvasAgg(figure)
    ratios = [BIG_WIDTH, *[SMALL_WIDTH] * COLUMNS] if small else [1]
    grid = figure.add_gridspec(max(rows, 1), len(ratios), width_ratios=ratios)
    scale = Scale.of(shown, false_per_hour)
    everywhere = [figure.add_subplot(grid[:, 0])]
    everywhere += [figure.add_subplot(grid[n // COLUMNS, 1 + n % COLUMNS]) for n in range(len(small))]
    for axes, panel in zip(everywhere, shown, strict=True):
        _draw_panel(axes, panel, scale, None if axes is everywhere[0] and small else false_per_hour)
    _describe(everywhere[0], big)
    figure.legend(
        handles=_legend(false_per_hour), loc="outside lower left", ncols=3 if small else 2, frameon=False, fontsize=10
    )
    figure.draw_without_rendering()  # lays out, once and for all, so that labels can be measured
    figure.set_layout_engine("none")
    for axes, panel in zip(everywhere, shown, strict=True):
        _draw_labels(axes, panel, scale, size=10.5 if axes is everywhere[0] else 8.5)
    return figure


def _describe(axes: Axes, panel: Panel) -> None:
    """The big panel's names."""
    axes.title.set_fontsize(13)
    axes.set_ylabel("missed, of what was said", fontsize=11)
    least = f"one in these {panel.hours:.2g} h is {1 / panel.hours:.3g}"
    axes.set_xlabel(f"false alarms per hour ({least})", fontsize=11)
    axes.tick_params(labelsize=10)


def _draw_panel(axes: Axes, panel: Panel, scale: Scale, wanted: float | None) -> None:
    """Curves on their axes; the wanted rate where it is about this panel."""
    axes.set_xscale("log")
    axes.set_xlim(scale.none_at / 1.6, scale.right)
    axes.set_ylim(-0.12 * scale.top, 1.1 * scale.top)
    ticks = scale.ticks()
    axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.xaxis.set_major_formatter(FixedFormatter(list(ticks.values())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.tick_params(colors=INK, labelsize=8.5, length=0)
    axes.grid(color=FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9aa3ab")
    axes.set_title(shortened(panel.title, LONGEST_TITLE), fontsize=10.5, weight="bold", loc="left")
    if wanted is not None:
        axes.axvspan(scale.none_at / 1.6, scale.x(wanted), color=WANTED, alpha=0.12, linewidth=0)
    if panel.in_use is None:
        note = axes.text(0.5, 0.5, "never said", transform=axes.transAxes, ha="center", color=INK)
        note.set_in_layout(False)
    _draw_curve(axes, panel.confidence, scale, color=CONFIDENCE, marker="s", size=5)
    _draw_curve(axes, panel.patience, scale, color=PATIENCE, marker="o", size=6)
    _draw_mark(axes, panel.in_use, scale, marker="o", size=14, color=INK)
    _draw_mark(axes, panel.proposed, scale, marker="D", size=14, color=WANTED)


def _draw_curve(axes: Axes, points: Sequence[Point], scale: Scale, *, color: str, marker: str, size: float) -> None:
    if not points:  # an empty line would claim the figure's corner in the layout
        return
    places = [scale.x(point.false_per_hour) for point in points]
    misses = [point.miss_rate for point in points]
    axes.plot(places, misses, color=color, marker=marker, markersize=size, linewidth=1.6, clip_on=False, zorder=3)


def _draw_mark(axes: Axes, point: Point | None, scale: Scale, *, marker: str, size: float, color: str) -> None:
    """A ring about a point."""
    if point:
        place = [scale.x(point.false_per_hour)]
        ring = axes.plot(place, [point.miss_rate], marker, color=color, markersize=size, clip_on=False, zorder=4)
        ring[0].set(fillstyle="none", markeredgewidth=1.8)


def _draw_labels(axes: Axes, panel: Panel, scale: Scale, size: float) -> None:
    """Beside each point what it stands for, where there is room; a curve's ends come first."""
    both = ((panel.patience, PATIENCE), (panel.confidence, CONFIDENCE))
    marks = [point for point in (panel.in_use, panel.proposed) if point]
    taken = [box for points, _ in both for box in _along(axes, points, scale)]
    taken += [_around(place, RING) for place in _places(axes, marks, scale)]
    for points, color in both:
        for point in (*points[:1], *points[:0:-1][:1], *points[1:-1]):
            _draw_label(axes, point, scale, taken, size, color)


def _draw_label(axes: Axes, point: Point, scale: Scale, taken: list[Bbox], size: float, color: str) -> None:
    """The label at the first offset where it is free; none where there is none."""
    room = axes.get_window_extent()
    at = (scale.x(point.false_per_hour), point.miss_rate)
    for right, up in OFFSETS:
        label = axes.annotate(point.label, at, (right, up), textcoords="offset points", fontsize=size, color=color)
        label.set(in_layout=False, horizontalalignment=ALIGNED[right > 0, right < 0], verticalalignment="center")
        box = label.get_window_extent()
        if room.containsx(box.x0) and room.containsx(box.x1) and not any(box.overlaps(other) for other in taken):
            taken.append(box)
            return
        label.remove()


def _along(axes: Axes, points: Sequence[Point], scale: Scale) -> list[Bbox]:
    """The pixels about a curve's markers and, every few, about its lines."""
    places = _places(axes, points, scale)
    steps = [np.linspace(begin, end, 2 + int(np.abs(end - begin).max() / LINE)) for begin, end in pairwise(places)]
    return [_around(place, MARKER) for place in places] + [_around(place, LINE) for run in steps for place in run]


def _places(axes: Axes, points: Sequence[Point], scale: Scale) -> list[NDArray[np.float64]]:
    return [axes.transData.transform((scale.x(point.false_per_hour), point.miss_rate)) for point in points]


def _around(place: NDArray[np.float64], reach: float) -> Bbox:
    return Bbox([place - reach, place + reach])


def _legend(false_per_hour: float) -> list[Line2D | Patch]:
    ring = {"linestyle": "", "markersize": 11, "fillstyle": "none", "markeredgewidth": 1.8}
    return [
        Line2D([], [], color=PATIENCE, marker="o", label='fire_on = "partial", labels: stable_ms'),
        Line2D([], [], color=CONFIDENCE, marker="s", label='fire_on = "final", labels: min_confidence'),
        Line2D([], [], color=INK, marker="o", label="options in use", **ring),  # type: ignore[arg-type]
        Line2D([], [], color=WANTED, marker="D", label="options proposed", **ring),  # type: ignore[arg-type]
        Patch(color=WANTED, alpha=0.12, label=f"wanted of each rule: {per_hour(false_per_hour)} at most"),
    ]
