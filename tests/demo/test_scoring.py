"""Which delivery belongs to which phrase: literals at every edge."""

import pytest

from engine.demo.scoring import score
from engine.scoring import EARLY_MS, LATE_MS
from tests.support.demo import delivery, said


def test_a_phrase_and_its_delivery():
    found = score([said(end_ms=5000, started_ms=100)], [delivery(end_ms=4980, received_ms=5400)])
    assert [heard.after_ms for heard in found.heard] == [300.0]
    assert (found.missed, found.false, found.said, found.unsigned) == ((), (), 1, 0)


def test_it_may_be_certain_before_the_last_sound():
    found = score([said(end_ms=5000)], [delivery(received_ms=4990)])
    assert found.heard[0].after_ms == -10.0


@pytest.mark.parametrize(
    ("offset_ms", "fits"), [(-EARLY_MS, True), (-EARLY_MS - 1, False), (LATE_MS, True), (LATE_MS + 1, False)]
)
def test_the_place_has_to_fit(offset_ms, fits):
    found = score([said(end_ms=5000)], [delivery(end_ms=5000 + offset_ms)])
    assert (len(found.heard), len(found.missed), len(found.false)) == ((1, 0, 0) if fits else (0, 1, 1))
    assert [alarm.reason for alarm in found.false] == ([] if fits else ["not said"])


@pytest.mark.parametrize("wrong", [{"conversation": "b"}, {"phrase": "stop recording"}])
def test_another_call_or_phrase_is_not_it(wrong):
    found = score([said()], [delivery(**wrong)])
    assert (found.heard, found.missed, found.false[0].reason) == ((), (said(),), "not said")


def test_a_second_delivery_is_false():
    found = score([said()], [delivery(name="first"), delivery(name="second")])
    assert [heard.delivery.id for heard in found.heard] == ["first"]
    assert [(alarm.delivery.id, alarm.reason) for alarm in found.false] == [("second", "twice")]


def test_the_same_delivery_again_is_false_too():
    found = score([said()], [delivery(), delivery()])
    assert [alarm.reason for alarm in found.false] == ["twice"]


def test_the_same_phrase_said_twice_is_heard_twice_each_by_the_nearest():
    first, second = said(end_ms=5000), said(end_ms=6200)
    found = score([first, second], [delivery(end_ms=6150), delivery(end_ms=5020)])
    assert [(heard.said.end_ms, heard.delivery.phrase_end_ms) for heard in found.heard] == [(5000, 5020), (6200, 6150)]
    assert not found.false


def test_said_twice_and_heard_once():
    found = score([said(end_ms=5000), said(end_ms=9000)], [delivery(end_ms=9100)])
    assert [heard.said.end_ms for heard in found.heard] == [9000]
    assert [missed.end_ms for missed in found.missed] == [5000]


def test_wrong_signatures_count_wherever_they_are():
    found = score([said()], [delivery(signature_ok=False), delivery(end_ms=30_000, signature_ok=False)])
    assert (len(found.heard), len(found.false), found.unsigned) == (1, 1, 2)


def test_nothing_of_nothing():
    found = score([], [])
    assert (found.said, found.heard, found.missed, found.false) == (0, (), (), ())


def test_another_channel_is_not_it():
    found = score([said(channel="internal")], [delivery(channel="external")])
    assert (found.heard, len(found.missed), found.false[0].reason) == ((), 1, "not said")
    both = [said(channel="internal"), said()]
    found = score(both, [delivery(), delivery(channel="internal")])
    assert [heard.said.channel for heard in found.heard] == ["internal", "external"]
    assert not found.false
