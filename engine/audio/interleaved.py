"""Audio of one or two channels, sample by sample in turn, taken apart into 16-bit samples of each."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from engine.audio.ulaw import SAMPLES

Encoding = Literal["PCMU", "L16"]  # G.711 µ-law; 16-bit little-endian
TakeApart = Callable[[bytes], tuple[bytes, ...]]  # whole samples of all channels in, 16-bit little-endian of each out


def _ulaw_mono(data: bytes) -> tuple[bytes, ...]:
    return (SAMPLES[np.frombuffer(data, np.uint8)].tobytes(),)


def _ulaw_stereo(data: bytes) -> tuple[bytes, ...]:
    samples = SAMPLES[np.frombuffer(data, np.uint8)]
    return samples[0::2].tobytes(), samples[1::2].tobytes()


def _linear_mono(data: bytes) -> tuple[bytes, ...]:
    return (data,)


def _linear_stereo(data: bytes) -> tuple[bytes, ...]:
    samples = np.frombuffer(data, np.uint16)
    return samples[0::2].tobytes(), samples[1::2].tobytes()


# By encoding and number of channels.
TAKE_APART: dict[tuple[Encoding, int], TakeApart] = {
    ("PCMU", 1): _ulaw_mono,
    ("PCMU", 2): _ulaw_stereo,
    ("L16", 1): _linear_mono,
    ("L16", 2): _linear_stereo,
}
