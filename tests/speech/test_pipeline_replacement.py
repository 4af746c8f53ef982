"""A worker's death at any place: what it told and what its replacement tells make exactly what one worker would have told.

Three kinds of death, for each drain: after `publish`, between the report and `publish`, and before the report. Fakes, as in
test_pipeline_recovery.py; what was told is handed to the replacement, as the pool does.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.ring import RingReader
from engine.speech.events import PhraseSpotted
from engine.stats import Cell
from tests.support.speech import Channel, phrases_in, rule, script, step

RULES = [
    rule("transfer me", refractory_s=0),
    rule("hello", fire_on="final", refractory_s=0),
    rule("cancel", refractory_s=2),
    rule("order", refractory_s=0, stable_ms=0),
]
CALL = (
    "_*50 hello*10 transfer*15 me*10 _*25 hello*12 _*22 transfer*6 me*30 _*60 cancel*20 _*30 cancel*9 order*5 _*40 "
    "please*60 transfer*15 me*10 order*40 please*60 transfer*8 me*8 please*80 _*40"
)
TOKENS = st.tuples(
    st.sampled_from(["_", "_", "!", "hello", "transfer", "me", "cancel", "order", "please"]), st.integers(1, 60)
)
SCRIPTS = st.lists(TOKENS, max_size=15).map(lambda tokens: " ".join(f"{word}*{count}" for word, count in tokens))
DEATHS = ("published", "told", "untold")


def opened(text: str, **options: Any) -> Channel:
    channel = Channel(RULES, **options)
    for number, segment in enumerate(text.split("|")):
        if number:
            channel.writer.mark_gap(number)
        channel.say(segment)
    return channel


def told(events: Iterable[PhraseSpotted]) -> dict[str, int]:
    """As the pool remembers it."""
    return {event.rule: event.audio_position_ms for event in events}


def heard_with_deaths(text: str, deaths: Sequence[tuple[int, str]], size: int, **options: Any) -> list[PhraseSpotted]:
    """All that was told where a worker dies so many drains into its life, in so many ways, one after the other."""
    channel, heard = opened(text, **options), []
    for drains, death in deaths:
        for _ in range(drains):
            heard += phrases_in(step(channel.pipeline, size))
        events = channel.pipeline.drain(size)
        if death != "untold":
            heard += phrases_in(events)
        if death == "published":
            channel.pipeline.publish()
        memory, counters = channel.memory, channel.counters
        channel = Channel(RULES, memory=memory, counters=counters, fired_ms=told(heard), **options)
    return heard + phrases_in(channel.finish())


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize(("size", "longest_ms"), [(1, 20_000), (10, 20_000), (10, 2000), (3, 2000)])
def test_wherever_it_dies_the_answers_are_those_of_one_that_lived(death: str, size: int, longest_ms: int) -> None:
    expected = phrases_in(opened(CALL, max_utterance_ms=longest_ms).finish())
    assert {event.rule for event in expected} == {each.name for each in RULES}
    for drains in range(0, len(script(CALL)) // 320 // size, 5 if size == 1 else 1):
        heard = heard_with_deaths(CALL, [(drains, death)], size, max_utterance_ms=longest_ms)
        assert heard == expected, drains


@settings(max_examples=200, deadline=None)
@given(
    st.lists(SCRIPTS, min_size=1, max_size=3).map("|".join),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(DEATHS)), max_size=4),
    st.sampled_from([1, 3, 10]),
)
def test_any_deaths_in_any_talk(text: str, deaths: list[tuple[int, str]], size: int) -> None:
    expected = phrases_in(opened(text, max_utterance_ms=2000).finish())
    assert heard_with_deaths(text, deaths, size, max_utterance_ms=2000) == expected


def test_a_death_between_telling_and_publishing_repeats_and_never_loses() -> None:
    """Without a memory of what fired the phrase is told again, under the same name."""
    channel = opened("_*50 transfer*15 me*10 _*40")
    first = list(chain.from_iterable(channel.pipeline.drain(10) for _ in range(8)))
    (spotted,) = phrases_in(first)
    assert RingReader(channel.memory).state.tail == 0, "nothing was published"
    second = Channel(RULES, memory=channel.memory)
    assert phrases_in(second.finish()) == [spotted]


def test_what_was_published_is_what_was_drained() -> None:
    channel = opened("_*50 transfer*15 me*10 _*40")
    for drains, limit in enumerate(repeat(10, 11), 1):
        channel.pipeline.drain(limit)
        assert RingReader(channel.memory).state.tail == 10 * (drains - 1)
        channel.pipeline.publish()
        assert RingReader(channel.memory).state.tail == 10 * drains
    assert channel.counters.cells[Cell.HEARING_AT] == 100, "where the last drain began"
    channel.drain()
    channel.counters.cells[Cell.HEARING_AT] = 0  # another channel's
    channel.pipeline.finish()
    assert channel.counters.cells[Cell.HEARING_AT] == 115
