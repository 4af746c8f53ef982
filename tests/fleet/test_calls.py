"""The law of a node's calls, with times counted by hand: a lease of 10 s is a right of 9 s."""

from typing import get_args

import pytest

from engine.errors import RefusedError
from engine.fleet import calls as law
from engine.fleet.calls import LINGER_S, OVERLAP_S, SETTLEMENTS, TAKEN_MAX, Calls, held_rows, settlement
from engine.fleet.rights import Tick
from engine.fleet.rows import Held, Offer, Renewal
from engine.intake.conversation import END_REASONS, EndReason
from engine.intake.past import Moment, Past

PAST = Past(7000, Moment(1.0, 1.0, "fleet x"))


class Heard:
    state = "listening"

    def note(self):
        return PAST


def at(s: float) -> Tick:
    return Tick(1000.0 + s, s)


def offer(name: str = "a", holder: str | None = None, taken: int = 1) -> Offer:
    return Offer(f"1-{name}", name, "api", 0.0, None, holder, holder and f"0-{name}", taken)


def answer(lost=(), moved=(), missing=(), withdrawn=()) -> Renewal:
    return Renewal(0.0, dict(lost), frozenset(moved), frozenset(missing), frozenset(withdrawn))


def made(*names: str, holder: str | None = None, sent_s: float = 0.0) -> Calls:
    calls = Calls(10.0)
    for name in names:
        calls.take(offer(name, holder), at(sent_s), Heard)
    return calls


def test_a_call_is_ours_or_coming_from_when_it_was_read():
    calls = made("a")
    assert (len(calls), calls.get("a").phase, calls.get("b")) == (1, "ours", None)
    assert made("a", holder="two-1").get("a").phase == "coming"
    assert held_rows(calls) == [Held("1-a", "a", PAST)]
    assert calls.over(at(8.9)) == []
    (call,) = calls
    assert calls.over(at(9.0)) == [(call, "fenced")]
    assert calls.next_s(at(2.0)) == 7.0
    call.leaving = True
    assert calls.over(at(9.0)) == []
    assert calls.next_s(at(2.0)) == 10.0


def test_what_can_not_be_followed_leaves_no_call():
    def refused():
        raise RefusedError("capacity", "no room")

    calls = Calls(10.0)
    with pytest.raises(RefusedError):
        calls.take(offer(), at(0), refused)
    assert len(calls) == 0


def test_an_answer_renews_all_but_what_is_lost_or_moved():
    calls = made("a", "b", "c", "d")
    asked = calls.held()
    calls.take(offer("late"), at(3.0), Heard)
    verdict = calls.renewed(asked, at(3.3), answer([("1-a", "two-1")], ["1-b"], ["1-c"], ["d", "never"]))
    named = [[call.conversation_id for call in part] for part in (verdict.lost, verdict.moved, verdict.missing)]
    assert named == [["a"], ["b"], ["c"]]
    assert [call.conversation_id for call in verdict.withdrawn] == ["d"]
    ends = {call.conversation_id: call.right.until_s - 1000 for call in calls}
    assert ends == pytest.approx({"a": 9.0, "b": 9.0, "c": 12.3, "d": 12.3, "late": 12.0})
    assert calls.get("c").lost_at == 1
    calls.renewed(calls.held(), at(6.6), answer())
    assert calls.get("c").lost_at == 0


def test_an_answer_about_what_has_left_or_is_being_adopted_changes_nothing():
    calls = made("a", "b")
    asked = calls.held()
    first, second = asked
    calls.left(first)
    second.adopting = True
    verdict = calls.renewed(asked, at(1.0), answer([("1-a", "two-1")], ["1-b"]))
    assert (verdict.lost, verdict.moved) == ([], [])


def test_who_lingers_hears_to_the_end_of_what_had_begun():
    calls = made("a")
    (call,) = calls
    calls.linger(call, at(5.0))
    assert calls.held() == []
    assert calls.count("lingering", "ours") == 1
    assert calls.over(at(5.0 + LINGER_S - 0.1)) == []
    assert calls.over(at(5.0 + LINGER_S)) == [(call, "handed_over")]


def test_a_phrase_is_ours_that_ended_before_the_horizon_also_when_the_call_has_left():
    calls = made("a")
    (call,) = calls
    assert calls.covers("a", 8.9, at(30))
    assert not calls.covers("a", 9.1, at(30))
    assert calls.covers("audiohook", 9.1, at(30)), "the fleet knows nothing of it"
    calls.left(call)
    assert calls.covers("a", 8.9, at(30))
    assert not calls.covers("a", 9.1, at(30))
    calls.take(offer(), at(20.0), Heard)
    assert not calls.covers("a", 15.0, at(30)), "between two lives another node had it"
    assert calls.covers("a", 8.9, at(30))
    assert calls.covers("a", 20.5, at(30))


def test_only_rights_of_the_latest_are_remembered(monkeypatch):
    monkeypatch.setattr(law, "REMEMBERED", 1)
    calls = made("a", "b")
    for call in calls:
        calls.left(call)
    assert calls.covers("a", 9.1, at(30))
    assert not calls.covers("b", 9.1, at(30))


def test_nobody_need_be_asked_only_where_no_other_node_can_hear_the_call():
    calls = made("a", holder="two-1")
    (call,) = calls
    assert not calls.alone("a", at(1.0)), "two-1 hears it"
    call.becomes("ours", at(1.0))
    assert not calls.alone("a", at(2.0)), "it lingers, perhaps"
    call.right = law.leased(at(8.0), 10.0)
    assert calls.alone("a", at(OVERLAP_S))
    assert not calls.alone("a", at(17.0)), "the right has ended"
    assert calls.alone("audiohook", at(17.0))
    calls.left(call)
    assert not calls.alone("a", at(10.0))


def test_every_end_has_its_settlement():
    assert set(SETTLEMENTS) == set(END_REASONS) == set(get_args(EndReason))


@pytest.mark.parametrize(
    ("reason", "taken", "expected"),
    [
        ("ended", 1, "settle"),
        ("unreachable", TAKEN_MAX - 1, "give_back"),
        ("unreachable", TAKEN_MAX, "settle"),
        ("rate_limited", TAKEN_MAX, "settle"),
        ("protocol", TAKEN_MAX - 1, "give_back"),
        ("protocol", TAKEN_MAX, "quarantine"),
        ("error", TAKEN_MAX, "quarantine"),
        ("drained", TAKEN_MAX, "give_back"),
        ("quarantined", 1, "quarantine"),
        ("fenced", 1, "leave"),
    ],
)
def test_what_comes_back_again_and_again(reason, taken, expected):
    call = Calls(10.0).take(offer(taken=taken), at(0), Heard)
    assert settlement(reason, call) == expected
