"""What can be played: WAV files, and a folder of them with a manifest that tells what is said when.

Every recording is read and cut once and shared by all calls that play it alike: a hundred calls of one recording keep
one set of finished messages in memory.
"""

import json
import wave
from itertools import cycle, islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import AudioFileError
from engine.simulator.delivery import Track, cut, dues_ns, message_of
from engine.simulator.options import (
    NS_PER_BYTE,
    SAMPLE_BYTES,
    SAMPLE_RATE,
    CallOptions,
    DeliveryOptions,
    Said,
    conversation_id,
)


def read_wav(path: Path) -> bytes:
    """The samples of an 8 kHz 16-bit mono WAV file; AudioFileError says what else was found."""
    try:
        with wave.open(str(path), "rb") as file:
            found = (file.getframerate(), file.getsampwidth(), file.getnchannels())
            pcm = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise AudioFileError(f"{path}: can't be read as WAV: {str(error) or 'the file is cut short'}") from error
    if found != (SAMPLE_RATE, SAMPLE_BYTES, 1):
        rate, width, channels = found
        raise AudioFileError(
            f"{path}: {rate} Hz, {8 * width}-bit, {channels} channel(s); the simulator plays 8000 Hz, 16-bit, mono"
        )
    if not pcm:
        raise AudioFileError(f"{path}: holds no audio")
    return pcm


class _Entry(BaseModel):
    """A recording in the manifest; keys that the simulator does not need are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    said: tuple[Said, ...] = ()


class _Manifest(BaseModel):
    """`manifest.json` of a speech folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    calls: tuple[_Entry, ...] = Field(min_length=1)


def calls_from_speech(folder: Path, count: int | None = None) -> tuple[CallOptions, ...]:
    """`count` calls over the folder's recordings, again from the first when they run out; None: each once."""
    path = folder / "manifest.json"
    try:
        manifest = _Manifest.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise AudioFileError(f"{path}: can't be read: {error.strerror}") from error
    except (ValueError, ValidationError) as error:
        raise AudioFileError(f"{path}: is not a manifest of calls: {error}") from error
    return _calls([(folder / entry.file, entry.said) for entry in manifest.calls], count)


def calls_from_wavs(paths: list[Path], count: int | None = None) -> tuple[CallOptions, ...]:
    """As `calls_from_speech`, of files about which nothing is known."""
    return _calls([(path, ()) for path in paths], count)


def _calls(recordings: list[tuple[Path, tuple[Said, ...]]], count: int | None) -> tuple[CallOptions, ...]:
    wanted = len(recordings) if count is None else count
    return tuple(
        CallOptions(conversation_id=conversation_id(number), wav=path, said=said)
        for number, (path, said) in enumerate(islice(cycle(recordings), wanted))
    )


class Library:
    """Recordings as tracks; equal cuts are made once. Used while the simulator starts, never while it plays."""

    def __init__(self) -> None:
        self._pcm: dict[Path, bytes] = {}
        self._cuts: dict[tuple[object, ...], tuple[tuple[bytes, ...], tuple[int, ...]]] = {}

    def track(self, wav: Path, delivery: DeliveryOptions, number: int) -> Track:
        """The track of call `number`; AudioFileError when the file can't be played."""
        pcm = self._pcm.get(wav) or self._pcm.setdefault(wav, read_wav(wav))
        seed = None if isinstance(delivery.fragment, int) else delivery.seed
        key = (wav, delivery.fragment, seed)
        if key not in self._cuts:
            chunks = cut(pcm, delivery.fragment, delivery.seed)
            self._cuts[key] = (tuple(map(message_of, chunks)), tuple(map(len, chunks)))
        messages, sizes = self._cuts[key]
        return Track(messages, dues_ns(sizes, delivery, delivery.seed + number), len(pcm) * NS_PER_BYTE)
