"""Gaps, overwritten audio, and a replacement on a dead worker's ring; tests of engine/speech/pipeline.py with fakes."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.ring import ReaderState, RingReader
from engine.speech.events import PhraseSpotted, SpeechEvent, UtteranceEnded, UtteranceStarted
from engine.stats import Cell
from tests.support.speech import Channel, phrases_in, rule, script, step, write

TRANSFER = rule("transfer me", refractory_s=0)
HELLO = rule("hello", fire_on="final", refractory_s=0)
CALL = "_*50 hello*10 transfer*15 me*10 _*25 hello*12 _*22 transfer*6 me*30 _*60 hello*20 !*3 transfer*9 me*9 _*40"


def keys(events: Iterable[SpeechEvent]) -> set[tuple[str, int]]:
    """What makes a spotted phrase the same one."""
    return {(event.rule, event.utterance_start_ms) for event in phrases_in(events)}


def state(channel: Channel) -> ReaderState:
    return RingReader(channel.memory).state


def replaced(dead: Channel) -> Channel:
    """Another pipeline on the same ring and counters; the dead one is not asked anything."""
    return Channel([TRANSFER, HELLO], memory=dead.memory, counters=dead.counters)


def test_a_gap_ends_the_utterance_and_shifts_positions() -> None:
    channel = Channel([TRANSFER])
    channel.say("_*50 transfer*20")
    channel.writer.mark_gap(100)
    channel.say("me*20 _*40 transfer*15 me*10 _*40")
    events = channel.finish()
    bounds = [event for event in events if not isinstance(event, PhraseSpotted)]
    assert bounds == [
        UtteranceStarted(35 * 20),
        UtteranceEnded(35 * 20, 70 * 20),  # at the gap, without waiting for the hangover
        UtteranceStarted(170 * 20),  # its pre-roll does not reach over the gap
        UtteranceEnded(170 * 20, 210 * 20),
        UtteranceStarted(215 * 20),
        UtteranceEnded(215 * 20, 275 * 20),
    ]
    (spotted,) = phrases_in(events)
    assert spotted.utterance_start_ms == 215 * 20, "`transfer` and `me` are not glued over the gap"
    assert spotted.phrase_end_ms - 100 * 20 == spotted.phrase_end_ns * 20 + 20, "arrivals are counted without gaps"


@pytest.mark.parametrize("limit", [1, 7, 25, 1000])
def test_gaps_close_to_each_other_are_each_crossed_in_their_place(limit: int) -> None:
    channel = Channel([TRANSFER])
    channel.say("_*50")
    for text in ("hello*10", "hello*10", "hello*10 _*30"):
        channel.writer.mark_gap(10)
        channel.say(text)
    events = channel.drain(limit=limit)
    assert events == [
        UtteranceStarted(60 * 20),
        UtteranceEnded(60 * 20, 70 * 20),
        UtteranceStarted(80 * 20),
        UtteranceEnded(80 * 20, 90 * 20),
        UtteranceStarted(100 * 20),
        UtteranceEnded(100 * 20, 130 * 20),
    ]


def test_gaps_in_one_place_and_at_the_end() -> None:
    channel = Channel([TRANSFER])
    channel.say("_*50 hello*10")
    channel.writer.mark_gap(5)
    channel.writer.mark_gap(6)
    assert channel.drain() == [UtteranceStarted(35 * 20), UtteranceEnded(35 * 20, 60 * 20)]
    assert (state(channel).gaps_seen, state(channel).gap_frames) == (2, 11)
    channel.say("hello*10")
    assert channel.finish()[2:] == [UtteranceStarted(71 * 20), UtteranceEnded(71 * 20, 81 * 20)]


def test_what_the_ring_says_after_each_drain() -> None:
    channel = Channel([TRANSFER])
    channel.say("_*50")
    channel.drain()
    assert state(channel) == ReaderState(tail=50, safe=32, utterance=0, gaps_seen=0, gap_frames=0)
    channel.say("hello*10")
    channel.drain()
    assert state(channel) == ReaderState(tail=60, safe=35, utterance=36, gaps_seen=0, gap_frames=0)
    channel.say("_*21")
    channel.drain()
    assert state(channel) == ReaderState(tail=81, safe=80, utterance=0, gaps_seen=0, gap_frames=0)


def whole_call(slots: int = 4096) -> Channel:
    channel = Channel([TRANSFER, HELLO], slots=slots)
    channel.say(CALL)
    return channel


@pytest.mark.parametrize("size", [1, 25])
def test_wherever_a_worker_dies_the_same_phrases_are_heard_under_the_same_names(size: int) -> None:
    expected = keys(whole_call().finish())
    assert len(expected) == 6
    frames = len(script(CALL)) // 320
    for dies_after in range(0, frames + 1, size):
        dead = whole_call()
        limits = [size] * (dies_after // size)
        first = [event for limit in limits for event in step(dead.pipeline, limit)]
        second = replaced(dead)
        assert keys(first) | keys(second.finish()) == expected, dies_after
        assert second.counters.cells[Cell.FRAMES] == frames, "each frame is counted once"
        assert second.counters.cells[[Cell.VOICED_S, Cell.UNVOICED_S]].sum() == pytest.approx((frames - 3) * 0.02)
        assert second.counters.cells[Cell.FRAMES_REJECTED] == 3
        assert second.counters.cells[Cell.FRAMES_SKIPPED] == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 200), max_size=5))
def test_also_when_replacements_die(deaths: list[int]) -> None:
    channel, heard = whole_call(), set()
    for frames in deaths:
        heard |= keys(step(channel.pipeline, frames))
        channel = replaced(channel)
    assert heard | keys(channel.finish()) == keys(whole_call().finish())
    assert channel.counters.cells[Cell.FRAMES] == len(script(CALL)) // 320


def test_gaps_that_were_crossed_are_not_crossed_again() -> None:
    dead = Channel([TRANSFER, HELLO])
    dead.say("_*50")
    dead.writer.mark_gap(100)
    dead.say("_*40 hello*10")
    dead.drain()
    second = replaced(dead)
    second.say("transfer*10 me*20 _*40")
    assert keys(second.finish()) == {("transfer-me", 175 * 20), ("hello", 175 * 20)}
    assert state(second).gap_frames == 100


def test_an_utterance_whose_start_was_overwritten_keeps_its_name() -> None:
    dead = Channel([TRANSFER, HELLO], slots=64)
    dead.say("_*50 hello*14")
    dead.drain()
    dead.say("cancel*50")
    second = replaced(dead)
    second.drain()
    second.say("transfer*10 me*20 _*30")
    assert keys(second.finish()) == {("transfer-me", 35 * 20), ("hello", 35 * 20)}


def test_frames_overwritten_before_the_replay_reaches_them_are_skipped_and_counted() -> None:
    dead = Channel([TRANSFER, HELLO], slots=64)
    dead.say("_*50 hello*10")
    dead.drain()
    dead.say("please*30")
    dead.drain()
    second = replaced(dead)  # from frame 35
    second.say("transfer*15 me*5")  # now 46 is the oldest left
    second.drain()
    assert second.counters.cells[Cell.FRAMES_SKIPPED] == 11
    assert second.pool.alive == 1, "the recognizer that had half of it is gone"
    second.say("me*10 _*30")
    assert keys(second.finish()) == {("transfer-me", 35 * 20), ("hello", 35 * 20)}
    assert second.counters.cells[Cell.FRAMES] == 150


def test_an_utterance_of_which_only_the_hangover_is_left_ends_all_the_same() -> None:
    dead = Channel([TRANSFER, HELLO], slots=64)
    for text in ("_*50", "hello*10 _*15"):
        dead.say(text)
        dead.drain()
    dead.say("_*55")  # frame 66 is the oldest left
    second = replaced(dead)
    assert second.drain() == [UtteranceStarted(35 * 20), UtteranceEnded(35 * 20, (66 + 18 + 20) * 20)]


def test_skipping_in_silence_forgets_a_half_onset() -> None:
    dead = Channel([TRANSFER, HELLO], slots=64)
    for text in ("_*35", "_*35 hello*2"):
        dead.say(text)
        dead.drain()
    second = replaced(dead)
    second.say("_*60 hello*2")  # from 54; 70 is the oldest left
    assert second.finish() == []
    assert second.counters.cells[Cell.FRAMES_SKIPPED] == 16


def test_a_full_ring_loses_the_newest_and_what_was_kept_stays_right() -> None:
    channel = Channel([TRANSFER], slots=64, keep=20)
    assert channel.say("_*20 hello*5 transfer*10 me*9 please*10") == 10
    assert len(phrases_in(channel.finish())) == 1
    assert write(channel.writer, script("_*10")) == 0


S = 10**9


def arriving(channel: Channel, text: str, at_ns: int) -> None:
    """Scripted frames that all arrive at this time."""
    assert channel.writer.write(memoryview(script(text)), at_ns) == 0


def test_a_shard_that_is_behind_skips_to_live_and_says_how_much() -> None:
    channel = Channel([TRANSFER])
    arriving(channel, "_*50 transfer*15", 10 * S)
    channel.drain()
    arriving(channel, "me*30 hello*100", 11 * S)
    arriving(channel, "_*75 transfer*15 me*10 _*40", 14 * S)
    channel.pipeline.skip_to_live(14 * S)
    assert channel.counters.cells[Cell.FRAMES_SKIPPED] == 0, "nothing has waited for more than 3 s"
    channel.pipeline.skip_to_live(14 * S + 1)
    skipped = 65 + 130 + 140 - 25 - 65  # all but the newest 25 frames
    assert channel.counters.cells[Cell.FRAMES_SKIPPED] == skipped
    channel.drain()
    assert channel.events == [UtteranceStarted(35 * 20), UtteranceEnded(35 * 20, 65 * 20)]
    assert state(channel).tail == 65 + 130 + 140
    arriving(channel, "transfer*15 me*10 _*40", 15 * S)
    (spotted,) = phrases_in(channel.finish())
    assert spotted.utterance_start_ms == (335 + 3 - 18) * 20, "positions are as if all had been heard"
    assert channel.counters.cells[Cell.FRAMES] == 335 + 65 - skipped
    assert channel.counters.cells[Cell.FRAMES] + skipped == channel.writer.head


def test_the_pre_roll_does_not_reach_into_what_was_skipped() -> None:
    channel = Channel([TRANSFER])
    arriving(channel, "hello*200", S)
    arriving(channel, "hello*100", 2 * S)
    channel.pipeline.skip_to_live(9 * S)
    assert channel.drain()[0] == UtteranceStarted(275 * 20)


def test_gaps_within_what_was_skipped_still_move_positions() -> None:
    channel = Channel([TRANSFER])
    arriving(channel, "_*50", S)
    channel.writer.mark_gap(7)
    arriving(channel, "_*50", S)
    channel.writer.mark_gap(8)
    arriving(channel, "_*50", S)
    channel.pipeline.skip_to_live(9 * S)
    channel.drain()
    assert (state(channel).gaps_seen, state(channel).gap_frames) == (2, 15)
    arriving(channel, "transfer*15 me*10 _*40", 10 * S)
    (spotted,) = phrases_in(channel.finish())
    assert spotted.utterance_start_ms == (150 + 15 + 3 - 18) * 20


def test_a_replay_is_not_skipped_however_old() -> None:
    """Neither what a predecessor had heard, nor what came while nobody heard."""
    dead = Channel([TRANSFER, HELLO])
    arriving(dead, "_*50 hello*10", S)
    dead.drain()
    arriving(dead, "transfer*15 me*10 hello*60 _*40", 2 * S)
    second = replaced(dead)
    second.pipeline.skip_to_live(99 * S)
    second.pipeline.drain(10)
    second.pipeline.skip_to_live(99 * S)
    assert keys(second.finish()) == {("transfer-me", 35 * 20), ("hello", 35 * 20)}
    assert second.counters.cells[Cell.FRAMES_SKIPPED] == 0


def test_a_burst_is_not_skipped() -> None:
    """Ten seconds of audio that have just come are ahead of their time, not late."""
    channel = Channel([TRANSFER])
    arriving(channel, "_*200 transfer*15 me*10 _*275", 20 * S)
    channel.pipeline.skip_to_live(23 * S)
    assert len(phrases_in(channel.finish())) == 1
    assert channel.counters.cells[Cell.FRAMES_SKIPPED] == 0


def test_a_few_late_frames_are_heard() -> None:
    """All of us were stopped for a while: what little is there is no backlog."""
    channel = Channel([TRANSFER])
    arriving(channel, "_*25", S)
    channel.pipeline.skip_to_live(99 * S)
    channel.drain()
    assert channel.counters.cells[Cell.FRAMES] == 25
