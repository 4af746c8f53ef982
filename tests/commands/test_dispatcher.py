import asyncio
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from engine.commands.dispatcher import Dispatcher
from engine.commands.outbox import MemoryOutbox
from engine.errors import SinkError
from engine.metrics import Metrics
from engine.options import LogSink
from tests.support.commands import GateSink, command, until


class Bench:
    """A dispatcher with its sinks, metrics and what it told."""

    def __init__(self, *sinks: GateSink, capacity: int = 100) -> None:
        self.metrics = Metrics()
        self.told: list[tuple[str, str, str]] = []
        self.outbox = MemoryOutbox(capacity)
        self.dispatcher = Dispatcher({sink.options.name: sink for sink in sinks}, self.outbox, self.metrics, self.note)

    def note(self, command, sink, outcome):
        self.told.append((command.idempotency_key, sink, outcome))

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def outcomes(self, sink: str, outcome: str) -> float:
        return self.sample("cueline_commands_total", sink=sink, outcome=outcome) or 0

    async def flushed(self, seconds: float = 5.0) -> int:
        return await self.dispatcher.flush(asyncio.get_running_loop().time() + seconds)


def sink(name: str = "out", concurrency: int = 4, **kinds) -> GateSink:
    return GateSink(LogSink(name=name, concurrency=concurrency), **kinds)


async def test_a_command_reaches_each_of_its_sinks_once():
    log, hook, other = sink("log"), sink("hook"), sink("other")
    bench = Bench(log, hook, other)
    made = command(1, ("log", "hook"))
    bench.dispatcher.offer(made)
    assert await bench.flushed() == 0
    assert (log.got, hook.got, other.got) == ([made.idempotency_key], [made.idempotency_key], [])
    assert sorted(bench.told) == [
        (made.idempotency_key, "hook", "delivered"),
        (made.idempotency_key, "log", "delivered"),
    ]
    assert bench.outcomes("log", "delivered") == bench.outcomes("hook", "delivered") == 1
    assert bench.sample("cueline_outbox_pending") == 0


async def test_spot_latency_is_seen_once_per_command_and_sink_when_it_is_handed_over():
    slow = sink(faults=(SinkError("again", retryable=True),))
    bench = Bench(slow)
    bench.dispatcher.offer(replace(command(), phrase_end_ns=time.monotonic_ns() - 3_000_000_000))
    await bench.flushed()
    assert slow.entered == 2
    assert bench.sample("cueline_spot_latency_seconds_count") == 1
    assert 3 <= bench.sample("cueline_spot_latency_seconds_sum") < 3.15


async def test_a_slow_sink_does_not_delay_another():
    slow, quick = sink("slow", concurrency=1), sink("quick")
    slow.gate.clear()
    bench = Bench(slow, quick)
    for number in range(20):
        bench.dispatcher.offer(command(number, ("slow", "quick")))
    await until(lambda: len(quick.got) == 20)
    assert (slow.got, slow.entered) == ([], 1)
    assert bench.sample("cueline_outbox_pending") == 20
    slow.gate.set()
    assert await bench.flushed() == 0
    assert len(slow.got) == 20


async def test_a_sinks_concurrency_is_used_and_never_passed():
    one = sink(concurrency=3)
    one.gate.clear()
    bench = Bench(one)
    for number in range(10):
        bench.dispatcher.offer(command(number))
    await until(lambda: one.inside == 3)
    one.gate.set()
    await bench.flushed()
    assert one.most_inside == 3
    assert one.got == [command(number).idempotency_key for number in range(10)]


async def test_a_full_outbox_refuses_at_once_and_loudly_and_only_the_sink_that_is_full():
    stuck, quick = sink("stuck", concurrency=1), sink("quick")
    stuck.gate.clear()
    bench = Bench(stuck, quick, capacity=2)
    with capture_logs() as logs:
        for number in range(3):
            bench.dispatcher.offer(command(number, ("stuck", "quick")))
            await until(lambda wanted=number + 1: len(quick.got) == wanted)
    assert bench.outcomes("stuck", "refused") == 1
    assert bench.outcomes("quick", "delivered") == 3
    (line,) = logs
    assert (line["log_level"], line["outcome"], line["sink"]) == ("error", "refused", "stuck")
    assert (command(2).idempotency_key, "stuck", "refused") in bench.told
    await bench.dispatcher.close()


@pytest.mark.parametrize(
    ("idempotent", "fault", "outcome"),
    [
        (True, SinkError("refused", retryable=False), "failed"),
        (False, SinkError("refused", retryable=False), "failed"),
        (True, SinkError("no answer", retryable=False, happened="unknown"), "failed"),
        (False, SinkError("no answer", retryable=False, happened="unknown"), "unknown"),
        (True, ZeroDivisionError("please transfer me now"), "failed"),
        (False, ZeroDivisionError("please transfer me now"), "unknown"),
    ],
)
async def test_every_end_has_its_outcome_and_the_next_delivery_goes_on(idempotent, fault, outcome):
    one = sink(concurrency=1, idempotent=idempotent, faults=(fault,))
    bench = Bench(one)
    with capture_logs() as logs:
        bench.dispatcher.offer(command(1))
        bench.dispatcher.offer(command(2))
        assert await bench.flushed() == 0
    assert [told[2] for told in bench.told] == [outcome, "delivered"]
    assert bench.outcomes("out", outcome) == bench.outcomes("out", "delivered") == 1
    (line,) = logs
    assert line["outcome"] == outcome
    assert "transfer me" not in str(line)


async def test_flush_says_how_many_are_left_at_its_deadline_and_close_cuts_them_off():
    stuck = sink(concurrency=1)
    stuck.gate.clear()
    bench = Bench(stuck)
    for number in range(3):
        bench.dispatcher.offer(command(number))
    await until(lambda: stuck.inside == 1)
    with capture_logs() as logs:
        assert await bench.flushed(0.02) == 3
        await bench.dispatcher.close()
    assert [line["event"] for line in logs] == ["Commands are left undelivered", "Delivery was cut off"]
    assert (logs[0]["deliveries"], logs[0]["under_way"]) == (3, 1)
    assert (stuck.inside, bench.outbox.pending, bench.told) == (0, 3, [])


async def test_flush_waits_for_what_comes_meanwhile():
    one = sink()
    one.gate.clear()
    bench = Bench(one)
    bench.dispatcher.offer(command(1))
    flushing = asyncio.ensure_future(bench.flushed())
    await until(lambda: one.inside == 1)
    bench.dispatcher.offer(command(2))
    one.gate.set()
    assert await flushing == 0
    assert len(one.got) == 2


async def test_after_close_nothing_is_sent():
    one = sink()
    bench = Bench(one)
    await bench.dispatcher.close()
    bench.dispatcher.offer(command(1))
    assert await bench.flushed(0.02) == 1
    assert one.entered == 0


async def test_what_waits_in_the_outbox_from_before_is_delivered():
    one, outbox = sink(), MemoryOutbox(10)
    outbox.put(command(1))
    dispatcher = Dispatcher({"out": one}, outbox, Metrics(), lambda *_: None)
    assert await dispatcher.flush(asyncio.get_running_loop().time() + 5) == 0
    assert one.got == [command(1).idempotency_key]
