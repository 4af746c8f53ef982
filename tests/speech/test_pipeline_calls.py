"""The pipeline with Vosk and webrtcvad on the committed calls, whose manifest says what is said when."""

import random
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from engine.audio.ring import RingReader, RingWriter
from engine.options import RuleOptions
from engine.speech.counters import Counters
from engine.speech.events import PhraseSpotted, SpeechEvent, UtteranceEnded, UtteranceStarted
from engine.speech.hearing import Hearing, _grammar
from engine.speech.vosk_binding import VoskModel
from engine.stats import Cell
from tests.support.speech import OPTIONS, call_pcm, drained, frames, hear, manifest, new_ring, phrases_in, step, write

FILES = [call["file"] for call in manifest()["calls"]]
Whole = Callable[[str], tuple[list[SpeechEvent], Counters]]
EARLY_MS, LATE_MS = (
    500,
    1500,
)  # a phrase's end is the end of its last sound; it may be known before that, or a bit after


def said(file: str) -> list[tuple[str, int, int]]:
    """Phrase, start and end in milliseconds."""
    (call,) = (call for call in manifest()["calls"] if call["file"] == file)
    return [(each["phrase"], each["start_ms"], each["end_ms"]) for each in call["said"]]


def expect_what_was_said(file: str, spotted: list[PhraseSpotted]) -> None:
    assert [event.phrase for event in spotted] == [phrase for phrase, _, _ in said(file)]
    for event, (phrase, start_ms, end_ms) in zip(spotted, said(file), strict=True):
        assert event.rule == "-".join(phrase.split())
        assert end_ms - EARLY_MS < event.audio_position_ms < end_ms + LATE_MS
        assert event.utterance_start_ms < start_ms < event.phrase_end_ms <= event.audio_position_ms
        assert f" {phrase} " in f" {event.text} "
        assert event.phrase_end_ns == event.phrase_end_ms // 20 - 1, "the arrival of the frame before; see write()"


@pytest.fixture(scope="module")
def whole(hearing: Hearing) -> Whole:
    """What a call comes to; each is heard once for all tests."""
    return cache(lambda file: hear(hearing, frames(call_pcm(file))))


@pytest.mark.parametrize("file", FILES)
def test_what_was_said_is_heard_and_nothing_else(whole: Whole, file: str) -> None:
    events, counters = whole(file)
    expect_what_was_said(file, phrases_in(events))
    bounds = [event for event in events if not isinstance(event, PhraseSpotted)]
    assert [type(event) for event in bounds] == [UtteranceStarted, UtteranceEnded] * (len(bounds) // 2)
    assert counters.cells[Cell.UTTERANCES] == len(bounds) // 2
    length = len(frames(call_pcm(file)))
    assert counters.cells[Cell.FRAMES] == length
    assert counters.cells[Cell.VOICED_S] + counters.cells[Cell.UNVOICED_S] == pytest.approx(length * 0.02)
    assert 0 < counters.cells[Cell.VAD_S] < counters.cells[Cell.DECODE_S]


@pytest.mark.parametrize("file", FILES)
def test_what_ungated_decoding_hears_is_heard_through_the_pipeline(
    model: VoskModel, whole: Whole, rules: list[RuleOptions], file: str
) -> None:
    recognizer = model.recognizer(_grammar(model, OPTIONS, rules))
    recognizer.accept(frames(call_pcm(file)))
    text = f" {recognizer.final().text} "
    ungated = Counter({phrase: text.count(f" {phrase} ") for phrase in manifest()["phrases"]})
    assert ungated - Counter(event.phrase for event in phrases_in(whole(file)[0])) == Counter()


@pytest.mark.parametrize("file", ["call-02.wav", "call-10.wav"])
def test_however_drains_are_cut_the_events_are_equal(hearing: Hearing, file: str) -> None:
    audio, chance = frames(call_pcm(file))[:460], random.Random(1)
    expected = hear(hearing, audio, limit=100_000)[0]
    assert phrases_in(expected)
    for limit in (1, 3, 25):
        assert hear(hearing, audio, limit=limit)[0] == expected
    assert hear(hearing, audio, limits=[chance.randint(1, 60) for _ in range(100)])[0] == expected


def test_a_ring_that_wraps_all_the_time_changes_nothing(hearing: Hearing, whole: Whole) -> None:
    audio = frames(call_pcm("call-01.wav"))
    memory = new_ring(64)
    writer, pipeline = RingWriter(memory), hearing.open("external", RingReader(memory), Counters())
    events = []
    for at in range(0, len(audio), 20):
        assert write(writer, audio[at : at + 20].tobytes()) == 0
        events += drained(pipeline)
    assert events + pipeline.finish() == whole("call-01.wav")[0]


@pytest.mark.parametrize(("number", "share"), [(0, 0.1), (1, 0.5), (2, 0.9), (0, 1.2)])
def test_a_worker_that_dies_in_mid_phrase(hearing: Hearing, whole: Whole, number: int, share: float) -> None:
    """Its replacement tells what is missing, to the millisecond, and counts no frame twice."""
    audio, counters = frames(call_pcm("call-01.wav")), Counters()
    expected = phrases_in(whole("call-01.wav")[0])
    _, start_ms, end_ms = said("call-01.wav")[number]
    memory = new_ring(len(audio))
    write(RingWriter(memory), audio.tobytes())
    dead = hearing.open("external", RingReader(memory), counters)
    before = [step(dead, 1) for _ in range(int(start_ms + share * (end_ms - start_ms)) // 20)]
    spotted = phrases_in(event for events in before for event in events)
    del dead
    fired_ms = {event.rule: event.audio_position_ms for event in spotted}
    replacement = hearing.open("external", RingReader(memory), counters, fired_ms=fired_ms)
    spotted += phrases_in(drained(replacement) + replacement.finish())
    assert spotted == expected
    assert counters.cells[Cell.FRAMES] == len(audio)


def test_a_gap_in_mid_phrase(hearing: Hearing, whole: Whole) -> None:
    """It closes the utterance: the phrase is lost, the later ones are found further on by what is missing."""
    audio = frames(call_pcm("call-01.wav"))
    _, start_ms, end_ms = said("call-01.wav")[0]
    middle = (start_ms + end_ms) // 40
    memory = new_ring(len(audio))
    writer = RingWriter(memory)
    write(writer, audio[: middle - 10].tobytes())
    writer.mark_gap(500)
    write(writer, audio[middle + 10 :].tobytes())
    pipeline = hearing.open("external", RingReader(memory), Counters())
    events = drained(pipeline) + pipeline.finish()
    assert UtteranceEnded in {type(event) for event in events if getattr(event, "end_ms", 0) == (middle - 10) * 20}
    later = phrases_in(whole("call-01.wav")[0])[1:]
    assert [event.rule for event in phrases_in(events)] == [event.rule for event in later]
    for event, same in zip(phrases_in(events), later, strict=True):
        assert event.phrase_end_ms == pytest.approx(same.phrase_end_ms + (500 - 20) * 20, abs=300)


@pytest.mark.parametrize(("file", "number"), [("call-10.wav", 0), ("call-11.wav", 1), ("call-12.wav", 2)])
def test_a_phrase_on_the_cut_of_a_long_utterance(
    model: VoskModel, rules: list[RuleOptions], whole: Whole, file: str, number: int
) -> None:
    """Calls without pauses; the utterance is cut in the middle of a phrase."""
    phrase, start_ms, end_ms = said(file)[number]
    longest_ms = (start_ms + end_ms) // 2 - phrases_in(whole(file)[0])[number].utterance_start_ms
    hearing = Hearing(model, OPTIONS.model_copy(update={"max_utterance_ms": longest_ms}), rules)
    events = hear(hearing, frames(call_pcm(file))[: (end_ms + LATE_MS) // 20])[0]
    assert any(isinstance(event, UtteranceEnded) and start_ms < event.end_ms < end_ms for event in events)
    assert [event.phrase for event in phrases_in(events) if event.phrase_end_ms > start_ms] == [phrase]
