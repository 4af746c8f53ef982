"""Recordings through the real model: what is said in the committed calls is heard, in whatever form they are stored."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile

from engine.errors import AudioFileError, ModelError, VocabularyError
from engine.heard import ChannelHeard, FileHeard
from engine.listen import Listener
from engine.options import RuleOptions
from tests.support.listening import (
    CALLS,
    RULES,
    SPEECH,
    WITH_PHRASES,
    WITHOUT_PHRASES,
    call,
    said,
    samples,
)

FIRST, SECOND = WITH_PHRASES[:2]


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener(SPEECH, RULES)


def phrases(channel: ChannelHeard) -> list[str]:
    return [event.phrase for event in channel.spotted]


def ends_ms(heard: FileHeard, channel: int = 0) -> list[int]:
    return [event.phrase_end_ms for event in heard.channels[channel].spotted]


@pytest.mark.parametrize("name", WITH_PHRASES[:4])
def test_what_is_said_is_heard_soon_after_it_was_said(listener, name):
    (channel,) = listener.hear(call(name)).channels
    assert channel.channel == "external"
    assert phrases(channel) == said(name)
    for event, truth in zip(channel.spotted, CALLS[name]["said"], strict=True):
        assert abs(event.phrase_end_ms - truth["end_ms"]) < 600
        assert truth["start_ms"] < event.audio_position_ms < truth["end_ms"] + 1200
        assert event.utterance_start_ms < truth["end_ms"]


@pytest.mark.parametrize("name", WITHOUT_PHRASES)
def test_nothing_is_heard_where_nothing_was_said(listener, name):
    (channel,) = listener.hear(call(name)).channels
    assert phrases(channel) == []
    assert len(channel.utterances) > 3


@pytest.mark.parametrize(
    ("file", "rate", "subtype"),
    [
        ("a.wav", 16_000, "PCM_16"),
        ("a.wav", 44_100, "PCM_24"),
        ("a.wav", 48_000, "FLOAT"),
        ("a.wav", 11_025, "PCM_16"),
        ("a.wav", 8000, "ULAW"),
        ("a.wav", 8000, "ALAW"),
        ("a.flac", 22_050, "PCM_16"),
    ],
)
def test_the_form_in_which_a_call_is_stored_changes_nothing(listener, tmp_path, file, rate, subtype):
    soundfile.write(tmp_path / file, samples(FIRST, rate), rate, subtype=subtype)
    stored, original = listener.hear(tmp_path / file), listener.hear(call(FIRST))
    assert phrases(stored.channels[0]) == said(FIRST)
    assert np.abs(np.subtract(ends_ms(stored), ends_ms(original))).max() <= 300
    assert stored.duration_s == pytest.approx(original.duration_s, abs=0.001)


def test_left_is_the_customer_and_right_the_agent(listener, tmp_path):
    left, right = samples(FIRST), samples(SECOND)
    length = max(len(left), len(right))
    both = np.stack([np.pad(each, (0, length - len(each))) for each in (left, right)], axis=1)
    soundfile.write(tmp_path / "a.wav", both, 8000)
    customer, agent = listener.hear(tmp_path / "a.wav").channels
    assert (customer.channel, phrases(customer)) == ("external", said(FIRST))
    assert (agent.channel, phrases(agent)) == ("internal", said(SECOND))


def test_the_same_call_on_the_right_is_the_agents(listener, tmp_path):
    voice = samples(FIRST)
    soundfile.write(tmp_path / "a.wav", np.stack((np.zeros_like(voice), voice), axis=1), 8000)
    heard = listener.hear(tmp_path / "a.wav")
    assert [phrases(channel) for channel in heard.channels] == [[], said(FIRST)]
    assert ends_ms(heard, 1) == ends_ms(listener.hear(call(FIRST)))


def test_rules_keep_to_their_channel(tmp_path):
    rules = [rule.model_copy(update={"channel": "internal"}) for rule in RULES]
    agents = Listener(SPEECH, rules)
    assert phrases(agents.hear(call(FIRST)).channels[0]) == []
    voice = samples(FIRST)
    soundfile.write(tmp_path / "a.wav", np.stack((voice, voice), axis=1), 8000)
    assert [phrases(channel) for channel in agents.hear(tmp_path / "a.wav").channels] == [[], said(FIRST)]


def test_utterances_verdicts_and_extremes_cover_the_recording(listener):
    heard = listener.hear(call(FIRST))
    (channel,) = heard.channels
    assert heard.duration_s * 1000 == pytest.approx(CALLS[FIRST]["duration_ms"], abs=1)
    frames = -(-CALLS[FIRST]["duration_ms"] // 20)
    assert channel.voiced.shape == (frames,)
    assert channel.extremes.shape == (frames, 2)
    pcm = np.round(samples(FIRST) * 32_768).astype(int)
    assert (channel.extremes[100] == [pcm[16_000:16_160].min(), pcm[16_000:16_160].max()]).all()
    bounds = [(each.start_ms, each.end_ms) for each in channel.utterances]
    assert all(start < end for start, end in bounds)
    assert all(before[1] <= after[0] for before, after in pairwise(bounds))
    inside = sum(np.count_nonzero(channel.voiced[start // 20 : end // 20]) for start, end in bounds)
    assert inside > 0.95 * np.count_nonzero(channel.voiced)
    assert 0.2 < channel.voiced_ratio < 0.8
    assert heard.times_real_time > 1
    assert heard.rtf < 1


def test_progress_goes_from_begin_to_end(listener):
    seen: list[tuple[float, float | None]] = []
    heard = listener.hear(call(FIRST), lambda heard_s, total_s: seen.append((heard_s, total_s)))
    positions = [heard_s for heard_s, _ in seen]
    assert positions == sorted(positions)
    assert {total_s for _, total_s in seen} == {heard.duration_s}
    assert positions[-1] == heard.duration_s
    assert len(positions) > heard.duration_s


@pytest.mark.parametrize("count", [1, 159, 160, 161, 400, 8000, 24_001])
def test_silence_of_any_length(listener, tmp_path, count):
    soundfile.write(tmp_path / "a.wav", np.zeros(count), 8000)
    heard = listener.hear(tmp_path / "a.wav")
    (channel,) = heard.channels
    assert (channel.spotted, channel.utterances, channel.voiced_ratio) == ((), (), 0)
    assert len(channel.voiced) == len(channel.extremes) == -(-count // 160)
    assert heard.duration_s == count / 8000


@pytest.mark.parametrize("name", WITH_PHRASES[:2])
def test_talk_that_hardly_pauses_is_cut_and_no_phrase_lost(name):
    settings = {"max_utterance_ms": 6000, "preroll_ms": 2000, "hangover_ms": 3000}
    (channel,) = Listener(SPEECH.model_copy(update=settings), RULES).hear(call(name)).channels
    assert phrases(channel) == said(name)
    bounds = [(each.start_ms, each.end_ms) for each in channel.utterances]
    assert [end - start for start, end in bounds[:-1]] == [6000] * (len(bounds) - 1)
    assert all(after[0] == before[1] - 1000 for before, after in pairwise(bounds))  # heard again


def test_a_damaged_recording_costs_only_itself(listener, tmp_path):
    voice = samples(FIRST)
    soundfile.write(tmp_path / "a.flac", voice, 8000)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    (tmp_path / "a.flac").write_bytes(data)
    for _ in range(3):
        with pytest.raises(AudioFileError, match="damaged after"):
            listener.hear(tmp_path / "a.flac")
    assert phrases(listener.hear(call(FIRST)).channels[0]) == said(FIRST)


def test_final_hypotheses_tell_what_was_said_when_decoding_freely():
    free = Listener(SPEECH.model_copy(update={"decoding": "free"}), RULES)
    (channel,) = free.hear(call(FIRST)).channels
    words = set(" ".join(each.text for each in channel.utterances).split())
    assert words & set(CALLS[FIRST]["talk"][0]["sentence"].split())


def test_words_that_the_model_does_not_know_are_named():
    rules = [RuleOptions(name="odd", phrases=("transfer zzyzx", "qwrtz me")), RuleOptions(name="dots", phrases=("…!",))]
    with pytest.raises(VocabularyError) as caught:
        Listener(SPEECH, rules)
    lines = caught.value.faults
    assert len(lines) == 3
    assert "'zzyzx'" in lines[0]
    assert "'qwrtz'" in lines[1]
    assert "'dots'" in lines[2]
    assert "no word" in lines[2]


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match="not a folder"):
        Listener(SPEECH.model_copy(update={"model_path": tmp_path / "none"}), RULES)
