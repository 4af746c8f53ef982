import asyncio
import os

import pytest

from engine.shards.doorbell import Doorbell


def _rung(bell: Doorbell) -> int:
    """How often it was rung since it was asked last."""
    try:
        return os.eventfd_read(bell.fd)
    except BlockingIOError:
        return 0


async def test_many_marks_in_one_turn_ring_once_at_its_end():
    bell = Doorbell()
    for _ in range(100):
        bell.mark()
    assert _rung(bell) == 0
    await asyncio.sleep(0)
    assert _rung(bell) == 1
    bell.mark()
    await asyncio.sleep(0)
    assert _rung(bell) == 1
    bell.close()


async def test_a_worker_that_does_not_answer_stops_nobody():
    bell = Doorbell()
    os.eventfd_write(bell.fd, 2**64 - 2)  # as full as it gets
    bell.mark()
    await asyncio.sleep(0)
    assert _rung(bell) == 2**64 - 2
    bell.close()


async def test_a_mark_before_the_close_never_writes_into_another_file_of_the_same_number():
    bell = Doorbell()
    number = bell.fd
    bell.mark()
    bell.close()
    other = os.eventfd(0, os.EFD_NONBLOCK)
    assert other == number  # the kernel gives the lowest free one
    await asyncio.sleep(0)
    bell.mark()
    await asyncio.sleep(0)
    with pytest.raises(BlockingIOError):
        os.eventfd_read(other)
    os.close(other)
