"""What the channels of a worker share, with the real model."""

from typing import Any, get_args

import numpy as np
import pytest

from engine.audio.format import FRAME_S
from engine.audio.ring import Frames
from engine.errors import ConfigError, VocabularyError
from engine.options import Channel, RuleOptions
from engine.speech.hearing import Hearing
from engine.speech.model import prepared_model
from engine.speech.vosk_binding import VoskModel
from engine.stats import Cell
from tests.support.speech import OPTIONS, call_pcm, frames, hear, manifest, phrases_in, rule


def clip(phrase_number: int = 0) -> Frames:
    """One phrase of the first call, with the sentence around it: `transfer me`, `cancel my order`, `stop recording`."""
    said = manifest()["calls"][0]["said"][phrase_number]
    return frames(call_pcm("call-01.wav"))[said["start_ms"] // 20 - 100 : said["end_ms"] // 20 + 100]


def heard(model: VoskModel, *rules: RuleOptions, channel: Channel = "external", **options: Any) -> list[str]:
    """Rules that fire in the first clip."""
    hearing = Hearing(model, OPTIONS.model_copy(update=options), rules)
    return [event.rule for event in phrases_in(hear(hearing, clip(), channel=channel)[0])]


def test_words_that_the_model_does_not_know(model: VoskModel) -> None:
    rules = [
        rule("transfer me", "xyzzy me plugh", name="first"),
        rule("a (b|c)", name="second", match="regex", hear=("frobnicate",)),
        rule("transfer me", name="third"),
    ]
    with pytest.raises(VocabularyError) as caught:
        Hearing(model, OPTIONS, rules)
    assert caught.value.faults == [
        "rule 'first': phrase 'xyzzy me plugh': the model does not know 'xyzzy', 'plugh'; use other words or another model",
        "rule 'second': phrase 'frobnicate': the model does not know 'frobnicate'; use other words or another model",
    ]


def test_unknown_words_stop_free_decoding_too(model: VoskModel) -> None:
    with pytest.raises(VocabularyError):
        heard(model, rule("xyzzy"), decoding="free")


def test_a_phrase_without_a_word(model: VoskModel) -> None:
    with pytest.raises(VocabularyError, match=r"rule 'r': phrase '\?!': holds no word"):
        Hearing(model, OPTIONS, [rule("?!", name="r")])


def test_an_entry_point_that_is_none(model: VoskModel) -> None:
    with pytest.raises(ConfigError, match="can't be imported"):
        Hearing(model, OPTIONS, [rule("x", match="no_such_module:x", hear=("transfer me",))])


def test_a_phrase_may_be_written_in_any_way(model: VoskModel) -> None:
    assert heard(model, rule("Transfer  ME!", name="r")) == ["r"]


@pytest.mark.parametrize(
    "settings",
    [
        {"match": "regex", "phrases": ("transfer (me|us)",), "hear": ("transfer me",)},
        {"match": "tests.support.speech_intents:wants_transfer", "hear": ("transfer me",)},
        {"fire_on": "final"},
        {"fire_on": "final", "min_confidence": 0.3},
    ],
)
def test_every_kind_of_rule(model: VoskModel, settings: dict[str, Any]) -> None:
    assert heard(model, rule("transfer me", name="r", **settings)) == ["r"]


def test_exact_wants_the_utterance_to_be_nothing_else(model: VoskModel) -> None:
    assert heard(model, rule("transfer me", match="exact")) == []


def test_free_decoding(model: VoskModel) -> None:
    assert heard(model, rule("transfer me"), decoding="free") == ["transfer-me"]


@pytest.mark.parametrize("decoding", ["grammar", "free"])
@pytest.mark.parametrize("channel", get_args(Channel))
def test_a_channel_that_no_rule_listens_to_is_deaf_and_costs_nothing(
    model: VoskModel, channel: Channel, decoding: str
) -> None:
    mine = rule("transfer me", name="mine", channel=channel)
    (other,) = set(get_args(Channel)) - {channel}
    assert heard(model, mine, channel=channel, decoding=decoding) == ["mine"]
    hearing = Hearing(model, OPTIONS.model_copy(update={"decoding": decoding}), [mine])
    events, counters = hear(hearing, clip(), channel=other)
    assert phrases_in(events) == []
    assert counters.cells[Cell.UTTERANCES] > 0
    assert counters.cells[Cell.FRAMES] == len(clip())
    assert counters.cells[Cell.DECODE_S] < 0.002 * len(clip()) * FRAME_S


def test_without_any_rule(model: VoskModel) -> None:
    hearing = Hearing(model, OPTIONS, [])
    assert phrases_in(hear(hearing, clip())[0]) == []


def test_background_words_compete(model: VoskModel) -> None:
    rules = [rule("transfer me")]
    for background in ("english", (), ("please", "nosuchwordatall", "transfer me")):
        assert heard(model, *rules, background_words=background) == ["transfer-me"]


def test_recognizers_are_shared_by_channels_with_one_grammar(model: VoskModel) -> None:
    hearing = Hearing(model, OPTIONS, [rule("transfer me")])
    for channel in get_args(Channel):
        hear(hearing, clip(), channel=channel)
        assert hearing.recognizers_alive == 1
    apart = Hearing(
        model, OPTIONS, [rule("transfer me", channel="external"), rule("stop recording", channel="internal")]
    )
    for channel in get_args(Channel):
        hear(apart, clip(), channel=channel)
    assert apart.recognizers_alive == 2


def test_recognizers_are_retired(model: VoskModel) -> None:
    hearing = Hearing(model, OPTIONS.model_copy(update={"recognizer_max_utterances": 1}), [rule("transfer me")])
    hear(hearing, clip())
    assert hearing.recognizers_alive == 0


def test_a_fresh_hearing_holds_no_recognizer(model: VoskModel) -> None:
    assert Hearing(model, OPTIONS, [rule("transfer me")]).recognizers_alive == 0


@pytest.mark.parametrize(("steps", "chunk_ms"), [(12, 120), (20, 210), (36, 360)])
def test_it_finds_out_when_the_network_computes(steps: int, chunk_ms: int) -> None:
    """Kaldi rounds a chunk up to whole output frames, of 30 ms here."""
    options = OPTIONS.model_copy(update={"frames_per_chunk": steps})
    with prepared_model(options) as folder:
        hearing = Hearing(VoskModel(folder), options, [rule("transfer me")])
    assert hearing.cadence.chunk_ms == chunk_ms
    audio = frames(call_pcm("call-10.wav"))[:300]
    recognizer, changes, before = hearing._pools["external"].take(), [], ""
    for heard, run in enumerate(np.split(audio, len(audio)), 1):
        recognizer.accept(run)
        text = recognizer.partial().text
        if text != before and heard > 1:
            changes.append(heard)
        before = text
    assert changes
    assert set(changes) <= set(hearing.cadence.looks(300))


def test_a_tiny_grammar_does_not_explode(model: VoskModel) -> None:
    """Six seconds without a pause. With the model's own min-active and no background words, the one phrase costs 38 times
    the six phrases' CPU here (0.73 against 0.019 s per audio second), and 200 times after ten seconds."""
    audio = frames(call_pcm("call-11.wav"))[:300]

    def cost(*phrases: str, **options: Any) -> float:
        hearing = Hearing(model, OPTIONS.model_copy(update=options), [rule(phrase) for phrase in phrases])
        return min(hear(hearing, audio)[1].cells[Cell.DECODE_S] for _ in range(2))

    usual = cost(*manifest()["phrases"])
    assert cost("transfer me") < 5 * usual
    assert cost("transfer me", background_words=()) < 5 * usual
