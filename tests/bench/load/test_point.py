import pytest

from bench.load.point import Point, Ranks

GOOD = Ranks(1.0, 2.0, 200.0)
SPOT = Ranks(100.0, 500.0, 700.0)


def point(**changes) -> Point:
    values = {"calls": 10, "seconds": 20.0, "said": 100, "heard": 98, "false": 3, "frames": 10_000, "dropped": 0}
    return Point(**values | {"frame_ms": GOOD, "spot_ms": SPOT} | changes)


def test_at_its_limits_it_holds():
    assert point().broken == ()
    assert point().report()["holds"]
    assert point(spot_ms=Ranks(100.0, 580.0, 700.0), held_back_ms=80.0).broken == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dropped": 3}, "3 frames dropped"),
        ({"frame_ms": Ranks(1.0, 2.0, 201.0)}, "frame p99 201 > 200 ms"),
        ({"spot_ms": Ranks(1.0, 501.0, 900.0)}, "spot p95 501 > 500 ms"),
        ({"spot_ms": Ranks(1.0, 581.0, 900.0), "held_back_ms": 80.0}, "spot p95 581 > 580 ms"),
        (
            {"spot_ms": Ranks(1.0, 501.0, 900.0), "said": 18, "heard": 18},
            "spot p95 501 > 500 ms (of 18 phrases only: measure for longer)",
        ),
        (
            {"spot_ms": Ranks(1.0, 501.0, 900.0), "said": 39, "heard": 39},
            "spot p95 501 > 500 ms (of 39 phrases only: measure for longer)",
        ),
        ({"spot_ms": Ranks(1.0, 501.0, 900.0), "said": 40, "heard": 40}, "spot p95 501 > 500 ms"),
        ({"heard": 97}, "3 of 100 phrases missed"),
        ({"failure": "the engine ended"}, "the engine ended"),
    ],
)
def test_what_breaks_it_is_named(changes, words):
    assert point(**changes).broken == (words,)
    assert point(**changes).report()["broken"] == [words]


def test_where_no_phrase_was_said_nothing_was_shown():
    assert point(said=0, heard=0, spot_ms=Ranks()).broken == ("no phrase was said: measure for longer",)


def test_a_load_that_could_not_be_played():
    assert Point.failed(7, "no").broken == ("no",)


def test_cost_per_call():
    assert point(cpu={"decode": 0.15, "intake": 0.05}).cpu_per_call == pytest.approx(0.02)
    assert point(cpu={"decode": 0.15, "intake": 0.05}).report()["cpu_ms_per_call_second"] == 20.0


def test_ranks_are_exact():
    assert Ranks.of(range(1, 101)) == Ranks(50, 95, 99)
    assert Ranks.of([]) == Ranks()
