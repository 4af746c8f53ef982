import pytest

from engine.top.words_views import BAD, GREY, WARN, above, bar, curve, duration, line, number, plain, short


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-1, "0:00"), (7.9, "0:07"), (754, "12:34"), (11_525, "3:12:05"), (184_320, "2 d 03:12")],
)
def test_durations(seconds, shown):
    assert duration(seconds) == shown


def test_numbers():
    assert [number(None, "ms"), number(1234.4, "ms"), number(-3), number(2.345, "s", 1)] == [
        "–",
        "1,234 ms",
        "−3",
        "2.3 s",
    ]


def test_what_had_better_be_small():
    assert [above(value, 10, 20, "fine") for value in (None, 10, 11, 21)] == [GREY, "fine", WARN, BAD]


def test_bars():
    assert [bar(share, 4) for share in (0, 0.01, 0.5, 1, 1.7)] == ["░░░░", "█░░░", "██░░", "████", "████"]


def test_curves_end_now():
    assert curve([], 3) == "   "
    assert curve([0, 5, 10], 5) == "  ▁▄█"
    assert curve([1, 9, 2, 3, None, None, 6], 4) == "▁█▃▆", "four groups of two from the end; the highest of each"
    assert curve([0.0, None, 0.0], 3) == "▁ ▁"
    assert curve([250], 1, 500) == "▄"
    assert curve([9.0] * 300, 10) == "█" * 10


def test_nothing_from_outside_reaches_the_terminal_as_a_command():
    assert plain("a\x1b[2Jb\x07\n\u202e") == "a�[2Jb���"
    assert short("b157c055-2793\x1b") == "b157c055"


def test_lines_are_cut_not_broken():
    made = line("a", ("b", "bold"))
    assert (made.plain, made.no_wrap, made.overflow) == ("ab", True, "ellipsis")
