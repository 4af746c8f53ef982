"""The work loop on a real arena, doorbell and socket pair, in a thread; pipelines are stand-ins that can be made to fail."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from engine.audio.arena import Arena
from engine.packets import PacketPort, socket_pair
from engine.shards.messages import WORKER_CODEC, CloseRing, Drain, OpenRing, RingClosed, RingFailed, Spotted
from engine.shards.worker import TURN_FRAMES, Worker
from engine.speech.events import PhraseSpotted, SpeechEvent, UtteranceStarted
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

    def abandon(self) -> None:
        self.abandoned = True


class Hall:
    """As Hearing: hands out stand-ins in order."""

    recognizers_alive = 3

    def __init__(self, *pipelines: StandIn) -> None:
        self._pipelines = list(pipelines)

    def open(self, channel, reader, counters) -> StandIn:
        return self._pipelines.pop(0)


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
