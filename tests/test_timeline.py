"""Pictures are read back as pixels: their size, and what stands where in which colour."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from engine import timeline
from engine.heard import FileHeard
from tests.support.heard import channel_heard, file_heard, spotted


def drawn(file: FileHeard, folder: Path) -> np.ndarray:
    """Pixels, shape (height, width, 3), 0 to 255."""
    timeline.draw(file, folder / "a.png")
    return np.round(matplotlib.image.imread(folder / "a.png")[:, :, :3] * 255).astype(int)


def where(pixels: np.ndarray, colour: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of pixels in about that colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return np.nonzero(np.abs(pixels - wanted).max(axis=2) < 12)


def x_of(at_s: float, duration_s: float) -> float:
    return timeline.LEFT + timeline.PLOT_WIDTH * at_s / duration_s


def test_everything_stands_at_its_time(tmp_path):
    pixels = drawn(file_heard("a.wav", channel_heard("external", [spotted("transfer me", 7000)], 20)), tmp_path)
    height, width, _ = pixels.shape
    assert (width, height) == (1600, timeline.TITLE_HEIGHT + 300 + timeline.TIME_HEIGHT)
    plot = pixels[:, : timeline.LEFT + timeline.PLOT_WIDTH]
    _, line = where(plot[: timeline.TITLE_HEIGHT + 100], timeline.PHRASE)
    assert abs(np.median(line) - x_of(7, 20)) < 2
    for colour in (timeline.VOICED, timeline.UTTERANCE):
        _, columns = where(plot, colour)
        assert abs(columns.min() - x_of(1, 20)) < 3
        assert not np.isin(round(x_of(2.5, 20)), columns)
        assert np.isin(round(x_of(3.5, 20)), columns)
    _, columns = where(plot, timeline.WAVE)
    talk, silence = (np.count_nonzero(columns == round(x_of(at, 20))) for at in (1.5, 2.5))
    assert talk > 20 * silence > 0


def test_two_channels_one_above_the_other(tmp_path):
    customer = channel_heard("external", [spotted("transfer me", 3000)], 20)
    agent = channel_heard("internal", [spotted("stop recording", 15_000)], 20)
    pixels = drawn(file_heard("a.wav", customer, agent), tmp_path)
    assert pixels.shape[0] == timeline.TITLE_HEIGHT + 600 + timeline.TIME_HEIGHT
    plot = pixels[:, : timeline.LEFT + timeline.PLOT_WIDTH]
    half = timeline.TITLE_HEIGHT + 300
    for part, at_s in ((plot[:half], 3), (plot[half:], 15)):
        _, columns = where(part, timeline.PHRASE)
        assert abs(np.median(columns) - x_of(at_s, 20)) < 30


@pytest.mark.parametrize("duration_s", [0.02, 0.5, 5, 59.9, 600, 3600, 20_000])
def test_any_length(tmp_path, duration_s):
    events = [spotted("transfer me", round(duration_s * 500))]
    pixels = drawn(file_heard("a.wav", channel_heard("external", events, duration_s)), tmp_path)
    assert pixels.shape[1] == 1600
    assert len(where(pixels, timeline.WAVE)[0]) > 500


def test_a_crowd_of_phrases_is_drawn_and_what_has_no_label_counted(tmp_path):
    events = [spotted(f"phrase number {number}", 4 * number) for number in range(900)]
    file = file_heard("a.wav", channel_heard("external", events, 3600))
    picture = timeline._Picture(file)
    picture.add(0, file.channels[0])
    picture.finish()
    shown = [text.get_text() for axes in picture.figure.axes for text in axes.texts]
    assert 0 < len(shown) < 10
    assert any(f"{900 - len(shown)} without a label" in text.get_text() for text in picture.figure.texts)
    boxes = [text.get_window_extent() for axes in picture.figure.axes for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize(
    "phrase", ["$cost$ of {x", "\\frac 1 2 $", "상담원 연결", "ça va à l'été", "x" * 200, "\U0001f600 \u0bb5"]
)
def test_any_words_in_phrases_and_names(tmp_path, phrase):
    file = file_heard(f"{phrase[:50]}.wav", channel_heard("external", [spotted(phrase, 9900)], 10))
    assert drawn(file, tmp_path).shape[1] == 1600


@pytest.mark.parametrize("level", [0, 32_767])
def test_silence_and_full_scale(tmp_path, level):
    assert len(where(drawn(file_heard("a.wav", channel_heard("external", [], 10, level)), tmp_path), timeline.WAVE)[0])


def test_a_place_that_can_not_be_written(tmp_path):
    with pytest.raises(OSError, match="none"):
        timeline.draw(file_heard("a.wav", channel_heard("external", [], 1)), tmp_path / "none" / "a.png")
