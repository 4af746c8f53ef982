from collections import defaultdict

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from engine.commands.outbox import Delivery, MemoryOutbox
from tests.support.commands import command

CAPACITY = 3
SINKS = ("log", "hook")


def test_each_sink_gets_a_delivery_in_order():
    outbox = MemoryOutbox(10)
    first, second = command(1, SINKS), command(2, SINKS)
    assert (outbox.put(first), outbox.put(second)) == ((), ())
    assert outbox.pending == 4
    assert [outbox.take("hook"), outbox.take("hook"), outbox.take("hook")] == [
        Delivery(first, "hook"),
        Delivery(second, "hook"),
        None,
    ]
    assert outbox.take("log") == Delivery(first, "log")
    assert outbox.take("elsewhere") is None


def test_a_delivery_is_pending_until_it_is_done():
    outbox = MemoryOutbox(10)
    outbox.put(command(1))
    delivery = outbox.take("out")
    assert delivery is not None
    assert outbox.pending == 1
    outbox.done(delivery, "delivered")
    assert outbox.pending == 0
    with pytest.raises(KeyError):
        outbox.done(delivery, "delivered")


def test_a_full_box_refuses_its_own_sink_only():
    outbox = MemoryOutbox(1)
    assert outbox.put(command(1, ("hook",))) == ()
    assert outbox.put(command(2, SINKS)) == ("hook",)
    assert outbox.take("log") is not None
    assert outbox.pending == 2


def test_what_is_under_way_still_takes_room():
    outbox = MemoryOutbox(1)
    outbox.put(command(1))
    outbox.take("out")
    assert outbox.put(command(2)) == ("out",)


def test_a_pending_command_put_again_adds_nothing():
    outbox = MemoryOutbox(1)
    outbox.put(command(1, ("out", "out")))
    assert outbox.put(command(1)) == ()
    outbox.take("out")
    assert outbox.put(command(1)) == ()
    assert outbox.take("out") is None
    assert outbox.pending == 1


def test_the_listener_is_woken_for_what_waited_before_and_for_what_comes():
    outbox, woken = MemoryOutbox(10), []
    outbox.put(command(1, ("log",)))
    outbox.put(command(2, ("hook",)))
    outbox.take("hook")
    outbox.listen(woken.append)
    assert woken == ["log"]
    outbox.put(command(3, SINKS))
    assert woken == ["log", "log", "hook"]


class Interleavings(RuleBasedStateMachine):
    """Any order of put, take and done: nothing lost, doubled, reordered within a sink, or beyond capacity."""

    under_way = Bundle("under_way")

    def __init__(self) -> None:
        super().__init__()
        self.outbox = MemoryOutbox(CAPACITY)
        self.waiting: dict[str, list[str]] = defaultdict(list)
        self.taken: dict[str, list[str]] = defaultdict(list)

    @rule(number=st.integers(0, 20), sinks=st.sampled_from([("log",), ("hook",), SINKS]))
    def put(self, number, sinks):
        made = command(number, sinks)
        refused = self.outbox.put(made)
        for sink in sinks:
            known = [*self.waiting[sink], *self.taken[sink]]
            full = len(known) == CAPACITY
            assert (sink in refused) == (full and made.idempotency_key not in known)
            if made.idempotency_key not in known and not full:
                self.waiting[sink].append(made.idempotency_key)

    @rule(target=under_way, sink=st.sampled_from(SINKS))
    def take(self, sink):
        delivery = self.outbox.take(sink)
        if not self.waiting[sink]:
            assert delivery is None
            return multiple()
        assert delivery is not None
        assert (delivery.sink, delivery.command.idempotency_key) == (sink, self.waiting[sink].pop(0))
        self.taken[sink].append(delivery.command.idempotency_key)
        return delivery

    @rule(delivery=consumes(under_way), outcome=st.sampled_from(["delivered", "failed", "unknown"]))
    def done(self, delivery, outcome):
        self.outbox.done(delivery, outcome)
        self.taken[delivery.sink].remove(delivery.command.idempotency_key)

    @invariant()
    def pending_counts_what_waits_and_what_is_under_way(self):
        model = sum(len(keys) for boxes in (self.waiting, self.taken) for keys in boxes.values())
        assert self.outbox.pending == model <= CAPACITY * len(SINKS)


TestInterleavings = Interleavings.TestCase
