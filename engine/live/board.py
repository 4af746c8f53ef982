"""The live view as a whole: what the engine's parts tell it, what it sees in the rings, and what it tells on.

LOOKS_PER_S times a second it looks at all rings' headers at once and does work only for what has changed; once a second it sees
who gets no audio and, where somebody follows, tells a `tick`. Nobody waits for it: what it shows may be late, what is heard not.
All of it runs on one loop. Its shapes are those of docs/live.md.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import structlog

from engine.command_metrics import Outcome
from engine.live.calls import Call, Calls, Line
from engine.live.deaf import calls_without_audio
from engine.live.history import SAMPLE_S, History, Sample, Sampler
from engine.live.phrases import Phrase, Phrases
from engine.live.ports import Feed, Info, Leased, Standing
from engine.live.rings import NS_PER_MS, ShardRings
from engine.live.rows import Figures, Setting, engine_row, shard_row
from engine.live.spans import Track
from engine.metrics import Source
from engine.options import Channel
from engine.speech.events import PhraseSpotted
from engine.stats import CELL_COUNT

LOOKS_PER_S = 5

log = structlog.get_logger(__name__)


class Board:
    """The live view. `on_without_audio` hears how many calls of a source get no audio, whenever that may have changed."""

    def __init__(
        self,
        setting: Setting,
        standing: Standing,
        feed: Feed,
        on_without_audio: Callable[[Source, int], None],
    ) -> None:
        self._setting = setting
        self._standing = standing
        self._feed = feed
        self._on_without_audio = on_without_audio
        self._shards: dict[int, ShardRings] = {}
        self._held: dict[tuple[int, int], tuple[Call, Line]] = {}  # by shard and ring
        self._calls = Calls()
        self._deaf: set[Call] = set()  # those without audio
        self._phrases = Phrases()
        self._history = History()
        self._sampler = Sampler()
        self._lag_s = 0.0
        self._ticks = 0
        self._waiting: dict[str, list[Leased]] = {}  # leases whose call has not been told of yet, by key

    async def run(self) -> None:
        """Look and tick until cancelled. What was missed while the loop was busy is not made up for."""
        loop = asyncio.get_running_loop()
        looks, due = 0, loop.time()
        while True:
            due = max(due + 1 / LOOKS_PER_S, loop.time())
            await asyncio.sleep(due - loop.time())
            self._lag_s = max(self._lag_s, loop.time() - due)
            looks += 1
            try:
                self.look(time.monotonic_ns())
                if looks % LOOKS_PER_S == 0:
                    self.tick(time.time(), time.monotonic_ns())
            except Exception:  # named border: what is shown must not end because one look could not be shown
                log.exception("The live view has failed at a look")

    def close(self) -> None:
        """Let go of the shards' memory; whatever is still leased is seen no more."""
        for _, line in self._held.values():
            line.rings = None
        self._held.clear()
        self._shards.clear()

    # what the parts tell

    def conversation(self, info: Info) -> None:
        """A conversation has come into another state."""
        self._calls.conversation(info, round(time.time(), 3))
        for lease in self._waiting.pop(info.session_id or info.conversation_id, ()):
            self._bind(lease)

    def taken(self, lease: Leased) -> None:
        """A ring is leased, for a call that will be told of in this turn of the loop."""
        if lease.shard not in self._shards:
            self._shards[lease.shard] = ShardRings(self._standing.arena(lease.shard))
        self._waiting.setdefault(lease.key, []).append(lease)

    def _bind(self, lease: Leased) -> None:
        call = self._calls.live[lease.key]
        rings = self._shards[lease.shard]
        rings.take(lease.ring, time.monotonic_ns())
        line = call.lines[lease.channel] = Line(Track(lease.channel), rings, lease.ring)
        call.shard = lease.shard
        self._held[lease.shard, lease.ring] = call, line

    def ended(self, lease: Leased) -> None:
        """A ring's worker has let go of it."""
        self._waiting.pop(lease.key, None)
        held = self._held.pop((lease.shard, lease.ring), None)
        if held is None:
            return
        call, line = held
        rings = self._shards[lease.shard]
        line.track.look(replace(rings.bounds(lease.ring), utterance=0))
        line.frames, line.rings = rings.frames(lease.ring), None
        rings.end(lease.ring)
        self._calls.touch(call)

    def spotted(self, phrase_id: str, key: str, conversation_id: str, channel: Channel, event: PhraseSpotted) -> None:
        """A phrase was spotted for the first time; `phrase_id` is its command's idempotency key."""
        at = time.time()
        if not self._setting.shows_text:
            event = replace(event, text="")
        latency_ms = (time.monotonic_ns() - event.phrase_end_ns) // NS_PER_MS if event.phrase_end_ns else None
        phrase = Phrase(phrase_id, round(at, 3), key, conversation_id, channel, event, latency_ms)
        self._sampler.spotted(at)
        self._phrases.add(phrase)
        if call := self._calls.find(key):
            call.phrases.append(phrase)
            call.phrase_count += 1
            self._calls.touch(call)
        if self._feed.followed:
            self._feed.publish("phrase", phrase.row(shows_text=self._setting.shows_text))

    def handed(self, phrase_id: str, sink: str, latency_s: float) -> None:
        """A command was handed to a sink for the first time, so long after the phrase's end."""
        latency_ms = round(latency_s * 1000)
        self._sampler.spotting.add(time.time(), latency_ms)
        self._phrases.handed(phrase_id, sink, latency_ms)

    def outcome(self, phrase_id: str, rule: str, sink: str, outcome: Outcome) -> None:
        """A delivery has come to its end."""
        at = time.time()
        self._sampler.done(at, outcome)
        done = self._phrases.done(phrase_id, sink, outcome)
        if self._feed.followed:
            self._feed.publish("command", {"id": phrase_id, "rule": rule, "at": round(at, 3)} | done.row())

    # what it sees

    def look(self, now_ns: int) -> None:
        """See what has changed in the rings."""
        for shard, rings in self._shards.items():
            seen = rings.look(now_ns)
            for ring in seen.bounds:
                call, line = self._held[shard, ring]
                bounds = rings.bounds(ring)
                line.track.look(bounds)
                if bounds.gaps and call.live:  # which it has counted, without a change of its state
                    call.info = self._standing.info(call.key) or call.info
                self._calls.touch(call)
            for ring in seen.late:
                self._calls.touch(self._held[shard, ring][0])

    def tick(self, now_s: float, now_ns: int) -> None:
        """A second has passed: see who gets no audio, take a sample, tell who follows."""
        self._ticks += 1
        self._find_deaf(now_s, now_ns)
        sample = self._sample(now_s) if self._ticks % SAMPLE_S == 0 else None
        changed, gone = self._calls.news()
        if self._feed.followed:
            self._feed.publish("tick", self._tick(now_s, changed, gone, sample))
        self._lag_s = 0.0

    def _find_deaf(self, now_s: float, now_ns: int) -> None:
        deaf = calls_without_audio(self._shards, self._held, now_s, now_ns)
        for call in deaf ^ self._deaf:
            call.without_audio = call in deaf
            self._calls.touch(call)
        counts = Counter(call.info.source for call in deaf)
        for source in {call.info.source for call in deaf | self._deaf}:
            self._on_without_audio(source, counts[source])
        self._deaf = deaf

    def _sample(self, now_s: float) -> Sample:
        cells = sum((rings.cells for rings in self._shards.values()), np.zeros(CELL_COUNT))
        shards = self._standing.shards()
        mean = sum(shard.utilization for shard in shards) / len(shards) if shards else 0.0
        figures = self._figures()
        levels = {
            "calls": figures.calls,
            "speaking": figures.speaking,
            "utilization": round(mean, 3),
            "loop_lag_ms": figures.loop_lag_ms,
        }
        sample = self._sampler.sample(now_s, cells, levels)
        self._history.add(sample)
        return sample

    # what it tells

    def _figures(self) -> Figures:
        return Figures(
            calls=len(self._calls.live),
            speaking=sum(rings.speaking for rings in self._shards.values()),
            without_audio=len(self._deaf),
            phrases_total=self._sampler.phrases_total,
            commands_total=self._sampler.outcomes,
            loop_lag_ms=round(self._lag_s * 1000, 1),
        )

    def _now(self, now_s: float) -> dict[str, Any]:
        return {
            "at": round(now_s, 3),
            "engine": engine_row(self._standing.engine(), self._figures()),
            "shards": [shard_row(shard, self._shards.get(shard.shard)) for shard in self._standing.shards()],
        }

    def _tick(
        self, now_s: float, changed: Sequence[Call], gone: Sequence[Call], sample: Sample | None
    ) -> dict[str, Any]:
        return self._now(now_s) | {
            "calls": [call.row() for call in changed],
            "left": [call.key for call in gone if call.key not in self._calls.live],
            "ended": [call.row() for call in gone],
            "sample": sample,
        }

    def state(self) -> dict[str, Any]:
        """All there is to know now: what a follower begins with."""
        shows_text = self._setting.shows_text
        return (
            self._now(time.time())
            | self._setting.rows()
            | {
                "calls": [call.row() for call in self._calls.live.values()],
                "ended": [call.row() for call in self._calls.ended],
                "phrases": [phrase.row(shows_text=shows_text) for phrase in self._phrases.latest],
                "history": self._history.columns(),
            }
        )

    def timeline(self, key: str) -> dict[str, Any] | None:
        """A call's speech, gaps and phrases; None where it is not known, or no more."""
        call = self._calls.find(key)
        return call.timeline(shows_text=self._setting.shows_text) if call else None
