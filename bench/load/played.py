"""Calls that are played over and over, and what was said in a stretch of time. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from engine.demo.calls import NS_PER_MS, PlayedCall
from engine.demo.scoring import Delivery, SaidPhrase, Score, score
from engine.simulator.options import Said


def rounds(call: PlayedCall, until_ns: int) -> Iterator[tuple[int, Said]]:
    """Every phrase of every round that has begun by then, with the milliseconds of audio before its round."""
    if call.started_ns is not None:
        for begun_ms in range(0, max(0, (until_ns - call.started_ns) // NS_PER_MS), call.duration_ms):
            for each in call.said:
                yield begun_ms, each


def said_until(calls: Iterable[PlayedCall], until_ns: int) -> Iterator[SaidPhrase]:
    """Every phrase of every round that was over by then; places count on from round to round."""
    for call in calls:
        for begun_ms, each in rounds(call, until_ns):
            end_ms = begun_ms + each.end_ms
            ended_ns = (call.started_ns or 0) + end_ms * NS_PER_MS
            if ended_ns <= until_ns:
                yield SaidPhrase(call.conversation_id, call.name, each.phrase, end_ms, ended_ns, each.channel)


def stretch(calls: Sequence[PlayedCall], deliveries: Sequence[Delivery], begin_ns: int, end_ns: int) -> Score:
    """What was said and delivered between the two moments. What was said before is known, so that it is nobody's false alarm."""
    whole = score(said_until(calls, end_ns), deliveries)
    return Score(
        heard=tuple(heard for heard in whole.heard if heard.said.ended_ns >= begin_ns),
        missed=tuple(said for said in whole.missed if said.ended_ns >= begin_ns),
        false=tuple(alarm for alarm in whole.false if begin_ns <= alarm.delivery.received_ns <= end_ns),
    )
