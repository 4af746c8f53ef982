from dataclasses import replace

import pytest

from engine.demo.sessions import Sessions, Spread
from tests.chaos.overloading import Offer, Outcome, offers_of

TAKEN, REFUSED = Offer(201, None, 2.0), Offer(503, "capacity", 3.0)
GOOD = Outcome((TAKEN,) * 4 + (REFUSED,) * 2, 2, 4, 0, 250.0, 500.0, 100, 98)


def test_what_is_as_it_has_to_be_has_no_problem():
    assert list(GOOD.problems(beyond=True)) == []
    assert (GOOD.admitted, len(GOOD.refused), GOOD.refusal_ms) == (4, 2, (3.0, 3.0))
    report = GOOD.report()
    assert (report["offered"], report["admitted"], report["refused"]) == (6, 4, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"offers": (TAKEN,) * 4, "counted": 0}, "nothing was refused"),
        ({"offers": (*GOOD.offers[:5], Offer(500, None, 1.0))}, "500 None: 1"),
        ({"offers": (*GOOD.offers[:5], Offer(503, "capacity", 1001.0))}, "took 1001 ms"),
        ({"counted": 1}, "2 were refused and 1 counted"),
        ({"followed": 3}, "4 were admitted and 3 are followed"),
        ({"frame_p99_ms": 251.0}, "Frame latency p99 of the admitted calls: 251 ms"),
        ({"frame_p99_ms": None}, "Frame latency p99 of the admitted calls: none"),
        ({"spot_p95_ms": 501.0}, "Spot latency p95 of the admitted calls: 501 ms"),
        ({"lost": 2}, "2 sessions that had been admitted were lost"),
        ({"dropped": 5}, "5 frames were dropped"),
        ({"heard": 97}, "100 phrases said on admitted calls 97"),
        ({"said": 0, "heard": 0}, "Of 0 phrases"),
    ],
)
def test_each_thing_that_is_not_is_named(changes, words):
    [problem] = replace(GOOD, **changes).problems(beyond=True)
    assert words in problem


def test_nothing_has_to_be_refused_where_there_is_room():
    assert list(replace(GOOD, offers=(TAKEN,) * 4, counted=0).problems(beyond=False)) == []


def test_sessions_are_offers_a_disconnect_error_is_the_refusal():
    refused = {"disconnect_error": 3, "upgrade_503": 1}
    sessions = Sessions(
        opened=2, lost=0, given_up=1, retries=2, refused=refused, refused_ms=Spread(count=3, p50=2.0, max=9.0),
        opened_ms=Spread(), ping_ms=Spread(), unsolicited={}, server_faults={},
    )  # fmt: skip
    found = offers_of(sessions, 2)
    taken, typed, other = Offer(201, None, 0.0), Offer(503, "capacity", 2.0), Offer(0, "upgrade_503", 0.0)
    assert found == [taken, taken, typed, typed, replace(typed, took_ms=9.0), other]
    assert offers_of(sessions.model_copy(update={"refused": {}}), 1) == [taken]
