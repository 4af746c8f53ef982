"""G.711 µ-law to 16-bit samples, by a table of its 256 codes."""

import numpy as np
from numpy.typing import NDArray

_BIAS = 0x84  # added before the logarithm, so that the smallest step is the same on both sides of 0


def _sample(code: int) -> int:
    """ITU-T G.711: the code's bits are inverted; sign, exponent of three bits, mantissa of four."""
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _BIAS) << ((code & 0x70) >> 4)) - _BIAS
    return -magnitude if code & 0x80 else magnitude


SAMPLES: NDArray[np.int16] = np.array([_sample(code) for code in range(256)], np.int16)  # by code
