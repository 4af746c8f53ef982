"""Recordings become what a live channel is: 8 kHz, 16-bit little-endian samples, one stream per channel.

Whatever libsndfile reads (WAV with PCM, float, µ-law or A-law, FLAC, OGG, MP3, …) of 8 to 192 kHz, mono or stereo, is
read, resampled and handed on a second at a time, so that an hour takes no more memory than a minute. A recording that
already has 8 kHz and 16 bits comes out as it is, bit by bit. The kind is told by the content, never by the name.
soundfile's and soxr's only home.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from engine.audio.format import SAMPLE_RATE
from engine.errors import AudioFileError

MAX_RATE = 192_000
KINDS = f"WAV (PCM, float, µ-law, A-law), FLAC, OGG or MP3 of {SAMPLE_RATE} to {MAX_RATE} Hz, mono or stereo"
_FULL_SCALE = 1 << 15
_LONGEST_S = 30 * 24 * 3600.0  # streams that do not know their length claim ages

Samples: TypeAlias = NDArray[np.float32]  # shape (n, channels), -1 to 1


@dataclass(frozen=True, slots=True)
class Recording:
    """An open recording."""

    path: Path
    channels: int
    rate: int  # of the file, Hz
    duration_s: float | None  # as its header says; None where that is not known
    _file: Any

    def blocks(self) -> Iterator[tuple[bytes, ...]]:
        """Yield about a second at a time, one run of samples per channel; AudioFileError where it breaks off."""
        convert = _converter(self.rate, self.channels)
        heard_s = 0
        while len(samples := self._read(heard_s)):
            yield _streams(convert(samples, False))
            heard_s += 1
        yield _streams(convert(samples, True))

    def _read(self, heard_s: int) -> Samples:
        try:
            samples: Samples = self._file.read(self.rate, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise AudioFileError(f"{self.path}: damaged after {heard_s} s ({_reason(error)})") from error
        return np.clip(np.nan_to_num(samples, copy=False), -1, 1)


@contextmanager
def open_recording(path: Path) -> Iterator[Recording]:
    """Open for reading; AudioFileError says what is wrong with the file and what may be given."""
    with ExitStack() as stack:
        yield _recording(path, stack.enter_context(_sound(path, _descriptor(path, stack))))


def _descriptor(path: Path, stack: ExitStack) -> int:
    """The file, open for as long as the stack; a pipe that nobody writes to must not hold us up."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise AudioFileError(f"{path}: can't be read ({error.strerror})") from error
    stack.callback(os.close, descriptor)
    found = os.fstat(descriptor)
    if stat.S_ISDIR(found.st_mode):
        raise AudioFileError(f"{path}: a folder; give the recordings in it, such as {path}/*.wav")
    if not stat.S_ISREG(found.st_mode):
        raise AudioFileError(f"{path}: not a regular file; give {KINDS}")
    if not found.st_size:
        raise AudioFileError(f"{path}: the file is empty; give {KINDS}")
    return descriptor


def _sound(path: Path, descriptor: int) -> Any:
    try:
        return soundfile.SoundFile(descriptor, closefd=False)
    except soundfile.SoundFileError as error:
        raise AudioFileError(f"{path}: not a recording that can be read ({_reason(error)}); give {KINDS}") from error


def _recording(path: Path, file: Any) -> Recording:
    if file.channels > 2:
        raise AudioFileError(f"{path}: {file.channels} channels; give mono (customer) or stereo (customer, agent)")
    if not SAMPLE_RATE <= file.samplerate <= MAX_RATE:
        raise AudioFileError(f"{path}: {file.samplerate} Hz; give {SAMPLE_RATE} to {MAX_RATE} Hz")
    if not file.frames:
        raise AudioFileError(f"{path}: holds no audio, only a header")
    duration_s = file.frames / file.samplerate
    return Recording(path, file.channels, file.samplerate, duration_s if duration_s < _LONGEST_S else None, file)


def _converter(rate: int, channels: int) -> Callable[[Samples, bool], Samples]:
    """What brings samples to 8 kHz; its second argument says that no more will come."""
    if rate == SAMPLE_RATE:
        return lambda samples, _last: samples
    stream = soxr.ResampleStream(rate, SAMPLE_RATE, channels, dtype="float32")
    return lambda samples, last: stream.resample_chunk(samples, last=last)


def _streams(samples: Samples) -> tuple[bytes, ...]:
    whole = np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
    return tuple(column.tobytes() for column in whole.T)


def _reason(error: soundfile.SoundFileError) -> str:
    return str(getattr(error, "error_string", error)).rstrip(".")
