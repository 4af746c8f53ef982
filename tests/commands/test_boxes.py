from collections import defaultdict

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from engine.commands.boxes import Boxes, Delivery
from tests.support.commands import command

CAPACITY = 3
SINKS = ("log", "hook")


def delivery(number: int, sink: str = "out", since: float = 0.0) -> Delivery:
    return Delivery(command(number), sink, since, since + 60)


def test_what_is_held_can_be_taken_once_it_is_released():
    boxes, one = Boxes(10), delivery(1)
    assert boxes.hold(one)
    assert boxes.take("out") is None
    boxes.release(one)
    assert boxes.untaken(one)
    assert boxes.take("out") is one
    assert not boxes.untaken(one)
    assert (boxes.take("out"), boxes.take("elsewhere"), len(boxes)) == (None, None, 1)
    assert boxes.find(one.key, "out") is one
    boxes.drop(one)
    assert (len(boxes), boxes.find(one.key, "out"), boxes.find(one.key, "elsewhere")) == (0, None, None)
    with pytest.raises(KeyError):
        boxes.drop(one)


def test_a_full_box_refuses_its_own_sink_only_and_not_what_must_be():
    boxes = Boxes(1)
    assert boxes.hold(delivery(1, "hook"))
    assert not boxes.hold(delivery(2, "hook"))
    assert boxes.hold(delivery(2, "log"))
    assert boxes.hold(delivery(3, "hook"), forced=True)
    assert len(boxes) == 3


def test_it_knows_who_may_be_woken_and_since_when_the_oldest_is_there():
    boxes, first, second = Boxes(10), delivery(1, "log", since=5), delivery(2, "hook", since=3)
    assert boxes.oldest() is None
    boxes.hold(first)
    boxes.hold(second)
    boxes.release(first)
    assert list(boxes.ready_sinks()) == ["log"]
    assert boxes.oldest() == 3
    boxes.drop(second)
    assert boxes.oldest() == 5
    boxes.drop(first)
    assert (boxes.oldest(), list(boxes.ready_sinks())) == (None, [])


class Interleavings(RuleBasedStateMachine):
    """Any order of hold, release, take and drop: nothing lost, doubled, reordered within a sink, or beyond capacity."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.boxes = Boxes(CAPACITY)
        self.model: dict[str, list[str]] = defaultdict(list)
        self.ready: dict[str, list[str]] = defaultdict(list)
        self.number = 0

    @rule(target=held, sink=st.sampled_from(SINKS))
    def hold(self, sink):
        self.number += 1
        made = delivery(self.number, sink)
        full = len(self.model[sink]) == CAPACITY
        assert self.boxes.hold(made) == (not full)
        if full:
            return multiple()
        self.model[sink].append(made.key)
        return made

    @rule(made=held)
    def release(self, made):
        if self.boxes.find(made.key, made.sink) and made.attempts == 0:
            made.attempts = 1  # released: once only
            self.boxes.release(made)
            self.ready[made.sink].append(made.key)

    @rule(sink=st.sampled_from(SINKS))
    def take(self, sink):
        taken = self.boxes.take(sink)
        assert (taken.key if taken else None) == (self.ready[sink].pop(0) if self.ready[sink] else None)

    @rule(made=consumes(held))
    def drop(self, made):
        self.boxes.drop(made)
        self.model[made.sink].remove(made.key)
        if made.key in self.ready[made.sink]:
            self.ready[made.sink].remove(made.key)

    @invariant()
    def the_length_is_what_is_held(self):
        assert len(self.boxes) == sum(map(len, self.model.values())) <= CAPACITY * len(SINKS)


TestInterleavings = Interleavings.TestCase
