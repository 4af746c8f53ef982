"""Points of DET curves and the scale they stand on, worked out by hand."""

import pytest

from engine.det_points import MOST_PANELS, Panel, Point, Scale, panels, points
from engine.evaluated import Choice, Evaluation, Outcome
from engine.scoring import Tally
from tests.support.evaluated import evidence, rule


def outcome(choice: Choice, said: int, heard: int, false: int) -> Outcome:
    return Outcome(choice, Tally(said, (0,) * heard, false), 2.0)


def test_neighbours_in_the_same_place_are_one_point():
    choices = [Choice("partial", ms) for ms in (0, 100, 200, 300)]
    found = points(outcome(choice, 4, 3, false) for choice, false in zip(choices, (2, 2, 1, 0), strict=True))
    assert found == (Point(1.0, 0.25, "0–100"), Point(0.5, 0.25, "200"), Point(0.0, 0.25, "300"))
    sure = [Choice("final", 0, confidence) for confidence in (0.0, 0.5, 1.0)]
    assert points(outcome(choice, 1, 1, 0) for choice in sure) == (Point(0.0, 0.0, "0–1"),)


def test_where_nothing_was_said_there_is_no_point():
    assert points([outcome(Choice("final"), 0, 0, 3)]) == ()


def evaluation(*each) -> Evaluation:
    return Evaluation(each, 1, 10.0)


def test_one_rule_is_a_panel_by_itself():
    found = evidence(5000, 9000, partial={0: [5000, 9000], 200: [5000, 90_000]}, final={5000: 0.5})
    (panel,) = panels(evaluation(found), 1.0)
    assert (panel.title, panel.hours) == ("transfer me", 10.0)
    assert panel.patience == (Point(0, 0, "0"), Point(0, 1, "100"), Point(0.1, 0.5, "200"), Point(0, 1, "300–600"))
    assert panel.confidence == (Point(0, 0.5, "0–0.5"), Point(0, 1, "0.51–1"))
    assert (panel.in_use.false_per_hour, panel.in_use.miss_rate) == (0.1, 0.5)
    assert (panel.proposed.false_per_hour, panel.proposed.miss_rate) == (0, 0)


def test_several_rules_have_one_panel_together_and_one_each_while_they_are_few():
    one = evidence(5000, partial={200: [5000]})
    other = evidence(5000, partial={200: [90_000]}, of=rule("stop"), phrase="stop")
    together, first, second = panels(evaluation(one, other), 1.0)
    assert (together.title, first.title, second.title) == ("all 2 rules together", "transfer me", "stop")
    assert (together.in_use.false_per_hour, together.in_use.miss_rate) == (0.1, 0.5)
    many = [evidence(5000) for _ in range(MOST_PANELS + 1)]
    assert [panel.title for panel in panels(evaluation(*many), 1.0)] == ["all 9 rules together"]


def test_a_rule_whose_phrase_was_never_said_has_an_empty_panel():
    (panel,) = panels(evaluation(evidence()), 1.0)
    assert (panel.patience, panel.confidence, panel.in_use, panel.proposed) == ((), (), None, None)


def panel(hours: float, *places: tuple[float, float]) -> Panel:
    return Panel("p", hours, tuple(Point(false, miss, "") for false, miss in places), (), None, None)


def test_none_stands_left_of_the_least_that_can_be_seen_and_of_what_is_wanted():
    scale = Scale.of([panel(0.5, (40.0, 0.3), (0.0, 0.6))], 1.0)
    assert scale == Scale(none_at=0.5, right=80.0, top=0.6)
    assert (scale.x(0), scale.x(0.1), scale.x(2.0)) == (0.5, 0.5, 2.0)
    assert scale.ticks() == {0.5: "none", 1: "1", 2: "2", 5: "5", 10: "10", 20: "20", 50: "50"}
    assert Scale.of([panel(10.0, (40.0, 0.3))], 1.0).none_at == 0.05
    assert Scale.of([panel(10.0, (0.1, 0.3))], 0.0) == Scale(0.05, right=1.0, top=0.3)


@pytest.mark.parametrize(
    ("right", "names"), [(300, ["none", "1", "10", "100"]), (9000, ["none", "1", "10", "100", "1,000"])]
)
def test_many_decades_are_named_by_their_ones(right, names):
    assert [*Scale(0.5, right, 1).ticks().values()] == names


def test_without_misses_the_axis_still_has_a_height():
    assert Scale.of([panel(1.0)], 1.0) == Scale(none_at=0.5, right=10.0, top=0.1)
