"""Positions worked out by hand, in milliseconds of a channel's audio."""

from hypothesis import given
from hypothesis import strategies as st

from engine.shards.fired import ENDED_MAX, FIRED_MAX, FiredBook, Place
from engine.speech.events import PhraseSpotted


def place(key: str, channel: str = "external", conversation_id: str = "conv") -> Place:
    return Place(conversation_id, key, channel)


def spotted(rule: str, utterance_start_ms: int, audio_position_ms: int) -> PhraseSpotted:
    return PhraseSpotted(rule, rule, rule, None, "partial", utterance_start_ms, 0, audio_position_ms, 0)


def test_a_fresh_worker_is_told_where_each_rule_fired_last():
    book = FiredBook()
    book.begin(1, place("a"), ())
    assert book.fired_ms(1) == {}
    assert book.note(1, spotted("cancel", 1000, 2000))
    assert book.note(1, spotted("refund", 1000, 2500))
    assert book.note(1, spotted("cancel", 3000, 4000))
    assert book.fired_ms(1) == {"cancel": 4000, "refund": 2500}


def test_what_an_utterance_that_was_heard_fires_again_is_no_news():
    book = FiredBook()
    book.begin(1, place("a"), ())
    assert book.note(1, spotted("cancel", 1000, 2000))
    assert not book.note(1, spotted("cancel", 1000, 2100))
    assert not book.note(1, spotted("cancel", 1999, 2600))
    assert book.note(1, spotted("refund", 1000, 2100))
    assert book.note(1, spotted("cancel", 2600, 3000))  # the next utterance begins where the last one ended


def test_a_session_that_continues_others_starts_from_what_they_fired_on_its_channel():
    book = FiredBook()
    book.begin(1, place("a"), ())
    book.begin(2, place("a", "internal"), ())
    book.begin(3, place("b"), ())
    book.note(1, spotted("cancel", 1000, 2000))
    book.note(2, spotted("refund", 1000, 2000))
    book.note(3, spotted("cancel", 5000, 6000))
    for lease in (1, 2, 3):
        book.end(lease)
    book.begin(4, place("c"), ("a", "b", "unknown"))
    assert book.fired_ms(4) == {"cancel": 6000}
    book.begin(5, place("d"), ("b", "a"))
    assert book.fired_ms(5) == {"cancel": 6000}
    book.begin(6, place("e"), ())
    assert book.fired_ms(6) == {}


def test_other_conversations_sessions_say_nothing():
    book = FiredBook()
    book.begin(1, place("a"), ())
    book.note(1, spotted("cancel", 1000, 2000))
    book.begin(2, place("b", conversation_id="another"), ("a",))
    assert book.fired_ms(2) == {}
    book.end(1)
    book.begin(3, place("c", conversation_id="another"), ("a",))
    assert book.fired_ms(3) == {}


def test_a_predecessor_that_is_still_heard_and_its_successor_fire_nothing_twice():
    book = FiredBook()
    book.begin(1, place("a"), ())
    book.begin(2, place("b"), ("a",))
    assert book.note(1, spotted("cancel", 1000, 2000))  # late: the successor has not been told
    assert not book.note(2, spotted("cancel", 1100, 2040))
    assert book.note(2, spotted("refund", 5000, 6000))  # and the successor was sooner
    assert not book.note(1, spotted("refund", 5000, 6000))
    assert book.fired_ms(1) == book.fired_ms(2) == {"cancel": 2040, "refund": 6000}


def test_rules_and_ended_channels_are_bounded_the_oldest_go():
    book = FiredBook()
    book.begin(1, place("a"), ())
    for number in range(FIRED_MAX + 3):
        book.note(1, spotted(f"{number}", 0, 10))
    assert len(book.fired_ms(1)) == FIRED_MAX
    assert "2" not in book.fired_ms(1)
    for number in range(2, ENDED_MAX + 3):
        book.begin(number, place(f"{number}"), ())
        book.note(number, spotted("cancel", 0, number))
        book.end(number)
    book.begin(0, place("x"), ("2",))
    assert book.fired_ms(0) == {}
    book.begin(-1, place("y"), ("3", f"{ENDED_MAX + 2}"))
    assert book.fired_ms(-1) == {"cancel": ENDED_MAX + 2}


def test_a_key_that_comes_again_is_remembered_by_its_latest_life():
    book = FiredBook()
    for number in (1, 2):
        book.begin(number, place("a"), ())
        book.note(number, spotted(f"{number}", 0, 10))
        book.end(number)
    book.begin(3, place("b"), ("a",))
    assert book.fired_ms(3) == {"2": 10}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 100), st.integers(1, 30)), max_size=30))
def test_what_was_once_fired_there_never_fires_again_in_a_session_that_continues(events):
    """Whatever fired in the first session, the same utterances in the second are no news."""
    book = FiredBook()
    book.begin(1, place("a"), ())
    told = [spotted(rule, start * 10, (start + length) * 10) for rule, start, length in events]
    fired = [event for event in told if book.note(1, event)]
    book.end(1)
    book.begin(2, place("b"), ("a",))
    assert not any(book.note(2, event) for event in fired)
