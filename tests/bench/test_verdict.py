"""The gate's comparison, with numbers worked out by hand."""

import re

import pytest

from bench.gate.verdict import (
    Mark,
    baseline_from_json,
    baseline_to_json,
    judge,
    lowest,
    rebase_table,
    rebased,
    spread,
    table,
)

HALF = Mark(ratio=2.0, margin=0.5)  # passes up to 3, is faster below 4/3


@pytest.mark.parametrize(
    ("ratio", "standing"),
    [(2.0, "ok"), (3.0, "ok"), (3.001, "slower"), (1.34, "ok"), (1.33, "faster"), (400.0, "slower")],
)
def test_a_ratio_passes_up_to_its_margin(ratio, standing):
    (verdict,) = judge({"push": ratio}, {"push": HALF})
    assert verdict.standing == standing
    assert verdict.fails == (standing == "slower")


def test_what_is_missing_fails_and_so_does_what_is_new():
    verdicts = judge({"new": 1.0, "push": 2.0}, {"push": HALF, "gone": HALF})
    assert [(verdict.name, verdict.standing, verdict.fails) for verdict in verdicts] == [
        ("new", "new", True),
        ("push", "ok", False),
        ("gone", "missing", True),
    ]


def test_the_table_ends_with_what_fails_and_says_what_to_do():
    verdicts = judge({"new": 1.0, "slow": 5.0, "push": 2.0}, {"push": HALF, "slow": HALF, "gone": HALF})
    assert table(verdicts).splitlines() == [
        "benchmark  ratio  baseline  change  allowed",
        "push           2         2     +0%     +50%  ok",
        "new            1         –       –        –  FAILS: no baseline; `make bench-rebase` writes it",
        "slow           5         2   +150%     +50%  FAILS: slower than its margin",
        "gone           –         2       –     +50%  FAILS: missing in this run",
    ]


def test_of_two_measurements_the_lower_counts():
    assert lowest({"a": 3.0, "b": 1.0}, {"a": 2.0}) == {"a": 2.0, "b": 1.0}
    assert lowest({"a": 2.0}, {"a": 3.0}) == {"a": 2.0}


def test_a_new_baseline_is_the_median_and_keeps_margins():
    runs = [{"push": 1.0, "new": 4.0}, {"push": 9.0, "new": 5.0}, {"push": 2.0, "new": 6.0}]
    assert rebased(runs, {"push": Mark(7.0, 0.6), "gone": HALF}) == {"push": Mark(2.0, 0.6), "new": Mark(5.0, 0.15)}


def test_a_new_baseline_holds_only_what_every_run_measured():
    assert rebased([{"push": 1.0, "once": 1.0}, {"push": 1.0}], {}) == {"push": Mark(1.0, 0.15)}


def test_spread_is_from_lowest_to_highest():
    assert spread([{"a": 2.0}, {"a": 3.0}, {"a": 2.5}], "a") == pytest.approx(0.5)


def test_a_rebase_shows_what_changes_and_which_runs_disagree():
    runs = [{"push": 3.0, "new": 1.0}, {"push": 3.3, "new": 1.5}, {"push": 3.0, "new": 1.0}]
    before = {"push": HALF, "gone": HALF}
    assert rebase_table(rebased(runs, before), before, runs).splitlines() == [
        "benchmark  new  old  change  margin  spread",
        "push         3    2    +50%    +50%  10%",
        "new          1    –       –    +15%  50%  more than its margin: measure again, or widen it",
        "gone         –    2       –       –  gone",
    ]


def test_a_baseline_survives_its_file_a_line_for_each():
    baseline = {"push[b]": Mark(0.83456, 0.25), "push[a]": HALF}
    text = baseline_to_json(baseline)
    assert text.splitlines()[2:4] == [
        '    "push[a]": {"ratio": 2, "margin": 0.5},',
        '    "push[b]": {"ratio": 0.8346, "margin": 0.25}',
    ]
    assert baseline_from_json(text) == {"push[a]": HALF, "push[b]": Mark(0.8346, 0.25)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("[]", '"benchmarks"'),
        ('{"benchmarks": []}', '"benchmarks"'),
        ('{"benchmarks": {"push": 1}}', 'push: {"ratio": …, "margin": …} is expected'),
        ('{"benchmarks": {"push": {"ratio": 1}}}', 'push: {"ratio": …, "margin": …} is expected'),
        ('{"benchmarks": {"push": {"ratio": 0, "margin": 1}}}', "push: ratio 0: a number above 0 is expected"),
        ('{"benchmarks": {"push": {"ratio": 1, "margin": -1}}}', "push: margin -1: a number above 0 is expected"),
        ('{"benchmarks": {"push": {"ratio": true, "margin": 1}}}', "push: ratio True: a number above 0 is expected"),
        ('{"benchmarks": {"push": {"ratio": NaN, "margin": 1}}}', "push: ratio nan: a number above 0 is expected"),
        ('{"benchmarks": {"push": {"ratio": "1", "margin": 1}}}', "push: ratio '1': a number above 0 is expected"),
    ],
)
def test_a_broken_baseline_is_refused_with_its_fault(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        baseline_from_json(text)
