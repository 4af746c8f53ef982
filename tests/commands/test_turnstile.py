import asyncio

import pytest

from engine.commands import circuit
from engine.commands.turnstile import Turnstile
from engine.errors import SinkError
from tests.support.waiting import until

PASSING = SinkError("passing", retryable=True)
FINAL = SinkError("final", retryable=False)
UNKNOWN = SinkError("no answer", retryable=False, happened="unknown")


class Bench:
    def __init__(self, limit=2):
        self.opened: list[bool] = []
        self.turnstile = Turnstile(limit, self.opened.append, lambda: 0.0)
        self.inside: list[object] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def attempt(self, name, error=None, attempts=0):
        async with self.turnstile.passage(attempts):
            self.inside.append(name)
            await self.gate.wait()
            if error:
                raise error

    async def fails(self, error=PASSING, times=1):
        for _ in range(times):
            with pytest.raises(type(error)):
                await self.attempt("failing", error)


async def test_so_many_at_once_and_the_next_when_one_has_left():
    bench = Bench(limit=2)
    bench.gate.clear()
    tasks = [asyncio.ensure_future(bench.attempt(number)) for number in range(3)]
    await until(lambda: len(bench.inside) == 2)
    await asyncio.sleep(0)
    assert bench.inside == [0, 1]
    bench.gate.set()
    await asyncio.gather(*tasks)
    assert bench.inside == [0, 1, 2]


async def test_whoever_was_tried_least_goes_first():
    bench = Bench(limit=1)
    bench.gate.clear()
    tasks = [asyncio.ensure_future(bench.attempt("first"))]
    await until(lambda: bench.inside)
    for name, attempts in (("old", 3), ("tried", 1), ("fresh", 0), ("fresh too", 0)):
        tasks.append(asyncio.ensure_future(bench.attempt(name, attempts=attempts)))
        await asyncio.sleep(0)
    bench.gate.set()
    await asyncio.gather(*tasks)
    assert bench.inside == ["first", "fresh", "fresh too", "tried", "old"]


async def test_one_that_is_cancelled_while_it_waits_leaves_nothing_behind():
    bench = Bench(limit=1)
    bench.gate.clear()
    first = asyncio.ensure_future(bench.attempt("first"))
    await until(lambda: bench.inside)
    waiting = [asyncio.ensure_future(bench.attempt(number)) for number in range(50)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert bench.turnstile._waiting == []
    bench.gate.set()
    await first
    await bench.attempt("last")
    assert bench.inside == ["first", "last"]


async def test_one_that_is_cancelled_as_it_is_let_in_gives_its_place_back():
    bench = Bench(limit=1)
    async with bench.turnstile.passage(0):
        second = asyncio.ensure_future(bench.attempt("second"))
        await asyncio.sleep(0)
    second.cancel()  # it has its place, and has not woken yet
    await asyncio.gather(second, return_exceptions=True)
    await bench.attempt("third")
    assert bench.inside == ["third"]


async def test_all_that_are_cancelled_at_once_leave_nothing_behind():
    bench = Bench(limit=1)
    bench.gate.clear()
    tasks = [asyncio.ensure_future(bench.attempt(number)) for number in range(5)]
    await until(lambda: bench.inside)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == 5 * [asyncio.CancelledError]
    assert (bench.turnstile._waiting, bench.turnstile._inside, bench.inside) == ([], 0, [0])


@pytest.mark.parametrize("error", [PASSING, UNKNOWN])
async def test_after_failures_in_a_row_one_probe_at_a_time_until_one_succeeds(error, monkeypatch):
    monkeypatch.setattr(circuit, "PAUSE_FIRST_S", 0.05)
    bench = Bench(limit=4)
    await bench.fails(error, circuit.FAILURES)
    assert bench.opened == [True]
    bench.inside.clear()
    bench.gate.clear()
    tasks = [asyncio.ensure_future(bench.attempt(number)) for number in range(3)]
    await until(lambda: bench.inside)
    await asyncio.sleep(0.1)
    assert bench.inside == [0], "the probe is under way"
    bench.gate.set()
    await asyncio.gather(*tasks)
    assert (bench.inside, bench.opened) == ([0, 1, 2], [True, False])


async def test_a_refusal_of_what_was_sent_is_an_answer():
    bench = Bench()
    await bench.fails(PASSING, circuit.FAILURES - 1)
    await bench.fails(FINAL)
    await bench.fails(PASSING, circuit.FAILURES - 1)
    await bench.fails(ZeroDivisionError())
    await bench.fails(PASSING, circuit.FAILURES - 1)
    assert bench.opened == []


async def test_attempts_that_are_cut_off_open_it():
    bench = Bench(limit=circuit.FAILURES)
    bench.gate.clear()
    tasks = [asyncio.ensure_future(bench.attempt(number)) for number in range(circuit.FAILURES)]
    await until(lambda: len(bench.inside) == circuit.FAILURES)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert bench.opened == [True]


async def test_what_the_receiver_asks_for_is_waited_for():
    bench, clock = Bench(), asyncio.get_running_loop().time
    await bench.fails(PASSING, circuit.FAILURES - 1)
    await bench.fails(SinkError("later", retryable=True, retry_after_s=0.8))
    begun = clock()
    await bench.attempt("probe")
    assert clock() - begun >= 0.79
