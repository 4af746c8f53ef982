import numpy as np
import pytest

from engine.audio.ulaw import SAMPLES
from engine.errors import AudioFileError
from engine.simulator.audiohook.options import HookCall
from engine.simulator.audiohook.recordings import Library, calls_of_speech, calls_of_wavs, read_ulaw
from engine.simulator.options import SPEECH_DIR, conversation_id
from tests.support.simulated import noise_wav


def decoded(codes):
    return SAMPLES[np.frombuffer(bytes(codes), np.uint8)].astype(int)


def test_channels_of_a_file_are_taken_apart(tmp_path):
    pcm = np.frombuffer(noise_wav(tmp_path / "a.wav", 50, channels=2), "<i2").astype(int)
    left, right = read_ulaw(tmp_path / "a.wav")
    assert len(left) == len(right) == 400
    assert np.abs(decoded(left) - pcm[::2]).max() <= 700  # half of the widest step, with the clipping above 32,124
    assert np.abs(decoded(right) - pcm[1::2]).max() <= 700


@pytest.mark.parametrize("shape", [{"rate": 16_000}, {"channels": 3}, {"width": 1}])
def test_other_shapes_are_named(tmp_path, shape):
    noise_wav(tmp_path / "a.wav", 20, **shape)
    with pytest.raises(AudioFileError, match=r"a\.wav: .* plays 8000 Hz, 16-bit, 1 or 2"):
        read_ulaw(tmp_path / "a.wav")


@pytest.mark.parametrize("content", [b"", b"RIFF", None])
def test_what_is_no_wav_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioFileError, match=r"a\.wav: can't be read as WAV"):
        read_ulaw(tmp_path / "a.wav")


def test_a_recording_without_audio_is_refused(tmp_path):
    noise_wav(tmp_path / "a.wav", 0)
    with pytest.raises(AudioFileError, match="no audio"):
        Library(800).check(HookCall(conversation_id="a", external=tmp_path / "a.wav"))


def test_channels_are_woven_and_the_shorter_is_followed_by_silence(tmp_path):
    noise_wav(tmp_path / "a.wav", 250)
    noise_wav(tmp_path / "b.wav", 120)
    call = HookCall(conversation_id="x", external=tmp_path / "a.wav", internal=tmp_path / "b.wav")
    library = Library(800)
    both = library.track(call, ("external", "internal"))
    [a], [b] = read_ulaw(tmp_path / "a.wav"), read_ulaw(tmp_path / "b.wav")
    assert both.audio[::2] == a.tobytes()
    assert both.audio[1::2] == b.tobytes() + b"\xff" * (2000 - 960)
    assert library.track(call, ("internal", "external")).audio[::2] == both.audio[1::2]
    assert library.track(call, ("internal",)).audio == both.audio[1::2]  # as long as the call
    assert [len(frame) for frame in both.frames] == [1608, 1608, 808]
    assert call.file == "a+b.wav"


def test_calls_that_play_alike_share_their_messages(tmp_path):
    noise_wav(tmp_path / "a.wav", 250)
    library, calls = Library(800), calls_of_wavs([tmp_path / "a.wav"], 3)
    one, *others = (library.track(call, ("external", "internal")) for call in calls)
    assert all(other is one for other in others)
    assert [call.conversation_id for call in calls] == [conversation_id(number) for number in range(3)]


def test_silence_is_one_message():
    track = Library(800).track(HookCall(conversation_id="a"), ("external", "internal"))
    assert len(track.frames) == 300
    assert len({id(frame) for frame in track.frames}) == 1
    assert set(track.audio) == {0xFF}


def test_a_stereo_file_is_both_channels_and_a_mono_one_external(tmp_path):
    noise_wav(tmp_path / "s.wav", 50, channels=2)
    noise_wav(tmp_path / "m.wav", 50)
    stereo, mono = calls_of_wavs([tmp_path / "s.wav", tmp_path / "m.wav"], None)
    library = Library(800)
    left, right = read_ulaw(tmp_path / "s.wav")
    woven = library.track(stereo, ("external", "internal")).audio
    assert (woven[::2], woven[1::2]) == (left.tobytes(), right.tobytes())
    assert set(library.track(mono, ("internal",)).audio) == {0xFF}
    assert stereo.file == "s.wav"


def test_two_channels_play_two_recordings_of_the_speech_folder():
    calls = calls_of_speech(SPEECH_DIR, 2, None)
    assert len(calls) == 9
    assert calls[0].file == "call-01+call-02.wav"
    assert calls[8].file == "call-17.wav"
    assert {said.channel for said in calls[0].said} == {"external", "internal"}
    assert [said.end_ms for said in calls[0].said] == sorted(said.end_ms for said in calls[0].said)
    single = calls_of_speech(SPEECH_DIR, 1, 18)
    assert single[17].file == single[0].file == "call-01.wav"
    assert {said.channel for call in single for said in call.said} == {"external"}


@pytest.mark.parametrize(("count", "share", "talking"), [(200, 0.1, 20), (10, 0.29, 2), (100, 0.29, 29), (3, 0.0, 0)])
def test_a_share_talks_evenly_spread(count, share, talking):
    calls = calls_of_speech(SPEECH_DIR, 2, count, share)
    assert len(calls) == count
    assert sum(call.external is not None for call in calls) == talking
    assert sum(call.external is not None for call in calls[: count // 2]) == pytest.approx(talking / 2, abs=1)
