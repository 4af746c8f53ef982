import numpy as np

from engine.audio.ulaw import SAMPLES
from engine.simulator.audiohook.ulaw import SILENCE, encode


def test_every_code_but_the_negative_zero_comes_back():
    codes = np.arange(256, dtype=np.uint8)
    back = encode(SAMPLES[codes])
    assert [code for code in range(256) if back[code] != code] == [0x7F]
    assert back[0x7F] == SILENCE


def test_each_sample_goes_to_the_nearest_level():
    samples = np.arange(-32768, 32768, 7).astype(np.int16)
    decoded = SAMPLES[encode(samples)].astype(int)
    nearest = np.abs(SAMPLES.astype(int)[None, :] - samples.astype(int)[:, None]).min(axis=1)
    assert (np.abs(decoded - samples) == nearest).all()


def test_known_values():
    assert list(encode(np.array([0, 32767, -32768], np.int16))) == [0xFF, 0x80, 0x00]
