"""Spoken against delivered by hand: heard, in the gap, at its edge, lost, doubled; takeovers and handovers from the book.

The call's audio begins at moment 0; a phrase is spoken from 9 to 10 s in every round of 30 s.
"""

import pytest

from engine.demo.fleet_account import account, spoken_in
from tests.support.fleet_demo import MS, booked, kill, webhook

ALL = (20, 60_000, "a")
BY_25_S = 25_000 * MS


def fates(found):
    return (
        len(found.delivered),
        len(found.inside),
        len(found.edge),
        len(found.lost),
        len(found.doubled),
        len(found.false),
    )


def test_a_phrase_is_said_in_every_round():
    assert [each.end_ns // MS for each in spoken_in(booked(ALL), 70_000 * MS)] == [10_000, 40_000, 70_000]
    assert list(spoken_in(booked(ALL), 9_999 * MS)) == []
    assert list(spoken_in(booked(begun=False), 70_000 * MS)) == []


def test_what_was_delivered_is_accounted_once():
    found = account([booked(ALL)], [webhook(10_300)], (), BY_25_S)
    assert fates(found) == (1, 0, 0, 0, 0, 0)
    assert (found.spoken, found.in_the_gap, found.unsigned) == (1, 0, 0)


def test_an_undelivered_one_of_a_followed_call_is_lost():
    assert fates(account([booked(ALL)], [], (), BY_25_S)) == (0, 0, 0, 1, 0, 0)


def test_what_may_still_come_is_not_judged_but_counts_where_it_came():
    assert fates(account([booked(ALL)], [], (), 9_900 * MS)) == (0, 0, 0, 0, 0, 0)
    assert fates(account([booked(ALL)], [webhook(10_300)], (), 9_000 * MS)) == (1, 0, 0, 0, 0, 0)


def test_a_second_command_for_one_phrase_is_doubled_and_one_for_none_is_false():
    deliveries = [webhook(10_300), webhook(11_400), webhook(5000), webhook(10_300, "cancel my order", signed=False)]
    found = account([booked(ALL)], deliveries, (), BY_25_S)
    assert fates(found) == (1, 0, 0, 0, 1, 2)
    assert found.doubled[0].received_ns == 11_400 * MS
    assert found.unsigned == 1


@pytest.mark.parametrize(
    ("late", "fate"),
    [
        (webhook(21_900, place_ms=10_100), "doubled"),  # late, but the phrase's place is said
        (webhook(22_100, place_ms=10_100), "false"),
        (webhook(11_500, place_ms=20_000), "doubled"),  # at once, wherever it puts it
        (webhook(11_600, place_ms=20_000), "false"),
        (webhook(17_700), "false"),  # the recognizer's: nothing was said there
    ],
)
def test_a_command_belongs_to_a_phrase_by_its_moment_or_by_its_place(late, fate):
    found = account([booked(ALL)], [webhook(10_300), late], (), BY_25_S)
    assert {"doubled": len(found.doubled), "false": len(found.false)} == {"doubled": 0, "false": 0} | {fate: 1}


@pytest.mark.parametrize(
    ("killed_ms", "again_ms", "fate"),
    [
        (8000, 12_000, "inside"),
        (9500, 12_000, "edge"),  # cut by it
        (11_000, 14_000, "edge"),  # said a second before: the command died with the node
        (11_600, 14_600, "lost"),  # time enough to tell it
        (8000, 9800, "edge"),  # the end of it is not enough
        (4000, 8800, "edge"),  # the recognizer had no past: 200 ms of audio before it
        (4000, 8600, "lost"),
    ],
)
def test_what_nobody_delivered_around_a_kill(killed_ms, again_ms, fate):
    call = booked((20, killed_ms, "a"), (again_ms, 60_000, "b"))
    found = account([call], [], [kill("a", killed_ms)], BY_25_S)
    assert {name: len(getattr(found, name)) for name in ("inside", "edge", "lost")} == {
        "inside": 0,
        "edge": 0,
        "lost": 0,
    } | {fate: 1}


def test_a_gap_that_never_ends_explains_what_is_said_in_it():
    found = account([booked((20, 5000, "a"))], [], [kill("a", 5000)], BY_25_S)
    assert fates(found) == (0, 1, 0, 0, 0, 0)
    (takeover,) = found.takeovers
    assert (takeover.node, takeover.again_s) == (None, None)


def test_a_takeover_lasts_from_the_kill_to_the_next_audio():
    call = booked((20, 5000, "a"), (8300, 60_000, "b"))
    found = account([call], [webhook(10_300)], [kill("a", 5000)], BY_25_S)
    (takeover,) = found.takeovers
    assert (takeover.node, takeover.again_s) == ("b", 3.3)
    assert found.handovers == ()


def test_a_kill_strikes_only_the_calls_of_that_node():
    calls = [
        booked((20, 60_000, "b")),
        booked((20, 3000, "a"), (2000, 60_000, "b"), number=2),  # handed over before
        booked((20, 5000, "a"), (4000, 60_000, "b"), number=3),  # b hears it already
        booked(begun=False, number=4),
    ]
    assert account(calls, [], [kill("a", 5000)], BY_25_S).takeovers == ()


def test_a_handover_is_make_before_break():
    call = booked((20, 12_000, "a"), (9000, 60_000, "b"))
    (move,) = account([call], [webhook(10_300)], (), BY_25_S).handovers
    assert (move.giver, move.taker, move.break_ms, move.both_ms) == ("a", "b", 0.0, 3000.0)


def test_audio_that_neither_got_is_a_break():
    call = booked((20, 8000, "a"), (8020, 14_000, "b"), (14_200, 60_000, "c"))
    moves = account([call], [webhook(10_300)], (), BY_25_S).handovers
    assert [(move.giver, move.taker, move.break_ms) for move in moves] == [("a", "b", 0.0), ("b", "c", 180.0)]


def test_a_subscription_within_another_is_no_break():
    call = booked((20, 60_000, "a"), (2000, 3000, "b"), (50_000, 70_000, "b"))
    moves = account([call], [webhook(10_300)], (), BY_25_S).handovers
    assert [(move.giver, move.taker, move.break_ms, move.both_ms) for move in moves] == [
        ("a", "b", 0.0, 1000.0),
        ("a", "b", 0.0, 10_000.0),
    ]
