import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.call_book import CallBook, CallEnded, CallLive
from engine.genesys.notifications import CallSeen


def seen(name="c", **standings):
    return CallSeen(name, standings)


def test_a_call_is_live_once_somebody_talks_and_is_told_once():
    book = CallBook()
    assert book.seen(seen(customer="coming"), 0) is None
    assert book.seen(seen(customer="talking"), 1) == CallLive("c")
    assert book.seen(seen(customer="talking", agent="talking"), 2) is None
    assert book.live == 1


def test_an_end_stands_for_its_grace_and_is_told_once():
    book = CallBook(grace_s=2)
    book.seen(seen(customer="talking"), 0)
    book.seen(seen(customer="over"), 10)
    book.seen(seen(customer="over"), 11)
    assert book.due(11.9) == []
    assert (book.due(12), book.due(13), book.live) == ([CallEnded("c")], [], 0)


def test_a_late_event_does_not_open_a_call_again():
    book = CallBook(grace_s=0)
    book.seen(seen(customer="talking"), 0)
    book.seen(seen(customer="over"), 1)
    assert book.due(1) == [CallEnded("c")]
    assert book.seen(seen(customer="talking"), 2) is None
    assert book.listed(["c"]) == []


def test_an_end_that_overtakes_the_beginning_is_no_call():
    book = CallBook()
    assert book.seen(seen(customer="over"), 0) is None
    assert book.seen(seen(customer="talking"), 1) is None
    assert book.due(9) == []


def test_a_call_that_leaves_one_queue_for_another_goes_on():
    book = CallBook(grace_s=2)
    book.seen(seen(acd1="talking"), 0)
    book.seen(seen(acd1="over"), 5)  # all that the first queue's topic shows
    assert book.seen(seen(acd2="talking"), 6) is None
    assert book.due(99) == []


def test_a_call_that_came_back_after_its_end_is_told_again():
    book = CallBook(grace_s=2)
    book.seen(seen(a="talking"), 0)
    book.seen(seen(a="over"), 1)
    assert book.due(3) == [CallEnded("c")]
    assert book.seen(seen(b="talking"), 4) == CallLive("c")


def test_what_a_query_found_is_live_until_an_event_says_otherwise():
    book = CallBook(grace_s=0)
    assert book.listed(["c", "d", "c"]) == [CallLive("c"), CallLive("d")]
    assert book.seen(seen(customer="coming"), 0) is None
    assert book.due(9) == []
    book.seen(seen(customer="over"), 10)
    assert book.due(10) == [CallEnded("c")]


def test_the_least_lately_told_of_are_forgotten():
    book = CallBook(grace_s=1, kept=2)
    for name in "abc":
        book.seen(seen(name, x="talking"), 0)
    assert book.live == 2
    book.seen(seen("b", x="over"), 1)
    book.seen(seen("c", x="talking"), 1)
    book.seen(seen("d", x="talking"), 1)  # b goes, its end with it
    assert (book.due(9), book.live) == ([], 2)


@given(
    st.permutations(
        [{"a": "talking"}, {"a": "talking", "b": "coming"}, {"a": "over", "b": "talking"}, {"a": "over", "b": "over"}]
    )
)
def test_in_whatever_order_events_come_the_call_has_ended(events):
    book = CallBook(grace_s=1)
    began = [book.seen(CallSeen("c", standings), 0) for standings in events + events]
    assert began.count(CallLive("c")) <= 1
    assert len(book.due(1)) == began.count(CallLive("c"))
    assert book.live == 0


@pytest.mark.parametrize(
    "events", [[{"a": "over", "b": "talking"}, {"a": "talking"}], [{"a": "talking"}, {"a": "over", "b": "talking"}]]
)
def test_a_transfer_in_whatever_order_stays_one_live_call(events):
    book = CallBook(grace_s=1)
    assert [book.seen(CallSeen("c", each), 0) for each in events].count(CallLive("c")) == 1
    assert book.due(9) == []
