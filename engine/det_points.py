"""What a DET curve shows: panels with points, and the scale that they share. Pure.

A point's place is its false alarms per hour and its share of misses. Choices that fall together are one point with one
label: the span of their values. None at all has no place on a logarithmic axis; it stands left of the least rate that so
much audio can show (one in all of it) and of the wanted rate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from engine.evaluated import Choice, Evaluation, Evidence, Outcome, along_confidence, along_patience
from engine.proposals import propose
from engine.scoring import total

MOST_PANELS = 8
LEAST_TOP = 0.1  # of the axis of misses


@dataclass(frozen=True, slots=True)
class Point:
    """One or more choices in the same place."""

    false_per_hour: float
    miss_rate: float
    label: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One curve for patience, one for confidence; empty where nothing was said."""

    title: str
    hours: float
    patience: tuple[Point, ...]
    confidence: tuple[Point, ...]
    in_use: Point | None
    proposed: Point | None


def panels(evaluation: Evaluation, false_per_hour: float) -> list[Panel]:
    """All rules together, then each where they are few; one rule stands for itself alone."""
    evidence = evaluation.evidence
    alone = [_panel(", ".join(each.phrases), [each], each.hours, false_per_hour) for each in evidence]
    if len(alone) == 1:
        return alone
    together = _panel(f"all {len(alone)} rules together", evidence, evaluation.hours, false_per_hour)
    return [together, *(alone if len(alone) <= MOST_PANELS else ())]


def _panel(title: str, evidence: Sequence[Evidence], hours: float, false_per_hour: float) -> Panel:
    in_use = [each.outcome(each.in_use) for each in evidence]
    proposed = [propose(each, false_per_hour).outcome for each in evidence]
    return Panel(
        title,
        hours,
        patience=points(along_patience(evidence, hours)),
        confidence=points(along_confidence(evidence, hours)),
        in_use=_together(in_use, hours),
        proposed=_together(proposed, hours),
    )


def _together(outcomes: Iterable[Outcome], hours: float) -> Point | None:
    found = points([Outcome(Choice("final"), total(each.tally for each in outcomes), hours)])
    return found[0] if found else None


def points(outcomes: Iterable[Outcome]) -> tuple[Point, ...]:
    """Neighbours that fall together are one; what has no share of misses is none."""
    found = []
    for (false_per_hour, miss_rate), alike in groupby(outcomes, key=lambda each: (each.false_per_hour, each.miss_rate)):
        if miss_rate is not None:
            choices = [each.choice for each in alike]
            ends = dict.fromkeys((_value(choices[0]), _value(choices[-1])))
            found.append(Point(false_per_hour, miss_rate, "–".join(ends)))
    return tuple(found)


def _value(choice: Choice) -> str:
    return f"{choice.stable_ms}" if choice.fire_on == "partial" else f"{choice.min_confidence:g}"


@dataclass(frozen=True, slots=True)
class Scale:
    """Where things stand, for all panels alike."""

    none_at: float  # in place of 0 false alarms per hour
    right: float
    top: float

    @classmethod
    def of(cls, shown: Sequence[Panel], false_per_hour: float) -> "Scale":
        """Wide enough for every point."""
        every = [point for panel in shown for point in (*panel.patience, *panel.confidence, panel.in_use) if point]
        least = 1 / max(panel.hours for panel in shown)
        most = max((point.false_per_hour for point in every), default=0.0)
        highest = max((point.miss_rate for point in every), default=0.0)
        none_at = min(least, false_per_hour or least) / 2
        return cls(none_at, right=2 * max(most, 5 * least, false_per_hour), top=max(highest, LEAST_TOP))

    def x(self, false_per_hour: float) -> float:
        """The place on the axis."""
        return max(false_per_hour, self.none_at)

    def ticks(self) -> dict[float, str]:
        """Places and names: `none`, then 1, 2 and 5 of each decade, or its 1 alone where there are many."""
        decades = [10.0**power for power in range(-6, 7)]
        first = 1.5 * self.none_at
        fine = [digit * decade for decade in decades for digit in (1, 2, 5) if first < digit * decade < self.right]
        coarse = [decade for decade in decades if first < decade < self.right]
        return {self.none_at: "none"} | {at: f"{at:,g}" for at in (fine if len(fine) <= 7 else coarse)}
