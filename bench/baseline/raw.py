"""The limit: recorded calls through gate and decoder as fast as they go, with no socket and no second process.

The pipeline is the shipped one over rings in plain memory. Two processors of a machine are often two threads of one core,
where decoding beside decoding takes up to twice the time; so it is measured with one process alone and with one on every
processor at once, and what can be held is told by the latter. `ungated`: the same with every frame decoded.

    python -m bench.baseline.raw [--recordings 4] [--speech DIR]
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bench.audio import SPEECH, phrase_rules, samples_of
from bench.baseline.scripts import started
from bench.experiment import tally
from bench.listening import hear, open_hearing
from engine.audio.ring import Frames
from engine.cgroup import processors
from engine.demo.stage import wanted_phrases
from engine.simulator.options import SPEECH_DIR
from engine.simulator.recordings import calls_from_speech

LOAD_S = 60.0
HEAR_S = 600.0


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds that hearing so much audio took, and what came of it."""

    audio_s: float = 0.0
    decoded_s: float = 0.0  # what the recognizer was given of it
    vad_cpu_s: float = 0.0
    decode_cpu_s: float = 0.0
    cpu_s: float = 0.0  # all of it
    said: int = 0
    heard: int = 0
    false: int = 0

    @property
    def rest_cpu_s(self) -> float:
        """Neither VAD nor decoder: framer, ring, spotter, counters."""
        return self.cpu_s - self.vad_cpu_s - self.decode_cpu_s

    @classmethod
    def total(cls, costs: Iterable["Cost"]) -> "Cost":
        """All together."""
        every = list(costs)
        return cls(**{each.name: sum(getattr(cost, each.name) for cost in every) for each in fields(cls)})

    def report(self) -> dict[str, Any]:
        """As plain values; CPU in milliseconds per second of a call."""
        parts = {"vad": self.vad_cpu_s, "decode": self.decode_cpu_s, "rest": self.rest_cpu_s, "all": self.cpu_s}
        return {
            "cpu_ms_per_call_second": {part: round(1000 * cpu_s / self.audio_s, 3) for part, cpu_s in parts.items()},
            "decoded_ratio": round(self.decoded_s / self.audio_s, 3),
            "phrases": {"said": self.said, "heard": self.heard, "false": self.false},
        }


@dataclass(frozen=True, slots=True)
class Limit:
    """What the decoder leaves possible on this machine."""

    processors: int
    alone: Cost  # one process
    busy: Cost  # one on every processor at once, added up
    ungated: Cost  # so, too, but with every frame decoded

    @property
    def calls_per_core(self) -> float:
        """Calls whose gate, decoding and rest one processor can bear while all the others do the same."""
        return self.busy.audio_s / self.busy.cpu_s

    @property
    def calls_per_core_decode_only(self) -> float:
        """The same were decoding all that there is to do."""
        return self.busy.audio_s / self.busy.decode_cpu_s

    def calls(self, cores: float) -> int:
        """How many calls the decoding allows on so many processors."""
        return int(cores * self.calls_per_core_decode_only)

    def report(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "processors": self.processors,
            "calls_per_core": round(self.calls_per_core, 1),
            "calls_per_core_decode_only": round(self.calls_per_core_decode_only, 1),
            "busy_to_alone": round(self.busy.cpu_s / self.busy.audio_s / (self.alone.cpu_s / self.alone.audio_s), 2),
            **{name: getattr(self, name).report() for name in ("alone", "busy", "ungated")},
        }


async def limit(speech: Path = SPEECH_DIR, recordings: int | None = None) -> Limit:
    """Measure it with so many of a folder's calls, all of them when None. DemoError when a process fails; none is left."""
    count, wanted = processors(), ["--worker", "--speech", str(speech)]
    if recordings is not None:
        wanted += ["--recordings", str(recordings)]
    alone = await _together(1, wanted)
    return Limit(count, alone, await _together(count, wanted), await _together(count, [*wanted, "--ungated"]))


async def _together(count: int, arguments: Sequence[str]) -> Cost:
    """So many processes at the same time: all load first."""
    async with AsyncExitStack() as stack:
        entering = (started("bench.baseline.raw", arguments) for _ in range(count))
        scripts = [await stack.enter_async_context(each) for each in entering]
        for script in scripts:
            await script.answer(LOAD_S)
        for script in scripts:
            script.tell("go")
        return Cost.total([Cost(**await script.answer(HEAR_S)) for script in scripts])


class Everything:
    """A `Vad` that hears speech in every frame."""

    def verdicts(self, frames: Frames) -> list[bool | None]:
        """Voiced, each."""
        return [True] * len(frames)


def hear_all(speech: Path, recordings: int | None, *, gated: bool) -> Cost:
    """Load, say so, wait for the word, hear the calls one after the other."""
    calls = calls_from_speech(speech)[:recordings]
    hearing = open_hearing(SPEECH, phrase_rules(wanted_phrases(speech)))
    samples = [samples_of(call.wav) for call in calls]
    print('{"event": "ready"}', flush=True)
    input()
    costs = []
    for call, each in zip(calls, samples, strict=True):
        begun = time.process_time()
        heard = hear(hearing, each, vad=None if gated else Everything())
        cpu_s = time.process_time() - begun
        found = tally(call.said, heard.spotted)
        audio = heard.audio_s, heard.utterance_s, heard.vad_s, heard.decode_s
        costs.append(Cost(*audio, cpu_s, found.said, found.heard, found.false_alarms))
    return Cost.total(costs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the limit; with --worker one process's part of it."""
    parser = argparse.ArgumentParser(description="What the decoder leaves possible on this machine.")
    parser.add_argument("--recordings", type=int, help="hear only so many calls")
    parser.add_argument("--speech", type=Path, default=SPEECH_DIR, help="folder with WAV files and manifest.json")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ungated", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    if wanted.worker:
        print(json.dumps(asdict(hear_all(wanted.speech, wanted.recordings, gated=not wanted.ungated))), flush=True)
    else:
        print(json.dumps(asyncio.run(limit(wanted.speech, wanted.recordings)).report(), indent=2))


if __name__ == "__main__":
    main()
