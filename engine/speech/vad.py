"""Voice activity: one verdict per frame. webrtcvad's only home."""

from typing import Protocol

import webrtcvad

from engine.audio.format import SAMPLE_RATE
from engine.audio.ring import Frames

_RefusedError = webrtcvad._webrtcvad.Error  # noqa: SLF001 (the package does not pass it on)


class Vad(Protocol):
    """One channel's detector; it may adapt to the channel, so it is not shared."""

    def verdicts(self, frames: Frames) -> list[bool | None]:
        """Voiced or not for each frame; None where the frame was refused."""
        ...


class WebrtcVad:
    """webrtcvad on 20 ms frames, straight from the ring's rows."""

    def __init__(self, mode: int) -> None:
        self._is_speech = webrtcvad.Vad(mode).is_speech

    def verdicts(self, frames: Frames) -> list[bool | None]:
        """As Vad; shape (n, FRAME_BYTES)."""
        return [self._verdict(row) for row in frames]

    def _verdict(self, row: Frames) -> bool | None:
        try:
            return bool(self._is_speech(row, SAMPLE_RATE))
        except _RefusedError:
            return None
