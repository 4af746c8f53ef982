"""By hand: when the stretch lies, and how late messages were."""

from bench.baseline.timing import Stretch, latencies_ms, stagger_ms

MS = 1_000_000
S = 1000 * MS


def test_the_stretch_begins_when_the_last_call_has_settled():
    stretch = Stretch.of([5 * S, 9 * S, 7 * S], 1.5)
    assert (stretch.begin_ns, stretch.end_ns) == (12 * S, 13 * S + 500 * MS)
    assert [at in stretch for at in (12 * S - 1, 12 * S, 13 * S + 500 * MS, 13 * S + 500 * MS + 1)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_all_calls_begin_within_six_seconds():
    assert [stagger_ms(calls) for calls in (1, 2, 60, 10_000)] == [6000, 3000, 100, 1]


def test_late_is_what_was_decoded_after_it_was_spoken():
    decoded = [(320, 1025 * MS), (640, 1050 * MS), (960, 1300 * MS)]  # due at 1020, 1040, 1060
    assert latencies_ms(1 * S, decoded, Stretch(1020 * MS, 1060 * MS), 5 * S) == [5, 10, 240]
    assert latencies_ms(1 * S, decoded, Stretch(1030 * MS, 1050 * MS), 5 * S) == [10]


def test_what_never_was_decoded_has_waited_to_the_end():
    decoded = [(320, 1025 * MS)]
    assert latencies_ms(1 * S, decoded, Stretch(1020 * MS, 1070 * MS), 1100 * MS) == [5, 60, 40]
    assert latencies_ms(1 * S, [], Stretch(1020 * MS, 1050 * MS), 1100 * MS) == [80, 60]
