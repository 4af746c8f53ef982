"""Transcripts with fakes whose script is the audio: onset 3 frames, pre-roll 15, hangover 20; and with the real Vosk."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.speech.cadence import Cadence
from engine.speech.events import SpeechEvent, SpokenWord, Transcribed
from engine.speech.hearing import Hearing
from engine.speech.phrases import HeardWord
from engine.speech.recognizer import RecognizerPool
from engine.speech.transcripts import WORDS_MAX, Transcripts, slower, spoken_words
from engine.speech.vosk_binding import VoskModel
from engine.stats import Cell
from tests.support.speech import (
    OPTIONS,
    Channel,
    FailingRecognizer,
    ScriptedRecognizer,
    call_pcm,
    frames,
    hear,
    manifest,
    phrases_in,
    rule,
    step,
    transcripts_in,
)

TRANSFER = rule("transfer me")
LOOK = Cadence(chunk_ms=100)
TOKENS = st.tuples(st.sampled_from(["_", "_", "hello", "transfer", "me", "cancel"]), st.integers(1, 60))
SCRIPTS = st.lists(TOKENS, max_size=12).map(lambda tokens: " ".join(f"{word}*{count}" for word, count in tokens))


class _Unset:
    """Of a pool that is made by default."""


def opened(pool: RecognizerPool | type[_Unset] | None = _Unset, **options: Any) -> Channel:
    """A channel with a recognizer for its transcripts (None: the rules' own)."""
    own = RecognizerPool(ScriptedRecognizer, 1000) if pool is _Unset else pool
    return Channel([TRANSFER], transcripts=Transcripts(own, LOOK, "please"), cadence=LOOK, **options)  # type: ignore[arg-type]


def told(text: str, **options: Any) -> list[Transcribed]:
    channel = opened(**options)
    channel.say(text)
    return transcripts_in(channel.finish())


EITHER = pytest.mark.parametrize("own", [True, False], ids=["its own recognizer", "the rules' recognizer"])


@EITHER
def test_one_utterance(own: bool) -> None:
    """It begins at frame 35 and ends at 122, where 20 unvoiced frames have followed the last of 52 voiced ones.

    Looks are every 25 frames from its start: after frame 60 transfer has been heard, after 85 me, after 110 nothing new.
    """
    pool = {} if own else {"pool": None}
    assert told("_*50 transfer*15 me*20 cancel*17 _*40", **pool) == [
        Transcribed(False, 700, 1200, "transfer"),
        Transcribed(False, 700, 1700, "transfer me"),
        Transcribed(False, 700, 2200, "transfer me cancel"),
        Transcribed(
            True,
            700,
            2440,
            "transfer me cancel",
            (
                SpokenWord("transfer", 1000, 1300, 1),
                SpokenWord("me", 1300, 1700, 1),
                SpokenWord("cancel", 1700, 2040, 1),
            ),
        ),
    ]


def test_a_partial_comes_only_with_a_new_text() -> None:
    partials = [event for event in told("_*50 transfer*100 me*20 _*40") if not event.is_final]
    assert [(event.text, event.end_ms) for event in partials] == [("transfer", 1200), ("transfer me", 3200)]


@EITHER
def test_an_utterance_without_a_known_word_is_not_told(own: bool) -> None:
    """`please` plays the model's garbage word here."""
    pool = {} if own else {"pool": None}
    assert told("_*50 please*60 _*40", **pool) == []
    assert [event.text for event in told("_*50 please*10 me*60 please*10 _*40", **pool)] == ["me", "me"]


@EITHER
def test_where_an_utterance_is_cut_no_final_tells_a_word_twice(own: bool) -> None:
    """Cut after a second: the next one hears half a second again."""
    pool = {} if own else {"pool": None}
    events = told("_*50 hello*20 transfer*20 me*20 cancel*20 my*20 order*20 _*40", max_utterance_ms=1000, **pool)
    finals = [event for event in events if event.is_final]
    words = [word for event in finals for word in event.words]
    assert len(finals) >= 2
    starts = [word.start_ms for word in words]
    assert starts == sorted(set(starts))
    assert all(after.start_ms >= before.end_ms for before, after in pairwise(words))


@EITHER
def test_a_gap_moves_positions_on(own: bool) -> None:
    channel = opened(**({} if own else {"pool": None}))
    channel.writer.mark_gap(1000)
    channel.say("_*50 me*30 _*40")
    *_, final = transcripts_in(channel.finish())
    assert (final.utterance_start_ms, final.words[0].start_ms, final.words[0].end_ms) == (20_700, 21_000, 21_600)


@settings(max_examples=100, deadline=None)
@given(SCRIPTS, st.lists(st.integers(1, 40), max_size=30), st.integers(1, 30), st.booleans())
def test_however_drains_are_cut_the_transcripts_are_equal_and_phrases_as_without(
    text: str, limits: list[int], limit: int, own: bool
) -> None:
    def run(channel: Channel, limits: list[int], limit: int) -> list[SpeechEvent]:
        channel.say(text)
        channel.drain(limits, limit=limit)
        return channel.finish()

    pool: dict[str, Any] = {} if own else {"pool": None}
    events = run(opened(**pool, max_utterance_ms=2000), [], 10_000)
    assert run(opened(**pool, max_utterance_ms=2000), limits, limit) == events
    without = run(Channel([TRANSFER], cadence=LOOK, max_utterance_ms=2000), limits, limit)
    assert [event for event in events if not isinstance(event, Transcribed)] == without
    for event in transcripts_in(events):
        assert event.text
        assert bool(event.words) is event.is_final
        assert all(word.start_ms < word.end_ms <= event.end_ms for word in event.words)


@EITHER
def test_a_replacement_tells_the_same_final_once_more_or_for_the_first_time(own: bool) -> None:
    """A death at any drain: each final is told, at least once, and all tellings of it are equal."""
    pool: dict[str, Any] = {} if own else {"pool": None}
    text = "_*50 hello*20 transfer*15 me*20 _*60 cancel*17 order*30 _*40"
    wanted = [event for event in told(text, **pool) if event.is_final]
    assert len(wanted) == 2
    for drains in range(40):
        channel = opened(**pool)
        channel.say(text)
        events = [event for _ in range(drains) for event in step(channel.pipeline, 7)]
        events += channel.pipeline.drain(7)  # told, and not published
        heir = opened(**pool, memory=channel.memory)
        events += heir.finish()
        finals = [event for event in transcripts_in(events) if event.is_final]
        assert set(finals) == set(wanted), drains
        assert len(finals) <= 3


@EITHER
def test_a_replacement_from_whom_the_utterances_beginning_is_overwritten_tells_the_rest_of_it(own: bool) -> None:
    """The predecessor's utterance began at frame 0; 50 more frames overwrite 30 of it before the heir hears them."""
    pool = RecognizerPool(ScriptedRecognizer, 1000)
    channel = opened(pool if own else None, slots=64)
    channel.say("_*4 hello*40")
    channel.drain()
    heir = opened(pool if own else None, memory=channel.memory)
    assert channel.say("me*30 _*20") == 0
    *_, final = transcripts_in(heir.finish())
    assert (final.text, final.utterance_start_ms, final.end_ms) == ("hello me", 0, 94 * 20)
    assert [word.start_ms for word in final.words] == [30 * 20, 44 * 20]
    assert pool.alive == (2 if own else 0)  # the dead one's is in use for ever
    assert heir.pool.alive == 1


def test_a_recognizer_that_fails_takes_the_other_one_along() -> None:
    pool = RecognizerPool(FailingRecognizer, 1000)
    channel = opened(pool)
    channel.say("_*50 hello*20 please*20 _*40")
    with pytest.raises(RuntimeError):
        channel.drain()
    channel.pipeline.abandon()
    assert (pool.alive, channel.pool.alive) == (0, 0)


def test_words_never_start_at_the_same_time_nor_before_what_was_told() -> None:
    words = [HeardWord("a", 100, 0.5, 0), HeardWord("b", 200, 1.2, 100), HeardWord("c", 200, None, 100), HeardWord("d", 300, 0.25, 101)]  # fmt: skip
    assert spoken_words(words, 1000, 1100) == (
        SpokenWord("b", 1100, 1200, 1.0),
        SpokenWord("c", 1101, 1200, 0.0),
        SpokenWord("d", 1102, 1300, 0.25),
    )
    many = [HeardWord("a", 10 * n + 5, 1.0, 10 * n) for n in range(WORDS_MAX + 5)]
    assert len(spoken_words(many, 0, 0)) == WORDS_MAX


def test_looks_for_partials_are_in_step_with_the_networks() -> None:
    assert slower(Cadence(180, 65)) == Cadence(540, 65)
    assert slower(Cadence(100, 0)) == Cadence(500, 0)
    assert slower(Cadence(1500, 25)) == Cadence(1500, 25)


def test_what_was_said_is_not_shown() -> None:
    word = SpokenWord("secret", 0, 10, 1.0)
    assert "secret" not in repr(Transcribed(True, 0, 10, "secret", (word,)))
    assert "secret" not in repr(word)


# the real thing


def clip(number: int = 0) -> tuple[str, Any, int]:
    """A sentence of the first call, its audio with a second around it, and where that begins in ms."""
    said = manifest()["calls"][0]["said"][number]
    begin = said["start_ms"] // 20 - 100
    return said["sentence"], frames(call_pcm("call-01.wav"))[begin : said["end_ms"] // 20 + 75], begin * 20


def test_vosk_transcribes_a_sentence_that_the_rules_do_not_know(hearing: Hearing) -> None:
    sentence, audio, _ = clip()
    events, counters = hear(hearing, audio, transcribe=True)
    *partials, final = transcripts_in(events)
    assert final.is_final
    heard = set(final.text.split())
    assert heard & {"could", "please", "someone", "to", "you"}, final.text  # words of the sentence beside the phrase
    assert {"transfer", "me"} <= heard
    assert set(sentence.split()) >= {"transfer", "me"}
    assert partials
    assert not any(event.is_final or event.words for event in partials)
    assert final.text == " ".join(word.text for word in final.words)
    starts = [word.start_ms for word in final.words]
    assert starts == sorted(set(starts))
    assert all(word.start_ms < word.end_ms <= final.end_ms and 0 <= word.confidence <= 1 for word in final.words)
    assert counters.cells[Cell.DECODE_S] > 0


def test_the_word_me_is_said_where_the_manifest_has_it(hearing: Hearing) -> None:
    said = manifest()["calls"][0]["said"][0]
    _, audio, begin_ms = clip()
    *_, final = transcripts_in(hear(hearing, audio, transcribe=True)[0])
    me = next(word for word in final.words if word.text == "me")
    assert begin_ms + me.end_ms == pytest.approx(said["end_ms"], abs=250)


def test_rules_hear_the_same_with_and_without_transcripts(hearing: Hearing) -> None:
    audio = frames(call_pcm("call-01.wav"))
    with_transcripts, _ = hear(hearing, audio, transcribe=True)
    without, _ = hear(hearing, audio)
    assert [event for event in with_transcripts if not isinstance(event, Transcribed)] == without
    assert len(phrases_in(without)) == 3
    assert not transcripts_in(without)


def test_a_channel_without_rules_can_be_transcribed(model: VoskModel) -> None:
    hearing = Hearing(model, OPTIONS, [rule("transfer me", channel="external")])
    events, _ = hear(hearing, clip()[1], channel="internal", transcribe=True)
    assert any(event.is_final and "me" in event.text.split() for event in transcripts_in(events))


def test_free_decoding_is_not_done_twice(model: VoskModel) -> None:
    free = OPTIONS.model_copy(update={"decoding": "free"})
    hearing = Hearing(model, free, [TRANSFER])
    events, _ = hear(hearing, clip()[1], transcribe=True)
    assert hearing.recognizers_alive == 1
    assert any(event.is_final and "me" in event.text.split() for event in transcripts_in(events))
    twice = Hearing(model, OPTIONS, [TRANSFER])
    assert twice.recognizers_alive == 0
    hear(twice, clip()[1], transcribe=True)
    assert twice.recognizers_alive == 2
    for _ in range(2):
        twice.retire_idle()
    assert twice.recognizers_alive == 0


def test_silence_is_not_transcribed(hearing: Hearing) -> None:
    events, counters = hear(hearing, frames(bytes(320 * 500)), transcribe=True)
    assert events == []
    assert counters.cells[Cell.DECODE_S] == 0
