import json

import pytest

from engine.errors import AudioFileError
from engine.simulator.options import SPEECH_DIR, DeliveryOptions, conversation_id
from engine.simulator.recordings import Library, calls_from_speech, calls_from_wavs, read_wav
from tests.support.simulated import noise_wav


def test_samples_are_read_whole(tmp_path):
    pcm = noise_wav(tmp_path / "a.wav", 130)
    assert read_wav(tmp_path / "a.wav") == pcm


@pytest.mark.parametrize("shape", [{"rate": 16_000}, {"channels": 2}, {"width": 1}])
def test_other_shapes_are_named(tmp_path, shape):
    noise_wav(tmp_path / "a.wav", 20, **shape)
    with pytest.raises(AudioFileError, match=r"a\.wav: .* the simulator plays 8000 Hz, 16-bit, mono"):
        read_wav(tmp_path / "a.wav")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello, this is no sound", None])
def test_what_is_no_wav_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioFileError, match=r"a\.wav: can't be read as WAV: ."):
        read_wav(tmp_path / "a.wav")


def test_a_recording_without_audio_is_refused(tmp_path):
    noise_wav(tmp_path / "a.wav", 0)
    with pytest.raises(AudioFileError, match="no audio"):
        read_wav(tmp_path / "a.wav")


def test_wavs_are_played_in_turn_under_ids_by_number(tmp_path):
    one, two = tmp_path / "1.wav", tmp_path / "2.wav"
    calls = calls_from_wavs([one, two], 3)
    assert [call.wav for call in calls] == [one, two, one]
    assert [call.conversation_id for call in calls] == [conversation_id(number) for number in range(3)]
    assert len(calls_from_wavs([one, two])) == 2


def test_a_manifest_tells_files_and_phrases_and_may_say_more(tmp_path):
    said = {"phrase": "transfer me", "start_ms": 100, "end_ms": 900, "sentence": "please transfer me", "loud": True}
    manifest = {"sample_rate": 8000, "calls": [{"file": "a.wav", "sha256": "…", "said": [said]}, {"file": "b.wav"}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    first, second, third = calls_from_speech(tmp_path, 3)
    assert (first.wav, second.wav, third.wav) == (tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "a.wav")
    assert [(each.phrase, each.start_ms, each.end_ms) for each in first.said] == [("transfer me", 100, 900)]
    assert second.said == ()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"calls": []}', '{"calls": [{"file": 3}]}'])
def test_a_wrong_manifest_is_named(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(AudioFileError, match=r"manifest\.json: is not a manifest"):
        calls_from_speech(tmp_path)


def test_a_folder_without_manifest_is_named(tmp_path):
    with pytest.raises(AudioFileError, match=r"manifest\.json: can't be read: No such file"):
        calls_from_speech(tmp_path)


def test_equal_cuts_share_their_messages(tmp_path):
    noise_wav(tmp_path / "a.wav", 200)
    library, delivery = Library(), DeliveryOptions(jitter_ms=30)
    one, two = (library.track(tmp_path / "a.wav", delivery, number) for number in range(2))
    assert one.messages is two.messages
    assert one.dues_ns != two.dues_ns
    other = library.track(tmp_path / "a.wav", DeliveryOptions(fragment=319), 0)
    assert len(other.messages) > len(one.messages)
    assert one.duration_ns == 200_000_000


def test_drawn_cuts_are_shared_by_seed(tmp_path):
    noise_wav(tmp_path / "a.wav", 500)
    library = Library()
    tracks = [library.track(tmp_path / "a.wav", DeliveryOptions(fragment="random", seed=seed), 0) for seed in (1, 1, 2)]
    assert tracks[0].messages is tracks[1].messages
    assert tracks[0].messages != tracks[2].messages


def test_the_speech_that_comes_with_cueline_can_be_played():
    calls = calls_from_speech(SPEECH_DIR)
    assert len(calls) >= 12
    for call in calls:
        length_ms = len(read_wav(call.wav)) // 16
        assert all(0 <= said.start_ms < said.end_ms <= length_ms for said in call.said)
