"""The one audio format past the framer: 8 kHz, 16-bit little-endian, mono, in frames of 20 ms."""

from engine.options import FRAME_MS

SAMPLE_RATE = 8000
SAMPLE_BYTES = 2
FRAME_SAMPLES = SAMPLE_RATE * FRAME_MS // 1000
FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES
FRAME_S = FRAME_MS / 1000
FRAME_NS = FRAME_MS * 1_000_000


def frames_of(ms: int) -> int:
    """Whole frames that cover so many milliseconds (rounded up)."""
    return -(-ms // FRAME_MS)
