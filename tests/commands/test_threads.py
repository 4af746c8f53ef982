import asyncio
import threading

import pytest

from engine.commands.threads import Threads
from engine.errors import SinkError
from tests.support.waiting import until


async def test_a_call_answers_from_another_thread():
    threads = Threads("py", lambda number: (number * 2, threading.current_thread().daemon), 1)
    assert await threads.call(21) == (42, True)


async def test_a_fault_comes_back_and_frees_the_thread():
    def fail(_: int) -> None:
        raise SinkError("refused by the function", retryable=False)

    threads = Threads("py", fail, 1)
    for _ in range(2):
        with pytest.raises(SinkError, match="refused by the function"):
            await threads.call(0)


async def test_a_hung_call_keeps_its_place_until_it_ends():
    gate = threading.Event()
    threads = Threads("py", lambda _: gate.wait(10), 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await threads.call(0)
    with pytest.raises(SinkError, match="busy") as caught:
        await threads.call(0)
    assert caught.value.retryable
    gate.set()
    await until(lambda: threads._free == 1)
    assert await threads.call(0) is True


def test_a_call_that_outlives_its_loop_harms_nobody():
    gate, ended = threading.Event(), threading.Event()

    def work(_: int) -> None:
        gate.wait(10)
        ended.set()

    async def leave() -> None:
        async with asyncio.timeout(0.02):
            await Threads("py", work, 1).call(0)

    with pytest.raises(TimeoutError):
        asyncio.run(leave())
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "sink-py")
    gate.set()
    thread.join(5)
    assert ended.is_set()
    assert not thread.is_alive()
