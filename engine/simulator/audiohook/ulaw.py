"""16-bit samples to G.711 µ-law, by a table of all 65,536 samples: each goes to the code whose sample is nearest.

The table of the 256 codes is the engine's (`engine.audio.ulaw`); nothing else of AudioHook is shared with the server.
"""

import numpy as np
from numpy.typing import NDArray

from engine.audio.ulaw import SAMPLES

SILENCE = 0xFF  # the code of 0


def _nearest() -> NDArray[np.uint8]:
    """By sample + 32768. The negative zero (0x7F) is never chosen."""
    codes = np.array([code for code in np.argsort(SAMPLES, kind="stable") if code != 0x7F], np.uint8)
    levels = SAMPLES[codes].astype(np.int32)
    bounds = (levels[1:] + levels[:-1] + 1) // 2  # from here on the upper of two neighbours is as near
    return codes[np.searchsorted(bounds, np.arange(-32768, 32768), side="right")]


_CODES = _nearest()


def encode(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """One code per sample."""
    return _CODES[samples.astype(np.int32) + 32768]
