"""Real pools on the real model, and real speech to push into them."""

import contextlib
import json
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from engine.audio.format import FRAME_BYTES, FRAME_MS
from engine.options import Channel, RuleOptions, ShardOptions, SpeechOptions
from engine.shards.feed import RingFeed
from engine.shards.pool import Pool
from engine.speech.events import PhraseSpotted, Transcribed
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models/cueline-en-8k"
SPEECH = ROOT / "engine/simulator/speech"
SECOND = 1000 // FRAME_MS * FRAME_BYTES
PHRASES = tuple(json.loads((SPEECH / "manifest.json").read_bytes())["phrases"])
RULES = tuple(RuleOptions(name=phrase.replace(" ", "-"), phrases=(phrase,)) for phrase in PHRASES)


@dataclass(frozen=True)
class Recording:
    """One of the demo's calls and what is said in it: (phrase, start, end) in milliseconds."""

    pcm: bytes
    said: tuple[tuple[str, int, int], ...]

    def part(self, start_ms: int, end_ms: int) -> bytes:
        return self.pcm[start_ms // FRAME_MS * FRAME_BYTES : end_ms // FRAME_MS * FRAME_BYTES]


def recording(number: int) -> Recording:
    call = json.loads((SPEECH / "manifest.json").read_bytes())["calls"][number - 1]
    with wave.open(str(SPEECH / call["file"])) as file:
        pcm = file.readframes(file.getnframes())
    return Recording(pcm, tuple((said["phrase"], said["start_ms"], said["end_ms"]) for said in call["said"]))


@dataclass
class Ear:
    """All that a pool told of."""

    spotted: list[tuple[str, Channel, PhraseSpotted]] = field(default_factory=list)
    failed: list[tuple[str, Channel, str]] = field(default_factory=list)
    transcribed: list[tuple[Channel, Transcribed]] = field(default_factory=list)

    def on_spotted(self, _key: str, conversation_id: str, channel: Channel, event: PhraseSpotted) -> None:
        self.spotted.append((conversation_id, channel, event))

    def on_channel_failed(self, conversation_id: str, channel: Channel, error: str) -> None:
        self.failed.append((conversation_id, channel, error))

    def on_transcript(self, channel: Channel, transcript: Transcribed) -> None:
        self.transcribed.append((channel, transcript))

    def finals(self) -> list[Transcribed]:
        return [transcript for _, transcript in self.transcribed if transcript.is_final]

    def phrases(self, conversation_id: str) -> list[str]:
        return [event.phrase for conversation, _, event in self.spotted if conversation == conversation_id]


def make_pool(
    ear: Ear, *, rules: tuple[RuleOptions, ...] = RULES, model: Path = MODEL, log_level: str = "error", **shards: object
) -> Pool:
    """A pool of one shard unless told otherwise."""
    return Pool(
        ShardOptions.model_validate({"count": 1, "rings": 4, "start_timeout_s": 60} | shards),
        SpeechOptions(model_path=model),
        rules,
        log_level=log_level,
        on_spotted=ear.on_spotted,
        on_channel_failed=ear.on_channel_failed,
    )


@contextlib.asynccontextmanager
async def running_pool(ear: Ear, **options: object) -> AsyncIterator[Pool]:
    """Started, with all workers up; stopped afterwards."""
    pool = make_pool(ear, **options)  # type: ignore[arg-type]
    try:
        await pool.start()
        await until(lambda: pool.all_up)
        yield pool
    finally:
        await pool.stop(10)


async def play(feed: RingFeed, pcm: bytes) -> None:
    """Push it all as fast as the worker takes it, so that nothing is lost."""
    for begin in range(0, len(pcm), SECOND):
        await until(lambda: feed.queue_depth_frames < 100, 30)
        feed.push(pcm[begin : begin + SECOND])


async def heard(feed: RingFeed, timeout_s: float = 30) -> None:
    """Return once the worker has taken all that was pushed."""
    await until(lambda: feed.queue_depth_frames == 0, timeout_s)


def descendants() -> list[psutil.Process]:
    """Living processes below this one."""
    return [process for process in psutil.Process().children(recursive=True) if alive(process.pid)]


def fork_server_pid(pool: Pool) -> int:
    """The parent of the pool's workers."""
    return psutil.Process(pool.worker_pids[0]).ppid()


def alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def private_bytes(pid: int) -> int:
    """Memory that only this process has (unique set size)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


def voluntary_switches(pid: int) -> int:
    """How often it went to sleep."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


async def gone(pids: list[int], timeout_s: float = 20) -> None:
    """Return once none of them runs."""
    await until(lambda: not any(alive(pid) for pid in pids), timeout_s)
