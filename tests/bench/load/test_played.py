from bench.load.played import said_until, stretch
from engine.demo.calls import NS_PER_MS, PlayedCall
from engine.demo.scoring import Delivery
from engine.simulator.options import Said

S = 1000 * NS_PER_MS
CALL = PlayedCall(
    conversation_id="c",
    name="call",
    started_ns=100 * S,
    duration_ms=10_000,
    said=(Said(phrase="transfer me", start_ms=4000, end_ms=5000),),
)


def delivery(end_ms: int, at_s: float, phrase: str = "transfer me") -> Delivery:
    return Delivery(f"{end_ms}", "c", phrase, end_ms, int(at_s * S), True)


def test_places_count_on_from_round_to_round():
    said = list(said_until([CALL], 130 * S))
    assert [(each.end_ms, each.ended_ns) for each in said] == [(5000, 105 * S), (15_000, 115 * S), (25_000, 125 * S)]


def test_what_is_not_over_yet_was_not_said():
    assert [each.end_ms for each in said_until([CALL], 115 * S)] == [5000, 15_000]
    assert [each.end_ms for each in said_until([CALL], 115 * S - 1)] == [5000]
    assert list(said_until([CALL.model_copy(update={"started_ns": None})], 999 * S)) == []
    assert list(said_until([CALL], 90 * S)) == []


def test_only_what_was_said_in_the_stretch_counts():
    deliveries = [delivery(5000, 105.3), delivery(15_000, 115.2), delivery(21_000, 121), delivery(31_000, 131)]
    found = stretch([CALL], deliveries, 110 * S, 130 * S)
    assert [heard.said.end_ms for heard in found.heard] == [15_000]
    assert [missed.end_ms for missed in found.missed] == [25_000]
    assert [alarm.delivery.phrase_end_ms for alarm in found.false] == [21_000], "31_000 came after the stretch"


def test_a_delivery_that_comes_after_the_stretch_answers_what_was_said_in_it():
    found = stretch([CALL], [delivery(25_000, 130.4)], 120 * S, 130 * S)
    assert [round(heard.after_ms) for heard in found.heard] == [5400]
