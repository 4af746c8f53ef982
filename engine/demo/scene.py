"""The demo at one moment, and what came of it in the end. Pure nouns, and the sentences of the verdict."""

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.cgroup import processors
from engine.demo.calls import PlayedCall, most_at_once, phrases_of, recording_of
from engine.demo.figures import RANKS, Reading
from engine.demo.scoring import Delivery, Score, score
from engine.demo.sessions import Sessions
from engine.percentiles import bucket_percentile, percentile

FRAMES_MISSING = "The dropped frames explain it: audio was missing, and places in it have moved."


Source = Literal["realtime", "audiohook"]  # we open a socket for each call, or Genesys does


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What is played, and for how long at most."""

    speech: Path
    calls: int | None  # None: every recording once
    seconds_max: float
    source: Source = "realtime"


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known now."""

    now_ns: int
    calls: tuple[PlayedCall, ...]
    reading: Reading
    score: Score

    @classmethod
    def of(
        cls,
        calls: tuple[PlayedCall, ...],
        deliveries: Sequence[Delivery],
        reading: Reading,
        now_ns: int,
        judged_ns: int | None = None,
    ) -> "Scene":
        """A phrase that was said after `judged_ns` (now, when None) counts when it was heard, and not when it wasn't."""
        judged_ns = now_ns if judged_ns is None else judged_ns
        found = score(phrases_of(calls), deliveries)
        due = tuple(said for said in found.missed if said.ended_ns <= judged_ns)
        return cls(now_ns, calls, reading, Score(found.heard, due, found.false))


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was played."""

    cores: int
    cpu: str

    @classmethod
    def here(cls, cpuinfo: Path = Path("/proc/cpuinfo")) -> "Machine":
        """This machine; the processor's kind instead of its model's name where that can't be had."""
        try:
            lines = cpuinfo.read_text().splitlines()
        except OSError:
            lines = []
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return cls(processors(), models[0] if models else platform.machine())


@dataclass(frozen=True, slots=True)
class Result:
    """The end of the demo."""

    scene: Scene
    speech: Path  # the recordings' folder
    seconds: float
    machine: Machine
    unreadable: int  # posts to the receiver that were no commands
    complaints: tuple[str, ...]  # the engine's latest warnings and errors
    sessions: Sessions | None = None  # of AudioHook

    @property
    def calls_at_once(self) -> int:
        """How many calls were live at the same moment."""
        return most_at_once(self.scene.calls)

    @property
    def audio_ms(self) -> int:
        """Audio that was played, over all channels of all calls."""
        return sum(call.position_ms(self.scene.now_ns) * len(call.channels) for call in self.scene.calls)

    @property
    def spot_latency_ms(self) -> list[float | None]:
        """By RANKS, exact: end of the phrase to the webhook's arrival."""
        delays = [heard.after_ms for heard in self.scene.score.heard]
        return [percentile(delays, rank) for rank in RANKS]

    @property
    def frame_latency_ms(self) -> list[float | None]:
        """By RANKS, interpolated in the engine's histogram: arrival of a frame to the recognizer having taken it."""
        found = [bucket_percentile(self.scene.reading.frame_latency, rank) for rank in RANKS]
        return [None if seconds is None else seconds * 1000 for seconds in found]

    @property
    def problems(self) -> tuple[str, ...]:
        """What was not as it should be, each with what to look at; empty when all was well."""
        return tuple(sentence for find in PROBLEMS for sentence in find(self))


def counted(number: int, noun: str) -> str:
    """`1 call`, `1,200 calls`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _silent(result: Result) -> Iterator[str]:
    silent = [call.name for call in result.scene.calls if call.started_ns is None]
    if silent:
        yield f"{counted(len(silent), 'call')} never began ({', '.join(silent[:5])}): the engine did not take them."
    if not result.scene.score.said:
        yield "No phrase was said, so nothing is shown: play recordings with phrases, and long enough."


def _missed(result: Result) -> Iterator[str]:
    missed = result.scene.score.missed
    if missed:
        first = missed[0]
        recording = result.speech / f"{recording_of(first.call, first.channel)}.wav"
        listen = f"Hear the recording alone: cueline listen {recording} --phrase {first.phrase!r}"
        yield (
            f"{counted(len(missed), 'phrase')} of {result.scene.score.said} not heard. "
            f"{FRAMES_MISSING if result.scene.reading.dropped else listen}"
        )


def _false(result: Result) -> Iterator[str]:
    false = result.scene.score.false
    if false:
        advice = 'A rule with fire_on = "final" or a longer stable_ms is less easily fooled.'
        yield (
            f"{counted(len(false), 'command')} for nothing that was said. "
            f"{FRAMES_MISSING if result.scene.reading.dropped else advice}"
        )


def _unsigned(result: Result) -> Iterator[str]:
    if unsigned := result.scene.score.unsigned:
        yield (
            f"{counted(unsigned, 'command')} had no valid signature: something else posts to the receiver, or signing is"
            " broken (engine/commands/signing.py)."
        )
    if result.unreadable:
        yield f"{counted(result.unreadable, 'message')} to the receiver could not be read as a command."


def _dropped(result: Result) -> Iterator[str]:
    if dropped := result.scene.reading.dropped:
        yield (
            f"{counted(dropped, 'frame')} dropped: this machine was too busy for"
            f" {counted(result.calls_at_once, 'call')} at once. Close other programs, or try fewer calls (--calls)."
        )


def _sessions(result: Result) -> Iterator[str]:
    for fault in result.sessions.faults if result.sessions else ():
        yield f"AudioHook: {fault}."


PROBLEMS: tuple[Callable[[Result], Iterator[str]], ...] = (
    _silent,
    _dropped,
    _missed,
    _false,
    _unsigned,
    _sessions,
)
