"""A recording becomes messages with due times: cut, encoded, delayed, bunched. Pure; times are whole nanoseconds.

A message is due when its last byte has been "spoken", so what a phrase's place in the recording says is also the
earliest moment at which anyone can have heard it. Whatever the options, the messages' audio put together is the
recording's, byte by byte.
"""

import base64
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat

import orjson

from engine.simulator.options import NS_PER_BYTE, DeliveryOptions, Fragment

DRAWN_MAX_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Track:
    """A recording ready to be played: `messages[n]` is due at `dues_ns[n]` of a round that lasts `duration_ns`."""

    messages: tuple[bytes, ...]
    dues_ns: tuple[int, ...]
    duration_ns: int


def cut(pcm: bytes, fragment: Fragment, seed: int) -> list[bytes]:
    """Cut the audio into fragments; the last one is what is left."""
    sizes, chunks, at = _sizes(fragment, seed), [], 0
    while at < len(pcm):
        chunks.append(pcm[at : at + next(sizes)])
        at += len(chunks[-1])
    return chunks


def _sizes(fragment: Fragment, seed: int) -> Iterator[int]:
    if isinstance(fragment, int):
        return repeat(fragment)
    step = 2 if fragment == "odd" else 1
    draw = random.Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
    return iter(lambda: draw.randrange(1, DRAWN_MAX_BYTES, step), 0)


def message_of(chunk: bytes) -> bytes:
    """The JSON of one audio message."""
    return b'{"type":"audio","audio":"' + base64.b64encode(chunk) + b'"}'


def split_oddly(message: bytes) -> list[bytes]:
    """The same audio in two messages, the first of an odd number of bytes; a single byte stays whole."""
    chunk = base64.b64decode(orjson.loads(message)["audio"])
    middle = len(chunk) // 2 | 1
    return [message_of(part) for part in (chunk[:middle], chunk[middle:]) if part]


def dues_ns(sizes: Sequence[int], delivery: DeliveryOptions, seed: int) -> tuple[int, ...]:
    """When each message is due, from the start of the round; never earlier than its audio ends, never out of order."""
    ends = [end * NS_PER_BYTE for end in accumulate(sizes)]
    last = len(ends) - 1
    bunched = [ends[min(last, n - n % delivery.burst + delivery.burst - 1)] for n in range(len(ends))]
    if not delivery.jitter_ms:
        return tuple(bunched)
    draw = random.Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
    late_ns = int(delivery.jitter_ms * 1_000_000)
    groups = {due: due + draw.randint(0, late_ns) for due in dict.fromkeys(bunched)}
    return tuple(accumulate((groups[due] for due in bunched), max))
