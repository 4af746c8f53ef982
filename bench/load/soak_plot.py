"""A soak's memory, latency, descriptors and threads over time, as a PNG."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.load.soaking import Sample, Windows, delta
from engine.percentiles import bucket_percentile

COLOURS = ("#0072b2", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#999999", "#f0e442", "#d55e00")


def draw(samples: Sequence[Sample], windows: Windows, title: str, path: Path) -> None:
    """Write the picture; OSError where that can't be."""
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=14, fontweight="bold")
    (memory, latency), (descriptors, waiting) = figure.subplots(2, 2, sharex=True)
    minutes = [sample.at_s / 60 for sample in samples]
    _by_role(memory, "PSS", "MB", samples, minutes, "pss_mb")
    _by_role(descriptors, "descriptors", "", samples, minutes, "fds")
    latency.set_title("frame latency between samples", loc="left")
    latency.set_ylabel("ms")
    steps = [delta(one.frame_latency, other.frame_latency) for one, other in pairwise(samples)]
    for rank, colour in ((0.5, COLOURS[2]), (0.99, COLOURS[0])):
        found = (bucket_percentile(step, rank) for step in steps)
        values = [float("nan") if value is None else 1000 * value for value in found]
        latency.plot(minutes[1:], values, color=colour, label=f"p{rank * 100:.0f}", linewidth=1)
    waiting.set_title("waiting", loc="left")
    waiting.plot(minutes, [sample.waiting_frames for sample in samples], color=COLOURS[0], label="frames", linewidth=1)
    waiting.plot(
        minutes, [sample.waiting_commands for sample in samples], color=COLOURS[1], label="commands", linewidth=1
    )
    for axes in (memory, latency, descriptors, waiting):
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
        axes.axvspan(0, windows.warm_s / 60, color="#eeeeee", zorder=0)
        axes.legend(fontsize=8, loc="best", frameon=False)
    for axes in (descriptors, waiting):
        axes.set_xlabel("minutes; grey: warm-up")
    figure.savefig(path, dpi=110, format="png")


def _by_role(axes: Axes, title: str, unit: str, samples: Sequence[Sample], minutes: list[float], name: str) -> None:
    axes.set_title(title, loc="left")
    axes.set_ylabel(unit)
    for number, role in enumerate(samples[0].processes):
        values = [
            getattr(sample.processes[role], name, 0) if role in sample.processes else float("nan") for sample in samples
        ]
        axes.plot(minutes, values, color=COLOURS[number % len(COLOURS)], label=role, linewidth=1)
