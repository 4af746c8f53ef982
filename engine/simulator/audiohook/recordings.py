"""Recordings as finished AudioHook messages: µ-law, channels interleaved, framed and masked, made once.

Calls that play the same recordings on the same channels share one set of messages: two hundred calls of nine pairs keep nine
sets in memory. The shorter of two channels is followed by silence.
"""

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import AudioFileError
from engine.options import Channel
from engine.simulator.audiohook.frames import BINARY, frame
from engine.simulator.audiohook.options import MESSAGE_MAX_BYTES, SAMPLE_RATE, HookCall
from engine.simulator.audiohook.ulaw import SILENCE, encode
from engine.simulator.options import CallOptions, Said, conversation_id
from engine.simulator.recordings import calls_from_speech

BOTH: tuple[Channel, Channel] = ("external", "internal")
SILENT_S = 30  # how long a call of silence lasts, for one round


@dataclass(frozen=True, slots=True)
class Track:
    """What a call sends in one round: `frames[n]` holds the samples from `n * step` on, `step` but for the last."""

    frames: tuple[bytes, ...]
    step: int
    samples: int  # per channel, of the round
    audio: bytes  # all of it, for whoever wants it in other pieces
    channels: tuple[Channel, ...]

    def end_of(self, index: int) -> int:
        """Where the audio of message `index` ends, over all rounds."""
        whole, rest = divmod(index, len(self.frames))
        return whole * self.samples + min((rest + 1) * self.step, self.samples)

    def start_of(self, index: int) -> int:
        """Where it starts."""
        whole, rest = divmod(index, len(self.frames))
        return whole * self.samples + rest * self.step

    def index_at(self, sample: int) -> int:
        """The message that holds this sample, over all rounds."""
        whole, rest = divmod(sample, self.samples)
        return whole * len(self.frames) + rest // self.step

    def frame(self, index: int) -> bytes:
        """Message `index`, over all rounds."""
        return self.frames[index % len(self.frames)]

    def large(self, first: int, last: int) -> list[bytes]:
        """The messages from `first` up to, without, `last`, put together into as few as may be sent."""
        width = len(self.channels)
        pieces = b"".join(self._piece(index) for index in range(first, last))
        most = MESSAGE_MAX_BYTES - MESSAGE_MAX_BYTES % width
        return [frame(BINARY, pieces[at : at + most]) for at in range(0, len(pieces), most)]

    def _piece(self, index: int) -> bytes:
        at, width = index % len(self.frames) * self.step, len(self.channels)
        return self.audio[at * width : (at + self.step) * width]


def read_ulaw(path: Path) -> list[NDArray[np.uint8]]:
    """The one or two channels of an 8 kHz 16-bit WAV file; AudioFileError says what else was found."""
    try:
        with wave.open(str(path), "rb") as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            pcm = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise AudioFileError(f"{path}: can't be read as WAV: {str(error) or 'the file is cut short'}") from error
    if rate != SAMPLE_RATE or width != 2 or channels not in (1, 2):
        raise AudioFileError(
            f"{path}: {rate} Hz, {8 * width}-bit, {channels} channel(s); an AudioHook call plays 8000 Hz, 16-bit, 1 or 2"
        )
    whole = len(pcm) - len(pcm) % (2 * channels)
    if not whole:
        raise AudioFileError(f"{path}: holds no audio")
    codes = encode(np.frombuffer(pcm[:whole], "<i2").astype(np.int16))
    return [codes[channel::channels] for channel in range(channels)]


class Library:
    """Recordings as tracks. Used while calls start, never while they play."""

    def __init__(self, message_samples: int) -> None:
        self._step = message_samples
        self._files: dict[Path, list[NDArray[np.uint8]]] = {}
        self._tracks: dict[tuple[object, ...], Track] = {}

    def check(self, call: HookCall) -> None:
        """AudioFileError where one of the call's files can't be played."""
        for path in (call.external, call.internal, call.stereo):
            if path is not None:
                self._file(path)

    def track(self, call: HookCall, channels: Sequence[Channel]) -> Track:
        """What the call plays on these channels, in this order."""
        key = (*map(call.lies, BOTH), *channels)
        if key not in self._tracks:
            self._tracks[key] = self._made(
                [self._codes(*call.lies(channel)) for channel in channels], channels, self.samples(call)
            )
        return self._tracks[key]

    def samples(self, call: HookCall) -> int:
        """How long one round of the call lasts, whichever channels are asked for."""
        both = [len(self._codes(*call.lies(channel))) for channel in BOTH]
        return max(both) or SILENT_S * SAMPLE_RATE

    def _file(self, path: Path) -> list[NDArray[np.uint8]]:
        if path not in self._files:
            self._files[path] = read_ulaw(path)
        return self._files[path]

    def _codes(self, path: Path | None, index: int) -> NDArray[np.uint8]:
        found = [] if path is None else self._file(path)
        return found[index] if index < len(found) else np.empty(0, np.uint8)

    def _made(self, codes: list[NDArray[np.uint8]], channels: Sequence[Channel], samples: int) -> Track:
        woven = np.full((samples, len(codes)), SILENCE, np.uint8)
        for channel, each in enumerate(codes):
            woven[: len(each), channel] = each
        audio, size = woven.tobytes(), self._step * len(codes)
        made: dict[bytes, bytes] = {}  # silence is one message, however long it lasts
        pieces = [audio[at : at + size] for at in range(0, len(audio), size)]
        frames = tuple(made.get(piece) or made.setdefault(piece, frame(BINARY, piece)) for piece in pieces)
        return Track(frames, self._step, samples, audio, tuple(channels))


def calls_of_speech(
    folder: Path, channels: int, count: int | None, share: float = 1.0, first: int = 0
) -> tuple[HookCall, ...]:
    """`count` calls over a speech folder; with two channels call i plays recording 2i as external, 2i + 1 as internal.

    `share` of them talk, evenly spread; the others are silent. None: each recording once. Call `first` gives the first id.
    """
    recordings = calls_from_speech(folder)
    if channels == 1:
        played = [HookCall(conversation_id="x", external=each.wav, said=each.said) for each in recordings]
    else:
        played = [_pair(recordings[at : at + 2]) for at in range(0, len(recordings), 2)]
    return _numbered(played, count, share, first)


def calls_of_wavs(paths: list[Path], count: int | None, share: float = 1.0, first: int = 0) -> tuple[HookCall, ...]:
    """One call per file, in turn: a mono file is external, a stereo file both."""
    return _numbered([HookCall(conversation_id="x", stereo=path) for path in paths], count, share, first)


def _pair(recordings: Sequence[CallOptions]) -> HookCall:
    external, internal = recordings[0], recordings[1] if len(recordings) > 1 else None
    said = [*external.said, *(_on_internal(each) for each in (internal.said if internal else ()))]
    return HookCall(
        conversation_id="x",
        external=external.wav,
        internal=internal.wav if internal else None,
        said=tuple(sorted(said, key=lambda each: each.end_ms)),
    )


def _on_internal(said: Said) -> Said:
    return said.model_copy(update={"channel": "internal"})


def _numbered(played: list[HookCall], count: int | None, share: float, first: int) -> tuple[HookCall, ...]:
    """Which talk is told by the number alone: call n does where n * share passes a whole number."""
    wanted = len(played) if count is None else count
    talks = [_whole((number + 1) * share) > _whole(number * share) for number in range(wanted)]
    talking = islice(cycle(played), sum(talks))
    return tuple(
        (next(talking) if talk else HookCall(conversation_id="x")).model_copy(
            update={"conversation_id": conversation_id(first + number)}
        )
        for number, talk in enumerate(talks)
    )


def _whole(number: float) -> int:
    return int(number + 1e-9)  # 100 * 0.29 is a little less than 29
