"""Audio on its way into shared memory, and recordings from disk."""

from collections import deque

import numpy as np

from engine.audio.format import FRAME_BYTES
from engine.audio.framer import Framer
from engine.audio.ring import Gap, ReaderState, RingReader, RingWriter, ring_bytes, ring_memory
from engine.errors import AudioFileError
from engine.intake.wav_reader import open_recording
from tests.fuzz.target import Target, scratch

MOST_BLOCKS = 20  # of a second each: a few bytes of FLAC may stand for hours


def rings(data: bytes) -> None:
    """First byte: slots. Then chunks of so many bytes arrive (below 200, odd ones too), gaps (200 to 219), or frames are read.

    The ring gives what a list would, in order, and counts what it lost.
    """
    slots = 3 + data[0] % 8 if data else 3
    memory = ring_memory(memoryview(bytearray(ring_bytes(slots))), 0, slots)
    writer, reader = RingWriter(memory, keep=1), RingReader(memory)
    framer, waiting, carry, tail, seen, spoken = Framer(writer), deque(), b"", 0, 0, 0
    for step in data[1:]:
        if step < 200:
            chunk = (np.arange(step * 9) + spoken).astype(np.uint8).tobytes()
            spoken += len(chunk)
            carry += chunk
            whole = [carry[at : at + FRAME_BYTES] for at in range(0, len(carry) - FRAME_BYTES + 1, FRAME_BYTES)]
            carry = carry[len(whole) * FRAME_BYTES :]
            room = slots - 1 - len(waiting)
            assert framer.push(chunk, spoken) == max(0, len(whole) - room)
            waiting.extend(whole[:room])
            assert len(framer._carry) < FRAME_BYTES
        elif step < 220:
            writer.mark_gap(step)
            gap = reader.gap(seen)
            assert isinstance(gap, Gap)
            assert 0 <= gap.at <= writer.head
            seen += step % 2
        else:
            stop = min(writer.head, tail + step - 219)
            told = b"".join(run.tobytes() for run in reader.runs(tail, stop))
            assert told == b"".join(waiting.popleft() for _ in range(stop - tail))
            tail = stop
        reader.publish(ReaderState(tail, tail, 0, seen, 0))
    assert writer.head - tail == len(waiting)


def recording(data: bytes) -> None:
    """A file of any kind: streams of whole samples, one per channel, equally long."""
    path = scratch("recording.wav")
    path.write_bytes(data)
    with open_recording(path) as opened:
        assert opened.duration_s is None or opened.duration_s > 0
        for _, streams in zip(range(MOST_BLOCKS), opened.blocks(), strict=False):
            assert len(streams) == opened.channels <= 2
            assert len({len(stream) for stream in streams}) == 1
            assert len(streams[0]) % 2 == 0


def wav(
    samples: bytes, rate: int = 8000, channels: int = 1, kind: int = 1, bits: int = 16, size: int | None = None
) -> bytes:
    """A WAV file; `size` is what its header says of the samples."""
    size = len(samples) if size is None else size
    head = b"WAVEfmt \x10\0\0\0" + b"".join(
        number.to_bytes(width, "little")
        for number, width in (
            (kind, 2),
            (channels, 2),
            (rate, 4),
            (rate * channels * bits // 8, 4),
            (channels * bits // 8, 2),
            (bits, 2),
        )
    )
    body = head + b"data" + size.to_bytes(4, "little") + samples
    return b"RIFF" + len(body).to_bytes(4, "little") + body


TARGETS = (
    Target(
        *("rings", "chunks of any length through framer and ring", rings, ()),
        seeds=(b"\0\x24\x24\xff", b"\3" + bytes(range(0, 250, 7)), b"\1\xc8\xc9\xca\xcb\x24\xdc" * 3),
        most_bytes=64,
    ),
    Target(
        *("recording", "a recording: WAV, FLAC, OGG, MP3, AIFF, AU", recording, (AudioFileError,)),
        seeds=(
            wav(bytes(640)),
            wav(bytes(641), 16_000, 2),
            wav(bytes(160), kind=7, bits=8),
            wav(bytes(160), kind=6, bits=8),
            wav(bytes(160), kind=3, bits=32),
            wav(bytes(160), size=2**32 - 1),
            wav(bytes(160), 44_100, 3),
            wav(b"", 7999),
            b".snd\0\0\0\x18\0\0\0\x20\0\0\0\3\0\0\x1f\x40\0\0\0\1" + bytes(32),
        ),
        words=(
            b"RIFF",
            b"RIFX",
            b"RF64",
            b"WAVE",
            b"fmt ",
            b"data",
            b"fact",
            b"LIST",
            b"fLaC",
            b"OggS",
            b"FORM",
            b"ID3",
        ),
        most_bytes=2048,
    ),
)
