import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from engine.commands.dispatcher import Dispatcher
from engine.commands.outbox import Outbox
from engine.errors import SinkError
from engine.metrics import Metrics
from engine.options import LogSink
from tests.support.commands import GateSink, command, deliveries, hindered, opened_outbox, states
from tests.support.waiting import until


class Bench:
    """A dispatcher with its sinks, outbox, metrics and what it told."""

    def __init__(self, folder, outbox: Outbox, sinks: dict[str, GateSink], effects=None) -> None:
        self.metrics = Metrics()
        self.told: list[tuple[str, str, str]] = []
        self.folder = folder
        self.outbox = outbox
        self.handed: list[tuple[str, str, float]] = []
        self.traced: list[tuple[str, str, int]] = []
        self.dispatcher = Dispatcher(
            sinks, outbox, self.metrics, self.note, self.note_handed, trace=self.trace, effects=effects
        )

    def note(self, command, sink, outcome):
        self.told.append((command.idempotency_key, sink, outcome))

    def note_handed(self, command, sink, latency_s):
        self.handed.append((command.idempotency_key, sink, latency_s))

    def trace(self, _, sink, outcome, attempts):
        self.traced.append((sink, outcome, attempts))

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def outcomes(self, sink: str, outcome: str) -> float:
        return self.sample("cueline_commands_total", sink=sink, outcome=outcome) or 0

    async def flushed(self, seconds: float = 5.0) -> int:
        return await self.dispatcher.flush(asyncio.get_running_loop().time() + seconds)


@pytest.fixture
async def bench_of(tmp_path):
    """Makes benches, and ends them."""
    async with AsyncExitStack() as stack:

        async def make(*sinks: GateSink, effects=None, **options) -> Bench:
            outbox = await stack.enter_async_context(opened_outbox(tmp_path, *sinks, **options))
            bench = Bench(tmp_path, outbox, {sink.options.name: sink for sink in sinks}, effects)
            stack.push_async_callback(bench.dispatcher.close)
            return bench

        yield make


def sink(name: str = "out", concurrency: int = 4, deadline_s: float = 60.0, **kinds) -> GateSink:
    return GateSink(LogSink(name=name, concurrency=concurrency, deadline_s=deadline_s), **kinds)


async def test_a_command_reaches_each_of_its_sinks_once(bench_of):
    log, hook, other = sink("log"), sink("hook"), sink("other")
    bench = await bench_of(log, hook, other)
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


async def test_spot_latency_is_seen_once_per_command_and_sink_when_it_is_handed_over(bench_of):
    slow = sink(faults=(SinkError("again", retryable=True),))
    bench = await bench_of(slow)
    bench.dispatcher.offer(replace(command(), phrase_end_ns=time.monotonic_ns() - 3_000_000_000))
    await bench.flushed()
    assert slow.entered == 2
    assert bench.sample("cueline_spot_latency_seconds_count") == 1
    assert 3 <= bench.sample("cueline_spot_latency_seconds_sum") < 3.15
    ((key, name, latency_s),) = bench.handed
    assert (key, name) == (command().idempotency_key, "out")
    assert latency_s == bench.sample("cueline_spot_latency_seconds_sum")


async def test_a_slow_sink_does_not_delay_another(bench_of):
    slow, quick = sink("slow", concurrency=1), sink("quick")
    slow.gate.clear()
    bench = await bench_of(slow, quick)
    for number in range(20):
        bench.dispatcher.offer(command(number, ("slow", "quick")))
    await until(lambda: len(quick.got) == 20)
    assert (slow.got, slow.entered) == ([], 1)
    assert bench.sample("cueline_outbox_pending") == 20
    slow.gate.set()
    assert await bench.flushed() == 0
    assert len(slow.got) == 20


async def test_a_sinks_concurrency_is_used_and_never_passed(bench_of):
    one = sink(concurrency=3)
    one.gate.clear()
    bench = await bench_of(one)
    for number in range(10):
        bench.dispatcher.offer(command(number))
    await until(lambda: one.inside == 3)
    one.gate.set()
    await bench.flushed()
    assert one.most_inside == 3
    assert one.got == [command(number).idempotency_key for number in range(10)]


async def test_a_full_outbox_refuses_at_once_and_loudly_and_only_the_sink_that_is_full(bench_of):
    stuck, quick = sink("stuck", concurrency=1), sink("quick")
    stuck.gate.clear()
    bench = await bench_of(stuck, quick, capacity=2)
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
async def test_every_end_has_its_outcome_and_the_next_delivery_goes_on(bench_of, idempotent, fault, outcome):
    one = sink(concurrency=1, idempotent=idempotent, faults=(fault,))
    bench = await bench_of(one)
    with capture_logs() as logs:
        bench.dispatcher.offer(command(1))
        bench.dispatcher.offer(command(2))
        assert await bench.flushed() == 0
    assert [told[2] for told in bench.told] == [outcome, "delivered"]
    assert bench.outcomes("out", outcome) == bench.outcomes("out", "delivered") == 1
    (line,) = logs
    assert line["outcome"] == outcome
    assert "transfer me" not in str(line)


async def test_flush_says_how_many_are_left_at_its_deadline_and_close_cuts_them_off(bench_of):
    stuck = sink(concurrency=1)
    stuck.gate.clear()
    bench = await bench_of(stuck)
    for number in range(3):
        bench.dispatcher.offer(command(number))
    await until(lambda: stuck.inside == 1)
    with capture_logs() as logs:
        assert await bench.flushed(0.02) == 3
        await bench.dispatcher.close()
    assert [line["event"] for line in logs] == ["Commands wait for the next start", *3 * ["Delivery was cut off"]]
    assert (logs[0]["deliveries"], logs[0]["under_way"]) == (3, 3)
    assert (stuck.inside, bench.outbox.pending, bench.told) == (0, 3, [])


async def test_flush_promises_nothing_while_the_state_cannot_be_written(bench_of, monkeypatch):
    stuck = sink(concurrency=1)
    stuck.gate.clear()
    bench = await bench_of(stuck)
    bench.dispatcher.offer(command(1))
    await until(lambda: stuck.inside == 1)
    monkeypatch.setattr(type(bench.outbox), "trouble", "disk full")
    with capture_logs() as logs:
        assert await bench.flushed(0.02) == 1
    (line,) = logs
    assert (line["event"].split(":")[0], line["fault"]) == ("The state can't be written", "disk full")
    stuck.gate.set()


async def test_flush_waits_for_what_comes_meanwhile(bench_of):
    one = sink()
    one.gate.clear()
    bench = await bench_of(one)
    bench.dispatcher.offer(command(1))
    flushing = asyncio.ensure_future(bench.flushed())
    await until(lambda: one.inside == 1)
    bench.dispatcher.offer(command(2))
    one.gate.set()
    assert await flushing == 0
    assert len(one.got) == 2


async def test_after_close_nothing_is_sent(bench_of):
    one = sink()
    bench = await bench_of(one)
    await bench.dispatcher.close()
    bench.dispatcher.offer(command(1))
    assert await bench.flushed(0.02) == 1
    assert one.entered == 0


async def test_what_an_earlier_run_left_is_delivered(tmp_path, bench_of):
    async with opened_outbox(tmp_path, sink()) as before:
        before.put(command(1))
    one = sink()
    with capture_logs() as logs:
        bench = await bench_of(one)
        assert await bench.flushed() == 0
    assert one.got == [command(1).idempotency_key]
    assert bench.outcomes("out", "delivered") == 1
    assert bench.sample("cueline_spot_latency_seconds_count") == 0, "that clock ended with its process"
    assert [(line["event"], line["deliveries"]) for line in logs] == [
        ("Commands of an earlier run are delivered now", 1)
    ]


async def test_what_an_earlier_run_cannot_have_done_twice_is_told_at_the_start(tmp_path, bench_of):
    """One was being sent, one waited for too long, one has no sink any more."""
    one, gone = sink(idempotent=False), sink("gone")
    async with opened_outbox(tmp_path, one, gone, wall=lambda: time.time() - 3600) as before:
        for number, sinks in ((1, ("out",)), (2, ("out",)), (3, ("gone",))):
            before.put(command(number, sinks))
        await until(lambda: len(list(before._boxes.ready_sinks())) == 2)
        await before.begins(before.take("out"))
    with capture_logs() as logs:
        bench = await bench_of(one)
        assert await bench.flushed() == 0
    assert one.entered == 0
    assert bench.told == [(command(1).idempotency_key, "out", "unknown"), (command(2).idempotency_key, "out", "failed")]
    assert (bench.outcomes("out", "unknown"), bench.outcomes("out", "failed")) == (1, 1)
    assert [(line["log_level"], line["sink"], line["outcome"]) for line in logs] == [
        ("error", "out", "unknown"),
        ("error", "out", "failed"),
        ("error", "gone", "failed"),
    ]
    assert bench.sample("cueline_commands_total", sink="gone", outcome="failed") is None
    await until(lambda: bench.sample("cueline_outbox_dead") == 3)
    assert states(tmp_path) == ["unknown", "expired", "failed"]


@pytest.mark.parametrize("idempotent", [True, False])
async def test_nothing_is_sent_before_it_is_on_the_disk(bench_of, idempotent):
    one = sink(idempotent=idempotent)
    bench = await bench_of(one)
    with hindered(bench.outbox.state, bench.folder):
        bench.dispatcher.offer(command(1))
        await until(lambda: bench.outbox.state.trouble)
        assert (one.entered, bench.sample("cueline_outbox_pending")) == (0, 1)
        assert bench.sample("cueline_outbox_oldest_seconds") > 0
    assert await bench.flushed() == 0
    assert (one.got, bench.sample("cueline_outbox_oldest_seconds")) == ([command(1).idempotency_key], 0)


@pytest.mark.parametrize("idempotent", [True, False])
async def test_what_must_not_be_had_twice_does_not_begin_before_that_is_on_the_disk(bench_of, idempotent):
    one = sink(concurrency=1, idempotent=idempotent)
    one.gate.clear()
    bench = await bench_of(one)
    for number in (1, 2):
        bench.dispatcher.offer(command(number))
    await until(lambda: one.entered == 1 and len(states(bench.folder)) == 2)
    assert states(bench.folder) == ["waiting" if idempotent else "sending", "waiting"]
    with hindered(bench.outbox.state, bench.folder):
        one.gate.set()
        await until(lambda: bench.outbox.state.trouble)
        assert one.entered == (2 if idempotent else 1)
    assert await bench.flushed() == 0
    assert one.entered == 2


async def test_while_the_disk_takes_nothing_commands_wait_as_far_as_there_is_room(bench_of):
    """And not for ever: what must come in time expires, the rest has its whole time when the disk is back."""
    late, prompt = sink("late", deadline_s=0.2), sink("prompt", deadline_s=0.2, idempotent=False)
    bench = await bench_of(late, prompt, capacity=2)
    with hindered(bench.outbox.state, bench.folder):
        for number in range(3):
            bench.dispatcher.offer(command(number, ("late", "prompt")))
        await until(lambda: bench.sample("cueline_outbox_oldest_seconds") > 0.3)
        assert bench.told == [(command(2).idempotency_key, name, "refused") for name in ("late", "prompt")]
    assert await bench.flushed() == 0
    assert (len(late.got), prompt.entered) == (2, 0)
    assert bench.outcomes("late", "delivered") == bench.outcomes("prompt", "failed") == 2
    await until(lambda: states(bench.folder) == ["delivered", "expired"] * 2)


async def test_the_file_says_how_each_delivery_ended(bench_of):
    faults = {
        "final": SinkError("status 400", retryable=False),
        "lost": SinkError("cut", retryable=False, happened="unknown"),
    }
    well, passing = sink("well"), sink("passing", faults=(SinkError("status 500", retryable=True),))
    final, lost = sink("final", faults=(faults["final"],)), sink("lost", idempotent=False, faults=(faults["lost"],))
    dead = sink("dead", deadline_s=0.1, faults=(SinkError("status 503", retryable=True),))
    sinks = (well, passing, final, lost, dead)
    bench = await bench_of(*sinks)
    bench.dispatcher.offer(command(1, tuple(sink.options.name for sink in sinks)))
    assert await bench.flushed() == 0
    wanted = {
        "well": ("delivered", 1, ""),
        "passing": ("delivered", 2, ""),
        "final": ("failed", 1, "status 400"),
        "lost": ("unknown", 1, "cut"),
        "dead": ("expired", 1, "status 503"),
    }
    key = command(1).idempotency_key
    await until(lambda: deliveries(bench.folder) == {(key, name): found for name, found in wanted.items()})
    await until(lambda: bench.sample("cueline_outbox_dead") == 3)


async def test_between_attempts_the_file_has_the_last_fault(bench_of):
    one = sink(idempotent=False, faults=(SinkError("status 429", retryable=True, retry_after_s=30),))
    bench = await bench_of(one)
    bench.dispatcher.offer(command(1))
    await until(lambda: [*deliveries(bench.folder).values()] == [("waiting", 1, "status 429")])


async def test_a_dead_sink_delays_no_other_and_is_only_probed(bench_of):
    dead, well = sink("dead", faults=(SinkError("status 503", retryable=True),) * 1000), sink("well")
    bench = await bench_of(dead, well)
    assert bench.sample("cueline_sink_circuit_open", sink="dead") == 0
    assert bench.dispatcher.failing == set()
    with capture_logs() as logs:
        for number in range(50):
            bench.dispatcher.offer(command(number, ("dead", "well")))
        await until(lambda: len(well.got) == 50 and bench.sample("cueline_sink_circuit_open", sink="dead") == 1)
    assert dead.entered <= 10
    assert bench.sample("cueline_sink_circuit_open", sink="well") == 0
    assert bench.dispatcher.failing == {"dead"}
    assert [line["sink"] for line in logs if line["event"] == "Sink fails and is only probed now"] == ["dead"]
    dead._faults.clear()
    assert await bench.flushed(20) == 0
    assert (bench.outcomes("dead", "delivered"), bench.sample("cueline_sink_circuit_open", sink="dead")) == (50, 0)
    assert bench.dispatcher.failing == set()


async def test_commands_that_always_fail_hold_up_no_other_of_their_sink(bench_of):
    """Three that get 500s for ever, with room for one attempt at a time: the fourth does not wait for their pauses."""

    class Picky(GateSink):
        async def deliver(self, command):
            await super().deliver(command)
            if command.utterance_start_ms < 3:
                raise SinkError("status 500", retryable=True, retry_after_s=30)

    one = Picky(LogSink(name="out", concurrency=1))
    bench = await bench_of(one)
    for number in range(5):
        bench.dispatcher.offer(command(number))
    await until(lambda: len(bench.told) == 2)
    assert bench.told == [(command(number).idempotency_key, "out", "delivered") for number in (3, 4)]


async def test_no_more_are_in_hand_than_may_be(bench_of, monkeypatch):
    monkeypatch.setattr("engine.commands.dispatcher.IN_HAND", 3)
    one = sink(concurrency=1, faults=(SinkError("status 500", retryable=True, retry_after_s=30),) * 3)
    bench = await bench_of(one)
    for number in range(5):
        bench.dispatcher.offer(command(number))
    await until(lambda: one.entered == 3)
    assert (len(bench.dispatcher._workers), bench.outbox.pending) == (3, 5)


async def test_a_key_that_the_file_knows_adds_nothing(bench_of):
    one = sink()
    bench = await bench_of(one)
    bench.dispatcher.offer(command(1))
    bench.dispatcher.offer(command(1))
    assert await bench.flushed() == 0
    bench.dispatcher.offer(command(1))
    assert await bench.flushed() == 0
    assert (len(one.got), len(bench.told), states(bench.folder)) == (1, 1, ["delivered"])


async def test_each_end_is_traced_with_its_attempts(bench_of):
    well = sink("well")
    broken = sink("broken", faults=(SinkError("no", retryable=False),))
    again = sink("again", faults=(SinkError("later", retryable=True),))
    bench = await bench_of(well, broken, again)
    bench.dispatcher.offer(command(1, ("well", "broken", "again")))
    assert await bench.flushed() == 0
    assert sorted(bench.traced) == [("again", "delivered", 2), ("broken", "failed", 1), ("well", "delivered", 1)]


class Elsewhere:
    """A fleet's word: which commands are ours, and what is said to claims."""

    def __init__(self, *, ours: bool = True, claimed: bool | None = True) -> None:
        self._ours = ours
        self._claimed = claimed
        self.asked = 0

    def ours(self, _):
        return self._ours

    async def claim(self, _):
        self.asked += 1
        if self._claimed is None:
            await asyncio.Event().wait()
        return self._claimed


async def test_what_is_another_nodes_is_never_noted(bench_of):
    bench = await bench_of(GateSink(LogSink(name="a")), effects=Elsewhere(ours=False))
    bench.dispatcher.offer(command(1, ("a",)))
    assert bench.told == [(command(1).idempotency_key, "a", "elsewhere")]
    assert bench.outcomes("a", "elsewhere") == 1
    assert bench.outbox.pending == 0


async def test_what_another_node_has_done_is_discarded_and_told_apart(bench_of):
    sink, effects = GateSink(LogSink(name="a")), Elsewhere(claimed=False)
    bench = await bench_of(sink, effects=effects)
    bench.dispatcher.offer(command(1, ("a",)))
    assert await bench.flushed() == 0
    assert (bench.told, effects.asked) == ([(command(1).idempotency_key, "a", "elsewhere")], 1)
    await until(lambda: states(bench.folder) == ["discarded"])


async def test_whose_it_is_must_be_known_before_the_deadline(bench_of):
    sink = GateSink(LogSink(name="a", deadline_s=0.05))
    bench = await bench_of(sink, effects=Elsewhere(claimed=None))
    bench.dispatcher.offer(command(1, ("a",)))
    assert await bench.flushed() == 0
    assert bench.told == [(command(1).idempotency_key, "a", "failed")]
