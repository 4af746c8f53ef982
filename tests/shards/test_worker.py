"""The work loop on a real arena, doorbell and socket pair, in a thread; pipelines are stand-ins that can be made to fail."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from engine.audio.arena import Arena
from engine.audio.format import FRAME_BYTES
from engine.audio.ring import RingWriter
from engine.packets import PacketPort, socket_pair
from engine.shards.messages import (
    WORKER_CODEC,
    CloseRing,
    Drain,
    OpenRing,
    RingClosed,
    RingFailed,
    Spotted,
    TranscriptHeard,
)
from engine.shards.worker import TIDY_S, TURN_FRAMES, Worker
from engine.speech.events import PhraseSpotted, SpeechEvent, SpokenWord, Transcribed, UtteranceStarted
from engine.speech.pipeline import LATE_NS
from engine.stats import Cell

SPOTTED = PhraseSpotted("rule", "phrase", "phrase", None, "partial", 0, 20, 40, 1)


@dataclass
class StandIn:
    """As a Pipeline: so many frames wait; each drain takes some, and the last one tells of a phrase."""

    frames: int
    error: Exception | None = None
    since_ns: int = 1
    batch: int = 1  # fewer frames may wait for more
    order: list["StandIn"] = field(default_factory=list, repr=False, compare=False)
    drained: list[int] = field(default_factory=list)
    published: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    abandoned: bool = False

    @property
    def has_work(self) -> bool:
        return self.frames > 0

    @property
    def is_due(self) -> bool:
        return self.frames >= self.batch

    @property
    def waiting_since_ns(self) -> int:
        return self.since_ns

    def drain(self, limit: int) -> list[SpeechEvent]:
        self.order.append(self)
        if self.error:
            raise self.error
        taken = min(limit, self.frames)
        self.frames -= taken
        self.drained.append(taken)
        return [UtteranceStarted(0)] if self.frames else [SPOTTED]

    def finish(self) -> list[SpeechEvent]:
        return []

    def abandon(self) -> list[SpeechEvent]:
        self.abandoned = True
        return []

    def publish(self) -> None:
        self.published.append(len(self.drained))

    def skip_to_live(self, now_ns: int) -> None:
        self.skipped.append(now_ns)


class Hall:
    """As Hearing: hands out stand-ins in order."""

    recognizers_alive = 3

    def __init__(self, *pipelines: StandIn) -> None:
        self._pipelines = list(pipelines)
        self.fired_ms: list[dict[str, int]] = []
        self.transcribe: list[bool] = []

    def open(self, channel, reader, counters, *, fired_ms, transcribe) -> StandIn:
        self.transcribe.append(transcribe)
        self.fired_ms.append(fired_ms)
        return self._pipelines.pop(0)

    def retire_idle(self) -> None:
        raise AssertionError("too soon")


class Stage:
    """A worker at work, seen from its supervisor."""

    def __init__(self, *pipelines: StandIn) -> None:
        ours, theirs = socket_pair()
        self.arena, self.bell = Arena.create(4, 16), os.eventfd(0, os.EFD_NONBLOCK)
        self.port = PacketPort(ours, WORKER_CODEC)
        self._theirs = PacketPort(theirs, WORKER_CODEC)
        self.worker = Worker(self._theirs, self.bell, self.arena, Hall(*pipelines))
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.worker.run()
        except BaseException as error:  # noqa: BLE001 (told to the test)
            self.error = error
        self._theirs.close()

    def begin(self) -> "Stage":
        self._thread.start()
        return self

    def ended(self) -> bool:
        self._thread.join(10)
        return not self._thread.is_alive()

    def close(self) -> None:
        self.port.close()
        assert self.ended()
        os.close(self.bell)
        self.arena.close()


@pytest.fixture
def stage() -> Iterator:
    stages: list[Stage] = []

    def make(*pipelines: StandIn) -> Stage:
        stages.append(Stage(*pipelines).begin())
        return stages[-1]

    yield make
    for each in stages:
        each.close()


def test_what_is_spotted_is_told_with_its_lease_and_nothing_else_is(stage):
    play = stage(StandIn(frames=3))
    play.port.send(OpenRing(0, 7, "external"))
    os.eventfd_write(play.bell, 1)
    assert play.port.receive() == Spotted(7, SPOTTED)
    play.port.send(CloseRing(0, 7))
    assert play.port.receive() == RingClosed(0, 7)
    assert play.arena.cells[Cell.RECOGNIZERS] == 3
    assert play.arena.cells[Cell.HEARTBEAT_NS] > 0
    assert play.arena.cells[Cell.BUSY_S] > 0


class NotingPort:
    """As a PacketPort: notes what is sent, between what else is noted."""

    def __init__(self, notes: list[object]) -> None:
        self._notes = notes

    def send(self, message: object) -> None:
        self._notes.append(message)


@dataclass
class Publisher(StandIn):
    """Notes when it publishes; its end has something to tell, too."""

    notes: list[object] = field(default_factory=list)

    def finish(self) -> list[SpeechEvent]:
        return [SPOTTED]

    def publish(self) -> None:
        self.notes.append("published")


@pytest.fixture
def desk():
    """A worker without a loop: what it notes, and how to make it."""
    arena, notes = Arena.create(4, 16), []

    def make(*pipelines: StandIn) -> Worker:
        return Worker(NotingPort(notes), -1, arena, Hall(*pipelines))

    make.notes, make.arena = notes, arena
    yield make
    arena.close()


def test_what_was_heard_is_told_before_the_ring_says_that_it_is_done(desk):
    """The other way round a death in between would lose the phrase."""
    worker = desk(Publisher(frames=1, notes=desk.notes))
    worker._obey(OpenRing(0, 7, "external"))
    worker._turn()
    assert desk.notes == [Spotted(7, SPOTTED), "published"]
    desk.notes.clear()
    worker._obey(CloseRing(0, 7))
    worker._turn()
    assert desk.notes == [Spotted(7, SPOTTED), "published", RingClosed(0, 7)]


def test_what_a_broken_channel_had_heard_before_is_told(desk):
    class Broken(StandIn):
        def abandon(self) -> list[SpeechEvent]:
            return [SPOTTED]

    worker = desk(Broken(frames=5, error=LookupError()))
    worker._obey(OpenRing(0, 7, "external"))
    worker._turn()
    assert desk.notes == [Spotted(7, SPOTTED), RingFailed(0, 7, "LookupError")]


def test_what_fired_before_it_was_born_goes_to_the_channel(desk):
    worker = desk(StandIn(frames=0))
    worker._obey(OpenRing(0, 7, "external", {"rule": 1480}))
    assert worker._hearing.fired_ms == [{"rule": 1480}]


def test_a_channel_is_transcribed_when_it_asked(desk):
    worker = desk(StandIn(frames=0), StandIn(frames=0))
    worker._obey(OpenRing(0, 7, "external", transcribe=True))
    worker._obey(OpenRing(1, 8, "internal"))
    assert worker._hearing.transcribe == [True, False]


def test_transcripts_are_told(stage):
    said = Transcribed(True, 0, 60, "hello", (SpokenWord("hello", 0, 60, 1.0),))

    class Scribe(StandIn):
        def drain(self, limit: int) -> list[SpeechEvent]:
            super().drain(limit)
            return [said]

    play = stage(Scribe(frames=3))
    play.port.send(OpenRing(0, 7, "external", transcribe=True))
    os.eventfd_write(play.bell, 1)
    assert play.port.receive() == TranscriptHeard(7, said)


class Asked(StandIn):
    """Counts how often it was looked at."""

    looks = 0

    @property
    def is_due(self) -> bool:
        self.looks += 1
        return super().is_due


def test_a_turn_looks_only_at_rings_that_were_written_to_or_have_something_left(desk):
    pipelines = [Asked(frames=0), Asked(frames=0), Asked(frames=0)]
    worker = desk(*pipelines)
    for ring in range(3):
        worker._obey(OpenRing(ring, 7 + ring, "external"))
    worker._in_turn(sweeps=False)
    assert [each.looks for each in pipelines] == [1, 1, 1]  # newly opened
    RingWriter(desk.arena.ring(1)).write(memoryview(bytes(FRAME_BYTES)), 1)
    RingWriter(desk.arena.ring(2)).mark_gap(3)
    RingWriter(desk.arena.ring(3)).mark_gap(3)  # nobody's
    worker._in_turn(sweeps=False)
    assert [each.looks for each in pipelines] == [1, 2, 2]
    worker._in_turn(sweeps=False)
    assert [each.looks for each in pipelines] == [1, 2, 2]
    pipelines[0].frames = TURN_FRAMES + 1
    RingWriter(desk.arena.ring(0)).write(memoryview(bytes(FRAME_BYTES)), 1)
    for _ in range(2):  # the first leaves a frame, which nobody writes again
        for channel in worker._in_turn(sweeps=False):
            worker._hear(channel)
    assert pipelines[0].frames == 0
    pipelines[1].frames, pipelines[1].batch = 1, 3
    assert [channel.lease for channel in worker._in_turn(sweeps=True)] == [8]


def test_which_lease_is_being_heard_is_written_down(desk):
    class Witness(StandIn):
        def drain(self, limit: int) -> list[SpeechEvent]:
            seen.append(desk.arena.cells[Cell.HEARING])
            return super().drain(limit)

        def finish(self) -> list[SpeechEvent]:
            seen.append(desk.arena.cells[Cell.HEARING])
            return []

    seen: list[float] = []
    worker = desk(Witness(frames=1, since_ns=1), Witness(frames=1, since_ns=2))
    for lease in (7, 8):
        worker._obey(OpenRing(lease - 7, lease, "external"))
    worker._turn()
    assert seen == [7, 8]
    assert desk.arena.cells[Cell.HEARING] == 0
    worker._obey(CloseRing(1, 8))
    worker._turn()
    assert seen == [7, 8, 8]


def test_only_what_waited_too_long_is_asked_to_skip_and_no_call_that_is_over(desk):
    now_ns = time.monotonic_ns()
    fresh = StandIn(frames=1, since_ns=now_ns)
    worker = desk(fresh)
    worker._obey(OpenRing(0, 1, "external"))
    worker._turn()
    assert fresh.skipped == []
    late, other = StandIn(frames=1, since_ns=now_ns - LATE_NS), StandIn(frames=1, since_ns=now_ns)
    over = StandIn(frames=1, since_ns=now_ns - LATE_NS)
    worker = desk(other, late, over)
    for lease in (1, 2, 3):
        worker._obey(OpenRing(lease, lease, "external"))
    worker._obey(CloseRing(3, 3))
    worker._turn()
    assert len(late.skipped) == len(other.skipped) == 1, "each judges its own"
    assert late.skipped[0] >= now_ns
    assert over.skipped == []


def test_recognizers_of_a_peak_are_let_go_after_a_minute(desk, monkeypatch):
    monkeypatch.setattr(Hall, "retire_idle", lambda hall: desk.notes.append("tidied"), raising=True)
    worker = desk()
    worker._turn()
    assert desk.notes == []
    worker._tidied_s -= TIDY_S
    worker._swept_s -= TIDY_S
    worker._turn()
    worker._turn()
    assert desk.notes == ["tidied"]


def test_no_ring_starves_another(stage):
    long, short = StandIn(frames=10 * TURN_FRAMES), StandIn(frames=1)
    play = stage(long, short)
    play.port.send(OpenRing(0, 1, "external"))
    play.port.send(OpenRing(1, 2, "external"))
    assert {play.port.receive().lease, play.port.receive().lease} == {1, 2}
    assert max(long.drained) == TURN_FRAMES


def test_a_frame_that_no_other_follows_is_heard_all_the_same(stage):
    play = stage(StandIn(frames=1, batch=3))
    play.port.send(OpenRing(0, 7, "external"))
    assert play.port.receive() == Spotted(7, SPOTTED)


def test_within_a_turn_the_oldest_audio_comes_first():
    ours, theirs = socket_pair()
    arena, order = Arena.create(4, 16), []
    pipelines = [StandIn(frames=1, since_ns=since_ns, order=order) for since_ns in (30, 10, 20)]
    worker = Worker(PacketPort(theirs, WORKER_CODEC), -1, arena, Hall(*pipelines))
    for lease in range(3):
        worker._obey(OpenRing(lease, lease, "external"))
    worker._turn()
    assert [each.since_ns for each in order] == [10, 20, 30]
    for sock in (ours, theirs):
        sock.close()
    arena.close()


def test_a_channel_that_breaks_ends_alone(stage):
    broken, whole = StandIn(frames=5, error=LookupError("a transcript")), StandIn(frames=5)
    with capture_logs() as logs:
        play = stage(broken, whole)
        play.port.send(OpenRing(0, 1, "external"))
        assert play.port.receive() == RingFailed(0, 1, "LookupError")
        play.port.send(OpenRing(1, 2, "internal"))
        assert play.port.receive() == Spotted(2, SPOTTED)
    assert broken.abandoned
    assert [entry["event"] for entry in logs] == ["channel failed"]


def test_closing_what_is_not_open_is_nothing(stage):
    play = stage(StandIn(frames=1))
    play.port.send(CloseRing(0, 99))
    play.port.send(OpenRing(0, 1, "external"))
    assert play.port.receive() == Spotted(1, SPOTTED)


def test_a_drained_worker_hears_everything_then_ends(stage):
    first, second = StandIn(frames=3 * TURN_FRAMES), StandIn(frames=1)
    play = stage(first, second)
    play.port.send(OpenRing(0, 1, "external"))
    play.port.send(OpenRing(1, 2, "external"))
    play.port.send(Drain())
    told = [play.port.receive() for _ in range(4)]
    assert {message.lease for message in told if isinstance(message, RingClosed)} == {1, 2}
    assert {message.lease for message in told if isinstance(message, Spotted)} == {1, 2}
    assert play.port.receive() is None
    assert play.ended()
    assert first.frames == second.frames == 0
    assert play.error is None


def test_without_its_supervisor_it_ends(stage):
    play = stage()
    play.port.close()
    assert play.ended()
    assert play.error is None


def test_without_its_supervisor_it_ends_though_it_has_something_to_say(stage):
    play = stage(StandIn(frames=10_000 * TURN_FRAMES))
    play.port.send(OpenRing(0, 1, "external"))
    play.port.send(CloseRing(0, 1))
    play.port.close()
    assert play.ended()
    assert isinstance(play.error, ConnectionError | None)


def test_a_message_of_the_wrong_direction_ends_it(stage):
    play = stage()
    play.port.send(RingClosed(0, 1))
    assert play.ended()
    assert str(play.error) == "not for a worker: RingClosed"
