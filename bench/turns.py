"""Turns of the supervisor's loop and of a worker, one after another, as many as are asked for.

A worker runs until it is told to stop, and waits in between; here its `select.poll` is a script that lets it do so many
turns, never waits, and then ends `run` from outside. All else is real: arena, doorbell, socket pair, detector, decoder.
"""

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from uvloop import Loop, new_event_loop

from engine.audio.arena import Arena
from engine.audio.ring import RingMemory
from engine.packets import PacketPort, socket_pair
from engine.shards.doorbell import Doorbell
from engine.shards.messages import WORKER_CODEC, OpenRing
from engine.shards.worker import Worker
from engine.speech.hearing import Hearing

RINGS = 50
SLOTS = 256


class _OverError(Exception):
    """The script has no more turns."""


class _Script:
    """As `select.poll()`."""

    def __init__(self, turns: int) -> None:
        self._poll = select.poll()
        self._turns = turns
        self.register = self._poll.register

    def poll(self, _timeout_ms: int) -> list[tuple[int, int]]:
        """What is ready now."""
        if not self._turns:
            raise _OverError
        self._turns -= 1
        return self._poll.poll(0)


class Stage:
    """A supervisor's loop with a doorbell, and a worker with RINGS rings open, in one process."""

    def __init__(self, hearing: Hearing) -> None:
        self.loop: Loop = new_event_loop()
        self.bell = self.loop.run_until_complete(_doorbell())
        self.arena = Arena.create(RINGS, SLOTS)
        ours, theirs = socket_pair()
        self.port = PacketPort(ours, WORKER_CODEC)
        self._theirs = PacketPort(theirs, WORKER_CODEC)
        self._worker = Worker(self._theirs, self.bell.fd, self.arena, hearing)
        for number in range(RINGS):
            self.port.send(OpenRing(number, number, "external"))
            self.work(1)

    def rings(self) -> list[RingMemory]:
        """The memory of all rings."""
        return [self.arena.ring(number) for number in range(RINGS)]

    def supervise(self, turn: Callable[[], object], turns: int = 1) -> None:
        """Run so many turns of the loop, each with one call of `turn`; and one more, so that the last bell rings."""
        in_turns(self.loop, turn, turns)

    def work(self, turns: int = 1) -> None:
        """Let the worker do so many turns of its loop."""
        poll = _Script(turns)  # before the name means the script
        with patch("select.poll", lambda: poll):
            try:
                self._worker.run()
            except _OverError:
                return
        raise AssertionError("the worker ended by itself")

    def told(self) -> bool:
        """Whether the worker has sent anything."""
        return bool(select.select([self.port.fileno()], [], [], 0)[0])

    def close(self) -> None:
        """Close all that was opened."""
        self.bell.close()
        self.port.close()
        self._theirs.close()
        self.arena.close()
        self.loop.close()


def in_turns(loop: Loop, turn: Callable[[], object], turns: int) -> None:
    """As Stage.supervise."""
    left = turns

    def step() -> None:
        nonlocal left
        if not left:
            loop.stop()
            return
        left -= 1
        turn()
        loop.call_soon(step)

    loop.call_soon(step)
    loop.run_forever()


async def _doorbell() -> Doorbell:
    return Doorbell()


@contextmanager
def open_stage(hearing: Hearing) -> Iterator[Stage]:
    """A stage, closed afterwards."""
    stage = Stage(hearing)
    try:
        yield stage
    finally:
        stage.close()
