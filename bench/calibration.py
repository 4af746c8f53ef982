"""Two fixed pieces of work that say how fast this machine is at this moment; other figures are multiples of one loop.

`python` is what most hot functions are made of: calls, attributes, small objects, bytes, a dictionary, an exception,
numpy in small doses. One kind of statement alone (an earlier calibration was a loop of slices) costs up to 18 % more or
less from process to process, as memory happens to be laid out; a mixture averages that out. `webrtcvad` is the library
itself on real speech, for what is a shell around it: a busy sibling core and full caches slow C down by another factor
than Python.
"""

from collections.abc import Callable
from functools import cache
from typing import Literal, get_args

import numpy as np
import webrtcvad

from bench.audio import call_samples
from engine.audio.format import FRAME_BYTES, SAMPLE_RATE

Kind = Literal["python", "webrtcvad"]

LOOPS = 100  # of one pass, of either kind
_DATA = memoryview(bytes(range(128)))


class _Thing:
    """An object with a method."""

    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last = b""

    def take(self, data: memoryview) -> int:
        """Branch, count, keep, copy."""
        if len(data) % 3 == 0:
            self.count += 1
        elif self.count > 5:
            self.count -= 2
        self.last = bytes(data[:8])
        return self.count


def python_pass() -> int:
    """LOOPS turns of plain Python; what it returns is always the same."""
    things = [_Thing() for _ in range(8)]
    names: dict[str, tuple[int, _Thing]] = {}
    words = np.zeros(16, np.int64).data
    total = 0
    for number in range(LOOPS):
        thing = things[number % 8]
        total += thing.take(_DATA[number % 32 : number % 32 + 40 + number % 3])
        try:
            names[f"name {number % 16}"] = number, thing
            if number % 50 == 49:
                raise ValueError(number)  # noqa: TRY301 (its cost is what is wanted)
        except ValueError:
            total -= 1
        words[number % 16] = words[number % 16] + 1
        total += len([each for each, _ in names.values() if each & 1]) + int(np.frombuffer(_DATA, np.uint8)[number])
    return total + sum(words)


@cache
def _speech() -> list[bytes]:
    samples = call_samples("call-10")
    starts = range(100 * FRAME_BYTES, (100 + LOOPS) * FRAME_BYTES, FRAME_BYTES)
    return [samples[start : start + FRAME_BYTES] for start in starts]


def webrtcvad_pass() -> int:
    """A fresh detector on LOOPS frames of speech; how many are voiced."""
    is_speech = webrtcvad.Vad(3).is_speech
    return sum(is_speech(frame, SAMPLE_RATE) for frame in _speech())


PASSES: dict[Kind, Callable[[], int]] = {"python": python_pass, "webrtcvad": webrtcvad_pass}
assert tuple(PASSES) == get_args(Kind)
