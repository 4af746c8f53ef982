import pytest

from engine.intake.past import LONGEST_S, NOTE_S, Moment, Past, elapsed_s

THEN = Moment(wall_s=1_000_000.0, boot_s=500.0, boot_id="one")


@pytest.mark.parametrize(
    ("now", "expected_s"),
    [
        (Moment(1_000_003.0, 503.0, "one"), 3.0),
        (Moment(1_000_003.0 - 3600, 503.0, "one"), 3.0),  # the wall clock was set back an hour
        (Moment(1_000_003.0 + 3600, 503.0, "one"), 3.0),  # or forth
        (Moment(1_000_003.0, 499.0, "one"), 0.0),  # can't be
        (Moment(1_000_060.0, 20.0, "two"), 60.0),  # the machine was started again
        (Moment(1_000_060.0 - 3600, 20.0, "two"), NOTE_S),  # and its clock set back
        (Moment(1_000_000.0 + 40 * 365 * 86_400, 20.0, "two"), LONGEST_S),
        (Moment(1_000_060.0, 20.0, ""), 60.0),
    ],
)
def test_time_passed_whatever_was_done_to_the_clocks(now, expected_s):
    assert elapsed_s(THEN, now) == expected_s


def test_without_a_boot_to_tell_by_the_wall_clock_has_to_do():
    assert elapsed_s(Moment(10.0, 500.0, ""), Moment(15.0, 900.0, "")) == 5.0


def test_positions_go_on_from_the_last_one_noted_by_the_time_since():
    past = Past(position_ms=42_000, at=THEN)
    now = Moment(1_000_002.5, 502.5, "one")
    assert past.missed_ms(now) == 2500
    assert past.position_now_ms(now) == 44_500
