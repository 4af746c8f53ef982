"""A shard's worker: hears every ring that it is told to, until it is told to stop or the supervisor is gone.

One thread, one loop. A turn hears the rings with work, the one whose audio has waited longest first, each at most
TURN_FRAMES, so that none starves another; the turn's beginning is the heartbeat. A few frames may wait for more, but not for
long. Nobody wakes while no audio comes, but for the heartbeat; and a turn looks only at rings that were written to, and those
that the last one left with something to do, so that hundreds of silent ones cost little. What goes wrong on one ring ends that ring only; which one is
being heard is written down before, for whoever finds us dead.

A shard that is behind catches up by itself: only speech is decoded, and only that is dear. Where audio has waited for three
seconds all the same, its channel goes on with the newest.
"""

import os
import select
import time
from contextlib import suppress
from dataclasses import dataclass

import structlog

from engine.audio.arena import Arena
from engine.audio.ring import RingReader, Word
from engine.packets import PacketPort
from engine.shards.messages import CloseRing, Drain, OpenRing, RingClosed, RingFailed, Spotted, TranscriptHeard
from engine.speech.counters import Counters
from engine.speech.events import PhraseSpotted, SpeechEvent, Transcribed
from engine.speech.hearing import Hearing
from engine.speech.pipeline import LATE_NS, Pipeline
from engine.stats import Cell

TURN_FRAMES = 10  # about what the network computes at once
SWEEP_S = 0.25  # after so long every frame is heard, also one that no other follows
IDLE_MS = 250  # longest sleep, so that the heartbeat shows life
TIDY_S = 60.0  # a recognizer that was idle for so long is let go
_HEARING = int(Cell.HEARING)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Open:
    """A ring being heard."""

    ring: int
    lease: int
    pipeline: Pipeline
    closing: bool = False


class Worker:
    """Owns nothing that outlives it: rings and counters are the arena's."""

    def __init__(self, port: PacketPort, doorbell_fd: int, arena: Arena, hearing: Hearing) -> None:
        self._port = port
        self._doorbell_fd = doorbell_fd
        self._arena = arena
        self._hearing = hearing
        self._counters = Counters(arena.cells)
        self._open: dict[int, _Open] = {}  # by lease
        self._draining = False
        self._on_ring: dict[int, _Open] = {}
        self._heads, self._gaps = arena.words(Word.HEAD), arena.words(Word.GAPS)
        self._marks = self._heads + self._gaps  # what had been written into each ring at the last look
        self._left: dict[int, _Open] = {}  # by ring: to look at in any case
        self._late_ns = 0  # the time, where the oldest audio has waited too long; else 0
        self._swept_s, self._tidied_s = 0.0, time.monotonic()
        self._cpu_s = time.process_time()

    def run(self) -> None:
        """Until drained, or the supervisor is gone."""
        poll = select.poll()
        poll.register(self._port.fileno(), select.POLLIN)
        poll.register(self._doorbell_fd, select.POLLIN)
        while not (self._draining and not self._open):
            self._counters.set(Cell.HEARTBEAT_NS, time.monotonic_ns())
            for fd, _ in poll.poll(0 if self._left else IDLE_MS):
                if fd == self._doorbell_fd:
                    with suppress(BlockingIOError):
                        os.eventfd_read(fd)
                elif not self._obey(self._port.receive()):
                    return
            self._turn()

    def _obey(self, message: object) -> bool:
        """Do as told; False when the supervisor is gone."""
        match message:
            case OpenRing():
                reader = RingReader(self._arena.ring(message.ring))
                pipeline = self._hearing.open(
                    message.channel,
                    reader,
                    self._counters,
                    fired_ms=message.fired_ms,
                    transcribe=message.transcribe,
                )
                channel = _Open(message.ring, message.lease, pipeline)
                self._open[message.lease] = self._on_ring[message.ring] = self._left[message.ring] = channel
            case CloseRing():
                if message.lease in self._open:
                    self._close(self._open[message.lease])
            case Drain():
                self._draining = True
                for channel in self._open.values():
                    self._close(channel)
            case None:
                return False
            case _:
                raise TypeError(f"not for a worker: {type(message).__name__}")
        return True

    def _close(self, channel: _Open) -> None:
        channel.closing = True
        self._left[channel.ring] = channel

    def _turn(self) -> None:
        begun_s, begun_cpu_s = time.monotonic(), time.process_time()
        sweeps = begun_s - self._swept_s >= SWEEP_S
        if sweeps:
            self._sweep(begun_s)
        waiting = self._in_turn(sweeps=sweeps)
        late = bool(waiting) and begun_s * 1e9 - waiting[0].pipeline.waiting_since_ns > LATE_NS
        self._late_ns = time.monotonic_ns() if late else 0
        for channel in waiting:
            try:
                self._hear(channel)
            except ConnectionError:
                raise  # the supervisor is gone
            except Exception as error:  # noqa: BLE001 (the border of one conversation: contain, count, go on)
                self._fail(channel, error)
        self._arena.cells[_HEARING] = 0
        ended_cpu_s = time.process_time()
        self._counters.add(Cell.IPC_S, begun_cpu_s - self._cpu_s)
        self._counters.add(Cell.CPU_S, ended_cpu_s - self._cpu_s)
        self._cpu_s = ended_cpu_s
        self._counters.add(Cell.BUSY_S, time.monotonic() - begun_s)
        self._counters.set(Cell.RECOGNIZERS, self._hearing.recognizers_alive)

    def _sweep(self, now_s: float) -> None:
        self._swept_s = now_s
        if now_s - self._tidied_s >= TIDY_S:
            self._tidied_s = now_s
            self._hearing.retire_idle()

    def _in_turn(self, *, sweeps: bool) -> list[_Open]:
        """The rings with something to do, oldest audio first."""
        marks = self._heads + self._gaps
        looked_at, self._left = self._left, {}
        for ring in (marks != self._marks).nonzero()[0].tolist():
            if ring in self._on_ring:
                looked_at[ring] = self._on_ring[ring]
        self._marks = marks
        waiting = [
            channel
            for channel in (self._on_ring if sweeps else looked_at).values()
            if channel.closing or channel.pipeline.is_due or (sweeps and channel.pipeline.has_work)
        ]
        if len(waiting) > 1:
            waiting.sort(key=lambda channel: channel.pipeline.waiting_since_ns)
        return waiting

    def _hear(self, channel: _Open) -> None:
        pipeline = channel.pipeline
        self._arena.cells[_HEARING] = channel.lease
        if self._late_ns and not channel.closing:  # a call that is over is heard to its end
            pipeline.skip_to_live(self._late_ns)
        if not channel.closing or pipeline.has_work:
            self._counters.set(Cell.HEARTBEAT_NS, time.monotonic_ns())
            self._report(channel, pipeline.drain(TURN_FRAMES))
            pipeline.publish()  # after the report: in between a death repeats a phrase, it doesn't lose it
            if channel.closing or pipeline.is_due:
                self._left[channel.ring] = channel
        else:
            self._report(channel, pipeline.finish())
            pipeline.publish()
            self._forget(channel)
            self._port.send(RingClosed(channel.ring, channel.lease))

    def _forget(self, channel: _Open) -> None:
        del self._open[channel.lease], self._on_ring[channel.ring]
        self._left.pop(channel.ring, None)

    def _report(self, channel: _Open, events: list[SpeechEvent]) -> None:
        for event in events:
            if isinstance(event, PhraseSpotted):
                self._port.send(Spotted(channel.lease, event))
            elif isinstance(event, Transcribed):
                self._port.send(TranscriptHeard(channel.lease, event))

    def _fail(self, channel: _Open, error: Exception) -> None:
        log.error("channel failed", ring=channel.ring, error=type(error).__name__, exc_info=error)
        self._report(channel, channel.pipeline.abandon())
        self._forget(channel)
        self._port.send(RingFailed(channel.ring, channel.lease, type(error).__name__))
