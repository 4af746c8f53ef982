"""Files of all rates, formats and kinds of damage; the samples are judged against tones that are known."""

import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import AudioFileError
from engine.intake.wav_reader import open_recording
from tests.support.listening import call

ROOT = Path(__file__).parents[2]
PEAK_OF_READING = """
import sys, tracemalloc
from pathlib import Path
from engine.intake.wav_reader import open_recording
tracemalloc.start()
with open_recording(Path(sys.argv[1])) as recording:
    heard = sum(len(streams[1]) for streams in recording.blocks())
    print(recording.duration_s, heard, tracemalloc.get_traced_memory()[1])
"""
RATES = (8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)


def tone(hertz: float, rate: int, seconds: float, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def read(path: Path) -> list[np.ndarray]:
    """Each channel whole, -1 to 1."""
    with open_recording(path) as recording:
        blocks = list(recording.blocks())
        assert {len(streams) for streams in blocks} == {recording.channels}
    return [np.frombuffer(b"".join(each), "<i2") / 32_768 for each in zip(*blocks, strict=True)]


def fault(path: Path) -> str:
    with pytest.raises(AudioFileError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The greatest, away from the ends, where a resampler has less to go by."""
    inner = slice(200, min(len(found), len(expected)) - 200)
    return float(np.abs(found[inner] - expected[inner]).max())


@pytest.mark.parametrize("rate", RATES)
def test_any_rate_becomes_8_khz_and_channels_stay_apart(tmp_path, rate):
    left, right = tone(440, rate, 2.34), tone(1234, rate, 2.34, 0.3)
    soundfile.write(tmp_path / "a.wav", np.stack((left, right), axis=1), rate, subtype="FLOAT")
    found = read(tmp_path / "a.wav")
    expected = [tone(440, 8000, 2.34), tone(1234, 8000, 2.34, 0.3)]
    for channel, wanted in zip(found, expected, strict=True):
        assert abs(len(channel) - len(wanted)) <= 1
        assert difference(channel, wanted) < 1e-3


def test_what_8_khz_can_not_carry_is_filtered_out_not_folded_back(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(5500, 16_000, 1), 16_000)
    assert difference(read(tmp_path / "a.wav")[0], np.zeros(8000)) < 1e-3


@pytest.mark.parametrize(
    ("name", "subtype", "error"),
    [
        ("a.wav", "PCM_U8", 1 / 128),
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "PCM_24", 1e-4),
        ("a.wav", "PCM_32", 1e-4),
        ("a.wav", "FLOAT", 1e-4),
        ("a.wav", "DOUBLE", 1e-4),
        ("a.wav", "ULAW", 0.02),
        ("a.wav", "ALAW", 0.02),
        ("a.wav", "IMA_ADPCM", 0.05),
        ("a.flac", "PCM_16", 1e-4),
        ("a.ogg", "VORBIS", 0.05),
        ("a.aiff", "PCM_24", 1e-4),
        ("a.au", "ULAW", 0.02),
    ],
)
def test_formats(tmp_path, name, subtype, error):
    soundfile.write(tmp_path / name, tone(500, 8000, 1), 8000, subtype=subtype)
    (found,) = read(tmp_path / name)
    assert len(found) == pytest.approx(8000, abs=600)  # ADPCM pads its last block
    assert difference(found[:8000], tone(500, 8000, 1)) < error


def test_a_telephone_recording_comes_out_bit_by_bit():
    path = call("call-01.wav")
    with wave.open(str(path)) as file:
        expected = file.readframes(file.getnframes())
    with open_recording(path) as recording:
        assert recording.duration_s == pytest.approx(len(expected) / 16_000)
        assert b"".join(streams[0] for streams in recording.blocks()) == expected


def test_floats_beyond_all_bounds_are_clipped_and_never_poison_what_follows(tmp_path):
    wild = tone(500, 16_000, 1)
    wild[100], wild[200], wild[300], wild[400] = np.nan, np.inf, -np.inf, 1e30
    soundfile.write(tmp_path / "a.wav", wild, 16_000, subtype="DOUBLE")
    (found,) = read(tmp_path / "a.wav")
    assert np.abs(found).max() <= 1
    assert difference(found[400:], tone(500, 8000, 1)[400:]) < 1e-3


def test_an_hour_takes_no_more_memory_than_a_minute(tmp_path):
    path = tmp_path / "hour.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2), file.setsampwidth(2), file.setframerate(8000)
        file.setnframes(3600 * 8000)
        file.writeframes(b"")
    data_bytes = 3600 * 8000 * 4
    header = bytearray(path.read_bytes())
    header[4:8], header[40:44] = (36 + data_bytes).to_bytes(4, "little"), data_bytes.to_bytes(4, "little")
    path.write_bytes(header)
    os.truncate(path, 44 + data_bytes)  # sparse: silence that takes no disk
    program = [sys.executable, "-c", PEAK_OF_READING, str(path)]  # alone: what ran here before must not count
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    duration_s, heard, peak = map(float, done.stdout.split())
    assert duration_s == 3600
    assert heard == 3600 * 16_000
    assert peak < 2_000_000


def test_a_recording_that_broke_off_is_read_as_far_as_it_goes(tmp_path):
    whole = call("call-01.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: 44 + 2 * 20_000 + 1])
    assert len(read(tmp_path / "a.wav")[0]) == 20_000


def test_the_content_tells_what_it_is_not_the_name(tmp_path):
    for name in ("a.raw", "a.mp3", "a", "ü $x$.txt"):
        (tmp_path / name).write_bytes(call("call-01.wav").read_bytes())
        assert len(read(tmp_path / name)[0]) == len(read(call("call-01.wav"))[0])


def test_one_sample_is_enough(tmp_path):
    for rate in (8000, 44_100):
        soundfile.write(tmp_path / "a.wav", np.array([0.5]), rate)
        assert len(read(tmp_path / "a.wav")) == 1


def test_missing(tmp_path):
    assert "No such file" in fault(tmp_path / "none.wav")
    assert "Not a directory" in fault(call("call-01.wav") / "below.wav")


def test_a_folder(tmp_path):
    assert "a folder; give the recordings in it" in fault(tmp_path)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    assert "not a regular file" in fault(tmp_path / "a.wav")


def test_a_link_to_itself(tmp_path):
    (tmp_path / "a.wav").symlink_to(tmp_path / "a.wav")
    assert "can't be read" in fault(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (call("call-01.wav").read_bytes()[:30], "not a recording that can be read"),
        (b"hello, this is no recording\n" * 100, "Format not recognised"),
        (np.random.default_rng(1).bytes(20_000), "not a recording that can be read"),
        (call("call-01.wav").read_bytes()[:44], "holds no audio"),
    ],
    ids=["empty", "header-cut", "text", "noise", "header-only"],
)
def test_no_recordings(tmp_path, data, says):
    (tmp_path / "a.wav").write_bytes(data)
    message = fault(tmp_path / "a.wav")
    assert says in message
    assert "8000 to 192000 Hz, mono or stereo" in message or "only a header" in message


@pytest.mark.parametrize("rate", [4000, 7999, 192_001, 384_000])
def test_rates_out_of_range(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), rate)
    assert f"{rate} Hz; give 8000 to 192000 Hz" in fault(tmp_path / "a.wav")


@pytest.mark.parametrize("channels", [3, 6])
def test_too_many_channels(tmp_path, channels):
    soundfile.write(tmp_path / "a.wav", np.zeros((100, channels)), 8000)
    assert f"{channels} channels; give mono (customer) or stereo" in fault(tmp_path / "a.wav")


def test_damage_in_the_middle_says_how_far_it_was_whole(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, 8000 * 6)
    soundfile.write(tmp_path / "a.flac", noise, 8000)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    (tmp_path / "a.flac").write_bytes(data)
    assert "damaged after 2 s" in fault(tmp_path / "a.flac")
