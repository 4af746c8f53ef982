"""The pipeline's logic, with fakes whose script is the audio (tests/support/speech.py). Onset 3 frames, pre-roll 15,
hangover 20, a partial every 5: an utterance opens 18 frames before its third voiced one and ends 20 after its last."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.options import RuleOptions
from engine.speech.cadence import Cadence
from engine.speech.events import PhraseSpotted, SpeechEvent, UtteranceEnded, UtteranceStarted
from engine.stats import Cell
from tests.support.speech import Channel, FailingRecognizer, ScriptedRecognizer, phrases_in, rule

TRANSFER = rule("transfer me")
TOKENS = st.tuples(st.sampled_from(["_", "_", "!", "hello", "transfer", "me", "cancel"]), st.integers(1, 40))
SCRIPTS = st.lists(TOKENS, max_size=12).map(lambda tokens: " ".join(f"{word}*{count}" for word, count in tokens))


def frame(ms: int) -> int:
    return ms // 20


def events_of(text: str, *rules: RuleOptions, **options: Any) -> list[SpeechEvent]:
    channel = Channel(rules or (TRANSFER,), **options)
    channel.say(text)
    return channel.finish()


def test_one_utterance() -> None:
    spotted = PhraseSpotted(
        rule="transfer-me",
        phrase="transfer me",
        text="transfer me",
        confidence=None,
        fired_on="partial",
        utterance_start_ms=35 * 20,
        phrase_end_ms=70 * 20,  # first seen after frame 70; with chunks of 100 ms a partial does not lag
        audio_position_ms=75 * 20,  # 100 ms later it is taken to be stable
        phrase_end_ns=69,  # the last frame before; it arrived at "69"
    )
    expected = [UtteranceStarted(35 * 20), spotted, UtteranceEnded(35 * 20, 95 * 20)]
    assert events_of("_*50 transfer*15 me*10 _*40") == expected


def test_a_final_tells_confidence_and_the_words_end() -> None:
    channel = Channel([rule("transfer me", fire_on="final")], cadence=Cadence(2000))
    channel.say("_*50 transfer*15 me*10 _*40", confidence=0.75)
    (spotted,) = phrases_in(channel.finish())
    assert spotted.confidence == pytest.approx(0.75)
    assert (spotted.fired_on, frame(spotted.phrase_end_ms), spotted.phrase_end_ns) == ("final", 75, 74)
    assert frame(spotted.audio_position_ms) == 95


def test_a_final_that_is_late_about_the_end_is_mended_by_the_partials() -> None:
    """Vosk stretches a last word over the pause behind it; the partials had the phrase before."""
    (spotted,) = phrases_in(events_of("_*50 transfer*15 me*25 _*40", rule("transfer me", fire_on="final")))
    assert frame(spotted.phrase_end_ms) == 70


@pytest.mark.parametrize("slots", [64, 128, 4096])
def test_a_phrase_that_ends_with_the_channel_ended_with_its_last_frame(slots: int) -> None:
    channel = Channel([rule("transfer me", fire_on="final")], slots=slots, cadence=Cadence(2000))
    for text in ("_*50", "hello*30", "transfer*20 me*28"):
        channel.say(text)
        channel.drain()
    (spotted,) = phrases_in(channel.finish())
    assert (frame(spotted.phrase_end_ms), spotted.phrase_end_ns) == (128, 127)


@settings(max_examples=150, deadline=None)
@given(st.lists(SCRIPTS, min_size=1, max_size=3), st.lists(st.integers(1, 40), max_size=30), st.integers(1, 30))
def test_however_drains_are_cut_the_events_are_equal(segments: list[str], limits: list[int], limit: int) -> None:
    """Segments have gaps between them; utterances are cut after two seconds."""

    def run(limits: list[int], limit: int) -> tuple[list[SpeechEvent], list[float]]:
        channel = Channel([TRANSFER, rule("hello", fire_on="final", refractory_s=0)], max_utterance_ms=2000)
        for number, segment in enumerate(segments):
            if number:
                channel.writer.mark_gap(number)
            channel.say(segment)
        channel.drain(limits, limit=limit)
        counted = [channel.counters.cells[cell] for cell in (Cell.FRAMES, Cell.UTTERANCES, Cell.FRAMES_REJECTED)]
        return channel.finish(), counted

    events, counted = run([], 10_000)
    assert run(limits, limit) == (events, counted)
    assert run([], 1) == (events, counted)
    bounds = [type(event) for event in events if not isinstance(event, PhraseSpotted)]
    assert bounds == [UtteranceStarted, UtteranceEnded] * (len(bounds) // 2)


def test_nothing_voiced_nothing_told() -> None:
    assert events_of("_*500") == []
    assert events_of("_*50 hello*2 _*50") == [], "shorter than the onset"
    assert events_of("") == []


def test_the_pre_roll_hears_nothing_twice() -> None:
    events = events_of("_*50 transfer*15 me*10 _*22 me*10 _*40")
    assert [event for event in events if isinstance(event, UtteranceStarted)] == [
        UtteranceStarted(35 * 20),
        UtteranceStarted(95 * 20),  # where the first one ended, and not 18 frames before its own onset
    ]
    assert len(phrases_in(events)) == 1


@pytest.mark.parametrize("slots", [8, 12])
def test_a_pre_roll_that_was_overwritten_is_left_out(slots: int) -> None:
    heard: list[int] = []

    class Recording(ScriptedRecognizer):
        def accept(self, run: np.ndarray) -> None:
            heard.extend(int(row[2]) for row in run)
            super().accept(run)

    channel = Channel([TRANSFER], slots=slots, make=Recording)
    for number in range(60):
        text = "_" if number < 30 else "hello"
        channel.writer.write(memoryview(bytes((0 if text == "_" else 7, 100, number)) + bytes(317)), number)
        channel.drain()
    assert channel.events == [UtteranceStarted((33 - slots) * 20)]
    assert heard == list(range(33 - slots, 60)), "each frame once, in order"


def test_frames_are_counted() -> None:
    channel = Channel([TRANSFER])
    channel.say("_*50 ! transfer*15 !*3 me*10 _*40")
    channel.finish()
    cells = channel.counters.cells
    assert cells[Cell.FRAMES] == 119 == sum(cells[Cell.LATENCY_FIRST :])
    assert cells[Cell.FRAMES_REJECTED] == 4
    assert cells[Cell.VOICED_S] == pytest.approx(25 * 0.02)
    assert cells[Cell.UNVOICED_S] == pytest.approx(90 * 0.02)
    assert cells[Cell.UTTERANCES] == 1
    assert cells[Cell.FRAMES_SKIPPED] == 0


def test_a_refused_frame_is_silence_to_the_gate() -> None:
    assert events_of("_*50 transfer*15 !*3 me*10 !*20 _*20")[-1] == UtteranceEnded(35 * 20, 98 * 20)
    assert events_of("!*200") == []


def test_a_frame_or_two_may_wait_in_silence() -> None:
    channel = Channel()
    assert not channel.pipeline.is_due
    channel.say("_*2")
    assert not channel.pipeline.is_due
    channel.say("_*1")
    assert channel.pipeline.is_due
    channel.drain()
    assert not channel.pipeline.is_due


def test_the_frame_that_completes_a_chunk_does_not_wait() -> None:
    """The utterance opens at frame 35 (18 before its third voiced one): chunks of five are complete at 60, 65, …"""
    channel = Channel([TRANSFER])
    channel.say("_*50 transfer*8")
    channel.drain()
    channel.say("transfer*1")
    assert not channel.pipeline.is_due, "59"
    channel.say("transfer*1")
    assert channel.pipeline.is_due, "60"
    channel.drain()
    channel.say("transfer*2")
    assert not channel.pipeline.is_due


def test_a_gap_does_not_wait() -> None:
    channel = Channel()
    channel.writer.mark_gap(5)
    assert channel.pipeline.is_due
    channel.drain()
    assert not channel.pipeline.is_due


def test_finishing_ends_the_open_utterance_once() -> None:
    channel = Channel([TRANSFER])
    channel.say("_*50 hello*10")
    assert channel.finish()[-1] == UtteranceEnded(35 * 20, 60 * 20)
    assert channel.pipeline.finish() == []
    assert channel.pool.alive == 1


def test_there_is_work_while_there_are_frames_or_gaps() -> None:
    channel = Channel([TRANSFER])
    assert not channel.pipeline.has_work
    channel.say("_*30")
    channel.pipeline.drain(25)
    assert channel.pipeline.has_work
    channel.pipeline.drain(25)
    assert not channel.pipeline.has_work
    channel.writer.mark_gap(1)
    assert channel.pipeline.has_work
    channel.pipeline.drain(25)
    assert not channel.pipeline.has_work


def test_a_recognizer_that_raises() -> None:
    channel = Channel([TRANSFER], make=FailingRecognizer)
    channel.say("_*50 hello*10 please*10 _*40")
    with pytest.raises(RuntimeError, match="decoder failed"):
        channel.drain()
    channel.pipeline.abandon()
    assert channel.pool.alive == 0, "its state is worth nothing"
    channel.pipeline.abandon()


def test_phrase_across_the_longest_utterance_is_heard_once() -> None:
    """The utterance from frame 35 is cut at 135, in mid-phrase; the next one hears from 85."""
    events = events_of("_*50 hello*75 transfer*15 me*10 hello*60 _*40", max_utterance_ms=2000)
    assert [event.utterance_start_ms for event in phrases_in(events)] == [85 * 20]
    assert events[0] == UtteranceStarted(35 * 20)
    assert events[1:3] == [UtteranceEnded(35 * 20, 135 * 20), UtteranceStarted(85 * 20)]


@pytest.mark.parametrize("me", [2, 5, 10, 20, 30])
def test_a_phrase_before_the_cut_is_not_heard_again_after_it(me: int) -> None:
    text = f"_*50 hello*{85 - me - 10} transfer*10 me*{me} hello*60 _*40"
    events = events_of(text, rule("transfer me", refractory_s=0), max_utterance_ms=2000)
    assert [event.utterance_start_ms for event in phrases_in(events)] == [35 * 20]


@pytest.mark.parametrize("longest_ms", [1000, 1020, 1500])
def test_the_shortest_longest_utterance_still_moves_on(longest_ms: int) -> None:
    ended = [
        event for event in events_of("hello*1000", max_utterance_ms=longest_ms) if isinstance(event, UtteranceEnded)
    ]
    assert all(event.end_ms - event.start_ms == longest_ms for event in ended[:-1])
    assert 1000 * 20 / longest_ms < len(ended) <= 2 + 1000 * 20 / (longest_ms - longest_ms // 2)


def test_the_hypothesis_goes_with_the_end_for_those_who_list_what_was_heard() -> None:
    assert [event.text for event in events_of("_*50 hello*5 please*5 _*40") if isinstance(event, UtteranceEnded)] == [
        "hello please"
    ]
