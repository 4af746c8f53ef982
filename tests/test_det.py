"""The picture of DET curves: what stands in it, and that labels keep out of each other's way."""

import matplotlib.image
import numpy as np
import pytest

from engine import det
from engine.det_points import panels
from engine.evaluated import Evaluation
from engine.timeline import drawing
from tests.support.evaluated import evidence, rule


def rich(phrase="transfer me", count=20):
    """Misses and false alarms that grow less with care."""
    ends = [10_000 * number for number in range(1, count + 1)]
    partial = {
        ms: ends[: count - ms // 100] + [5_000_000 + at for at in range(3000 // (ms + 50))]
        for ms in (0, 100, 200, 300, 400, 600)
    }
    final = {end: 1 - number / 40 for number, end in enumerate(ends)}
    return evidence(*ends, partial=partial, final=final, of=rule(phrase), phrase=phrase)


def drawn(path, *each):
    det.draw(Evaluation(each, 1, 10.0), 1.0, path)
    return matplotlib.image.imread(path)[:, :, :3]


def part_with(pixels, colour):
    wanted = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return np.count_nonzero(np.abs(pixels - wanted).max(axis=2) < 0.02)


@pytest.mark.parametrize(("rules", "size"), [(1, (780, 800)), (2, (780, 1640)), (8, (1120, 1640)), (9, (780, 800))])
def test_sizes_and_colours(tmp_path, rules, size):
    pixels = drawn(tmp_path / "a.png", *(rich(f"phrase {number}") for number in range(rules)))
    assert pixels.shape[:2] == size
    assert tuple(pixels[0, 0]) == (1, 1, 1)
    assert all(part_with(pixels, colour) > 100 for colour in (det.PATIENCE, det.CONFIDENCE, det.WANTED, det.INK))


def test_labels_cover_neither_one_another_nor_points():
    with drawing():
        shown = panels(Evaluation((rich(), rich("stop")), 1, 10.0), 1.0)
        figure = det._figure(shown, 1.0)
        for axes, panel in zip(figure.axes, shown, strict=True):
            boxes = [text.get_window_extent() for text in axes.texts]
            assert {text.get_text() for text in axes.texts} >= {panel.patience[0].label, panel.confidence[-1].label}
            assert not any(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[:number])
            for line in axes.lines:
                places = axes.transData.transform(line.get_xydata())
                assert not any(box.contains(*place) for box in boxes for place in places)


def test_a_phrase_that_was_never_said_has_an_empty_panel():
    with drawing():
        figure = det._figure(panels(Evaluation((rich(), evidence(of=rule("stop"))), 1, 10.0), 1.0), 1.0)
    assert [text.get_text() for text in figure.axes[2].texts] == ["never said"]


@pytest.mark.parametrize("phrase", ["$cost$ of {x", "상담원 연결", "x" * 200])
def test_any_words(tmp_path, phrase):
    each = evidence(5000, of=rule("a").model_copy(update={"phrases": (phrase,)}))
    assert drawn(tmp_path / "a.png", each).shape[1] == 800


def test_a_place_that_can_not_be_written(tmp_path):
    with pytest.raises(OSError, match="none"):
        drawn(tmp_path / "none" / "a.png", evidence(5000))
