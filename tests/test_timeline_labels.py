"""No label over another, no line through a label, whatever the places and widths."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from engine.timeline_labels import Label, place

LABELS = st.lists(
    st.builds(Label, start=st.floats(0, 300).map(round), width=st.floats(1, 120).map(round)), max_size=30
).map(lambda labels: sorted(labels, key=lambda label: label.start))


@given(labels=LABELS, rows=st.integers(1, 5))
def test_neither_labels_nor_lines_cross_labels(labels, rows):
    placed = [(label, row) for label, row in zip(labels, place(labels, rows), strict=True) if row is not None]
    assert all(0 <= row < rows for _, row in placed)
    for (first, row), (second, later_row) in combinations(placed, 2):
        runs_beside = second.start < first.start + first.width
        assert not runs_beside or later_row > row


@given(labels=LABELS)
def test_every_label_has_room_where_there_are_rows_enough(labels):
    assert None not in place(labels, len(labels) + 1)


def test_labels_with_room_stay_in_the_first_row_and_crowds_go_down():
    assert place([Label(0, 10), Label(10, 10), Label(50, 10)], 2) == [0, 0, 0]
    assert place([Label(0, 10), Label(1, 20), Label(2, 10), Label(15, 10), Label(30, 5)], 3) == [0, 1, 2, 2, 0]
    assert place([Label(0, 10), Label(1, 20), Label(2, 10)], 2) == [0, 1, None]
    assert place([], 2) == []
