import asyncio

import pytest

from engine.commands import attempts
from engine.errors import SinkError
from engine.options import LogSink
from tests.support.commands import GateSink, Noted, attempted, command
from tests.support.waiting import until


def passing(retry_after_s: float | None = None) -> SinkError:
    return SinkError("passing", retryable=True, retry_after_s=retry_after_s)


def options(timeout_s: float = 5.0, deadline_s: float = 60.0) -> LogSink:
    return LogSink(name="out", timeout_s=timeout_s, deadline_s=deadline_s)


async def elapsed_s(sink: GateSink) -> float:
    clock = asyncio.get_running_loop().time
    start = clock()
    with pytest.raises(SinkError):
        await attempted(sink, command())
    return clock() - start


async def test_a_passing_fault_is_tried_again_until_it_passes():
    sink, noted = GateSink(faults=(passing(), passing())), Noted()
    await attempted(sink, command(7), noted)
    assert noted.told == ["1 passing", "2 passing"]
    assert sink.entered == 3
    assert sink.got == [command(7).idempotency_key]
    assert [name for name, _ in noted.tooks] == ["out"] * 3
    assert all(0 <= seconds < 5 for _, seconds in noted.tooks)


async def test_a_final_fault_ends_it_at_once():
    final = SinkError("final", retryable=False)
    sink = GateSink(faults=(final,))
    with pytest.raises(SinkError) as caught:
        await attempted(sink, command())
    assert caught.value is final
    assert sink.entered == 1


async def test_the_deadline_ends_it_in_a_pause_with_the_last_fault():
    sink = GateSink(options(deadline_s=0.1), faults=(passing(),))
    with pytest.raises(SinkError, match="passing") as caught:
        await attempted(sink, command())
    assert caught.value.happened == "no"
    assert sink.entered == 1


@pytest.mark.parametrize("idempotent", [True, False])
async def test_the_deadline_ends_it_in_an_attempt_as_unknown(idempotent):
    sink = GateSink(options(deadline_s=0.05), idempotent=idempotent)
    sink.gate.clear()
    with pytest.raises(SinkError, match="no answer in time") as caught:
        await attempted(sink, command())
    assert caught.value.happened == "unknown"
    assert (sink.entered, sink.inside) == (1, 0)


async def test_an_attempt_without_an_answer_is_repeated_when_that_does_no_harm():
    sink = GateSink(options(timeout_s=0.02))
    sink.gate.clear()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(attempted(sink, command()))
        await until(lambda: sink.entered == 2)
        sink.gate.set()
    assert len(sink.got) == 1


async def test_an_attempt_without_an_answer_is_never_repeated_when_it_may():
    sink = GateSink(options(timeout_s=0.02), idempotent=False)
    sink.gate.clear()
    with pytest.raises(SinkError, match="sink out: no answer in time") as caught:
        await attempted(sink, command())
    assert caught.value.happened == "unknown"
    assert sink.entered == 1


async def test_what_the_receiver_asks_for_wins_over_the_back_off():
    clock = asyncio.get_running_loop().time
    start = clock()
    await attempted(GateSink(faults=(passing(retry_after_s=1.0),)), command())
    assert 1.0 <= clock() - start < 1.5


async def test_a_receiver_that_asks_for_no_pause_gets_the_shortest_one():
    clock = asyncio.get_running_loop().time
    start = clock()
    await attempted(GateSink(faults=(passing(retry_after_s=0.0),)), command())
    assert clock() - start >= attempts.WAIT_FIRST_S


async def test_a_pause_past_the_deadline_is_not_waited_for():
    assert await elapsed_s(GateSink(options(deadline_s=30), faults=(passing(retry_after_s=31),))) < 1


@pytest.mark.parametrize("deadline_s", [0, -5])
async def test_after_its_deadline_nothing_is_tried(deadline_s):
    sink = GateSink()
    with pytest.raises(SinkError, match="could not be tried in time") as caught:
        await attempted(sink, command(), deadline_s=deadline_s)
    assert (caught.value.retryable, caught.value.happened, sink.entered) == (True, "no", 0)


async def test_what_may_not_begin_is_not_tried():
    class Never(Noted):
        async def begins(self, delivery):
            raise SinkError("never", retryable=False)

    sink = GateSink()
    with pytest.raises(SinkError, match="never"):
        await attempted(sink, command(), Never())
    assert sink.entered == 0


async def test_what_begins_too_late_is_not_tried():
    class Slow(Noted):
        async def begins(self, delivery):
            delivery.deadline = asyncio.get_running_loop().time()

    sink = GateSink()
    with pytest.raises(SinkError, match="could not be tried in time"):
        await attempted(sink, command(), Slow())
    assert sink.entered == 0


async def test_a_defect_passes_through_at_once():
    sink = GateSink(faults=(ZeroDivisionError(),))
    with pytest.raises(ZeroDivisionError):
        await attempted(sink, command())
    assert sink.entered == 1


@pytest.mark.parametrize("faults", [(), (passing(),)])
async def test_cancelling_stops_it_in_an_attempt_and_in_a_pause(faults):
    sink = GateSink(faults=faults)
    if not faults:
        sink.gate.clear()
    task = asyncio.ensure_future(attempted(sink, command()))
    await until(lambda: sink.entered == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sink.entered == 1
