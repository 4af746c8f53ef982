"""Where labels go that hang on lines at their places, so that neither labels nor lines cross labels.

A label is as wide as its text and begins at its line; the line runs down from its row through all rows below. So a label
may stand only below every label that still runs at its place: then its line crosses none of them. Rows count from above.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """Pixels along the time axis."""

    start: float
    width: float


def place(labels: Sequence[Label], rows: int) -> list[int | None]:
    """A row for each label (sorted by start), the topmost possible; None where there is no room."""
    ends = [float("-inf")] * rows
    chosen: list[int | None] = []
    for label in labels:
        row = max((number + 1 for number, end in enumerate(ends) if end > label.start), default=0)
        if row < rows:
            ends[row] = label.start + label.width
        chosen.append(row if row < rows else None)
    return chosen
