"""A picture of what was heard when: for each channel the waveform, voiced spans, utterances and spotted phrases.

1600 pixels wide and 300 high per channel, however long the recording: the waveform shows the extremes of what falls into
a pixel. Labels never overlap (see `timeline_labels`). Colours are Okabe and Ito's, which colour-blind people can tell
apart, and each kind has a place of its own. It draws without a display.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from engine.audio.format import FRAME_S
from engine.heard import ChannelHeard, FileHeard
from engine.timeline_labels import Label, place

DPI = 100
WIDTH, CHANNEL_HEIGHT = 1600, 300  # pixels, as all lengths here
TITLE_HEIGHT, TIME_HEIGHT = 48, 52
LEFT, RIGHT = 108, 196  # room for names and for the legend; a label may run into the latter
PLOT_WIDTH = WIDTH - LEFT - RIGHT
ROW_HEIGHT, LABEL_ROWS = 19, 4
WAVE_HEIGHT, LANES_HEIGHT, GAP = 136, 56, 8
LONGEST_LABEL, LONGEST_NAME = 26, 80  # characters

WAVE, VOICED, UTTERANCE, PHRASE = "#56606a", "#009E73", "#E69F00", "#D55E00"
INK, FAINT = "#1d2329", "#e3e6e9"
PEOPLE = {"external": "customer", "internal": "agent"}
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400)
MOST_STEPS = 16
FONTS = ("DejaVu Sans", "Noto Sans CJK KR", "Noto Sans CJK JP", "NanumGothic", "WenQuanYi Zen Hei")
MANY = 60  # phrases
_PERCENT = 100 / (1 << 15)


def draw(file: FileHeard, path: Path) -> None:
    """Write the PNG; OSError where that is not possible."""
    with drawing():
        picture = _Picture(file)
        for index, channel in enumerate(file.channels):
            picture.add(index, channel)
        picture.finish()
        picture.figure.savefig(path, dpi=DPI, format="png")


@contextmanager
def drawing() -> Iterator[None]:
    """Set matplotlib for our pictures: fonts that are here, no formulas, our ink."""
    fonts = [name for name in FONTS if name in fontManager.get_font_names()]
    with mpl.rc_context({"font.family": fonts, "text.parse_math": False, "text.color": INK}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing")  # a script that no font here has: boxes will do
        yield


class _Picture:
    """The figure in the making. Axes are laid out in pixels from the top."""

    def __init__(self, file: FileHeard) -> None:
        self._file = file
        self._height = TITLE_HEIGHT + CHANNEL_HEIGHT * len(file.channels) + TIME_HEIGHT
        self.figure = Figure(figsize=(WIDTH / DPI, self._height / DPI), dpi=DPI)
        FigureCanvasAgg(self.figure)
        self._unlabelled = 0

    def add(self, index: int, channel: ChannelHeard) -> None:
        """One channel: labels, waveform and lanes, from above."""
        wave_top = TITLE_HEIGHT + index * CHANNEL_HEIGHT + ROW_HEIGHT * LABEL_ROWS
        labels = self._axes(wave_top - ROW_HEIGHT * LABEL_ROWS, ROW_HEIGHT * LABEL_ROWS)
        wave = self._axes(wave_top, WAVE_HEIGHT)
        lanes = self._axes(wave_top + WAVE_HEIGHT + GAP, LANES_HEIGHT)
        _draw_wave(wave, channel)
        _draw_lanes(lanes, channel)
        self._unlabelled += _draw_labels(labels, channel)
        name = f"{channel.channel}\n({PEOPLE[channel.channel]})"
        self._write(10, wave_top + WAVE_HEIGHT / 2, name, rotation=90, weight="bold", ha="left", va="center")
        if index == len(self._file.channels) - 1:
            lanes.tick_params(axis="x", bottom=True, labelbottom=True)
            lanes.set_xlabel("time (min:s)", color=INK, labelpad=5)

    def finish(self) -> None:
        """Title and legend."""
        name = self._write(LEFT, 20, shortened(self._file.path.name, LONGEST_NAME), size=13, weight="bold", va="center")
        count = sum(len(channel.spotted) for channel in self._file.channels)
        facts = f"{_clock(self._file.duration_s, tenths=True)} long, {count} phrase{'' if count == 1 else 's'} spotted"
        if self._unlabelled:
            facts += f" ({self._unlabelled} without a label, for want of room)"
        self._write(name.get_window_extent().x1 + 14, 20, facts, size=10.5, va="center")
        corner = ((WIDTH - RIGHT + 8) / WIDTH, self._up(TITLE_HEIGHT + ROW_HEIGHT * LABEL_ROWS))
        self.figure.legend(handles=_legend(), loc="upper left", bbox_to_anchor=corner, frameon=False, fontsize=9.5)

    def _axes(self, top: int, height: int) -> Axes:
        place_ = (LEFT / WIDTH, self._up(top + height), PLOT_WIDTH / WIDTH, height / self._height)
        axes = self.figure.add_axes(place_)
        duration_s = self._file.duration_s
        step_s = next((step for step in STEPS_S if duration_s / step <= MOST_STEPS), STEPS_S[-1])
        axes.set_xlim(0, duration_s)
        axes.xaxis.set_major_locator(MultipleLocator(step_s))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _clock(at, tenths=step_s < 1)))
        axes.tick_params(colors=INK, labelsize=9, bottom=False, labelbottom=False)
        axes.spines[:].set_visible(False)
        return axes

    def _up(self, pixels: float) -> float:
        """Pixels from the top as a part of the height from the bottom."""
        return 1 - pixels / self._height

    def _write(self, x: float, y: float, text: str, **style: object) -> Text:
        return self.figure.text(x / WIDTH, self._up(y), text, **style)  # type: ignore[arg-type]


def _draw_wave(axes: Axes, channel: ChannelHeard) -> None:
    """The extremes, utterances behind them, and where phrases were said and heard."""
    at_s, low, high = _columns(channel.extremes)
    axes.fill_between(at_s, low, high, color=WAVE, linewidth=0.6)
    peak = max(1.0, float(np.abs(channel.extremes.astype(np.int32)).max(initial=0)) * _PERCENT) * 1.08
    axes.set_ylim(-peak, peak)
    axes.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    axes.set_ylabel("% of full scale", color=INK, fontsize=9)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    whole = (-peak, 2 * peak)
    axes.broken_barh(_utterances(channel), whole, color=UTTERANCE, alpha=0.14, linewidth=0, zorder=0)
    _draw_marks(axes, channel, whole)


def _draw_marks(axes: Axes, channel: ChannelHeard, whole: tuple[float, float]) -> None:
    """Where phrases were said and heard; finer where there are many, so that the waveform still shows."""
    many = len(channel.spotted) > MANY
    said_s = [event.phrase_end_ms / 1000 for event in channel.spotted]
    heard_s = [event.audio_position_ms / 1000 for event in channel.spotted]
    waits = [(said, heard - said) for said, heard in zip(said_s, heard_s, strict=True)]
    axes.broken_barh(waits, whole, color=PHRASE, alpha=0.3, linewidth=0, zorder=0)
    axes.vlines(said_s, whole[0], -whole[0], color=PHRASE, linewidth=0.5 if many else 1.4)
    heard = axes.plot(heard_s, [0.86 * whole[0]] * len(heard_s), linestyle="", marker="^", color=PHRASE, clip_on=False)
    heard[0].set_markersize(2.5 if many else 6)


def _draw_lanes(axes: Axes, channel: ChannelHeard) -> None:
    """Two lanes of bars."""
    edges = np.flatnonzero(np.diff(channel.voiced.astype(np.int8), prepend=0, append=0)).reshape(-1, 2) * FRAME_S
    axes.broken_barh([(begin, end - begin) for begin, end in edges], (1.12, 0.76), color=VOICED, linewidth=0)
    axes.broken_barh(_utterances(channel), (0.12, 0.76), color=UTTERANCE, linewidth=0)
    axes.set_ylim(0, 2)
    axes.set_yticks([0.5, 1.5], ["utterances", "voiced"])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)


def _utterances(channel: ChannelHeard) -> list[tuple[float, float]]:
    """Begin and length of each, in seconds."""
    return [(said.start_ms / 1000, (said.end_ms - said.start_ms) / 1000) for said in channel.utterances]


def _draw_labels(axes: Axes, channel: ChannelHeard) -> int:
    """Write the phrases in rows above the waveform, each hanging on its line; return how many found no room."""
    axes.set_ylim(LABEL_ROWS, 0)
    axes.set_yticks([])
    pixels_per_ms = PLOT_WIDTH / (axes.get_xlim()[1] * 1000)
    events = sorted(channel.spotted, key=lambda event: event.phrase_end_ms)
    texts = [axes.text(0, 0, shortened(event.phrase, LONGEST_LABEL), fontsize=9.5, va="center") for event in events]
    labels = [
        Label(event.phrase_end_ms * pixels_per_ms, text.get_window_extent().width + 14)
        for event, text in zip(events, texts, strict=True)
    ]
    rows = place(labels, LABEL_ROWS)
    unused = LABEL_ROWS - 1 - max((row for row in rows if row is not None), default=0)
    for event, text, row in zip(events, texts, rows, strict=True):
        if row is None:
            text.remove()
            continue
        at_s = event.phrase_end_ms / 1000
        text.set_position((at_s + 5 / pixels_per_ms / 1000, unused + row + 0.5))
        axes.plot([at_s, at_s], [unused + row + 0.1, LABEL_ROWS], color=PHRASE, linewidth=1.4)
    return rows.count(None)


def _columns(extremes: NDArray[np.int16]) -> tuple[NDArray[np.float64], ...]:
    """Times and extremes, at most one pair per pixel: begin of the stretch in seconds, lowest and highest in percent."""
    starts = np.unique(np.linspace(0, len(extremes), min(PLOT_WIDTH, len(extremes)), endpoint=False).astype(int))
    low = np.minimum.reduceat(extremes[:, 0], starts) * _PERCENT
    high = np.maximum.reduceat(extremes[:, 1], starts) * _PERCENT
    return (starts + 0.5) * FRAME_S, low, high


def _legend() -> list[Patch | Line2D]:
    return [
        Line2D([], [], color=PHRASE, linewidth=1.4, label="phrase, said until"),
        Line2D([], [], color=PHRASE, linestyle="", marker="^", label="heard at"),
        Patch(color=WAVE, label="waveform"),
        Patch(color=VOICED, label="voiced"),
        Patch(color=UTTERANCE, label="utterance"),
    ]


def shortened(text: str, longest: int) -> str:
    """Cut to so many characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _clock(seconds: float, *, tenths: bool = False) -> str:
    """`3:07`, or `3:07.2`."""
    whole = round(seconds * 10) if tenths else round(seconds) * 10
    rest = f".{whole % 10}" if tenths else ""
    return f"{whole // 600}:{whole // 10 % 60:02}{rest}"
