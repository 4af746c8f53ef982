import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from engine.errors import RefusedError
from engine.shards.leases import LeaseBook

BOTH = ("external", "internal")


def test_a_lease_names_its_ring_and_whose_it_is():
    book = LeaseBook(4, range(2))
    first, second = book.take("a", BOTH, 1)
    assert [(lease.shard, lease.ring, lease.conversation_id, lease.channel) for lease in (first, second)] == [
        (1, 0, "a", "external"),
        (1, 1, "a", "internal"),
    ]
    assert (book.free_rings(1), book.used_rings(1), book.free_rings(0), len(book)) == (2, 2, 4, 2)
    assert book.get(first.number) is first
    assert book.on_shard(1) == [first, second]
    assert book.on_shard(0) == []


def test_a_conversation_holds_one_lease_on_any_shard():
    book = LeaseBook(4, range(2))
    book.take("a", ("external",), 0)
    with pytest.raises(RefusedError, match="conversation a is already followed") as refusal:
        book.take("a", ("internal",), 1)
    assert refusal.value.reason == "duplicate"


def test_two_sessions_of_a_conversation_hold_a_lease_each_and_none_holds_two():
    book = LeaseBook(4, range(2))
    (first,) = book.take("a", ("external",), 0, "s1")
    (second,) = book.take("a", ("external",), 0, "s2")
    assert [(lease.conversation_id, lease.key) for lease in (first, second)] == [("a", "s1"), ("a", "s2")]
    with pytest.raises(RefusedError, match="session s1 is already followed") as refusal:
        book.take("a", ("external",), 1, "s1")
    assert refusal.value.reason == "duplicate"
    (alone,) = book.take("a", ("external",), 1)
    assert alone.key == "a"


def test_a_conversation_may_come_back_while_its_old_rings_are_still_heard():
    book = LeaseBook(2, [0])
    (old,) = book.take("a", ("external",), 0)
    book.release(old.number)
    (new,) = book.take("a", ("external",), 0)
    assert (new.ring, old.ring) == (1, 0)


def test_too_few_rings_is_a_refusal_that_takes_nothing():
    book = LeaseBook(1, [0])
    with pytest.raises(RefusedError, match="shard 0 has 1 rings left, 2 wanted") as refusal:
        book.take("a", BOTH, 0)
    assert refusal.value.reason == "capacity"
    assert (book.free_rings(0), len(book)) == (1, 0)


def test_release_is_news_once_and_only_the_end_frees_the_ring():
    book = LeaseBook(1, [0])
    (lease,) = book.take("a", ("external",), 0)
    assert book.release(lease.number) is lease
    assert lease.closing
    assert book.release(lease.number) is None
    assert book.free_rings(0) == 0
    assert book.end(lease.number) is lease
    assert book.end(lease.number) is None
    assert book.release(lease.number) is None
    assert book.get(lease.number) is None
    assert book.free_rings(0) == 1


class Book(RuleBasedStateMachine):
    """Any order of take, release and end: no ring is leased twice, none is lost."""

    numbers: Bundle[int] = Bundle("numbers")

    @initialize(rings=st.integers(1, 5), shards=st.integers(1, 3))
    def begin(self, rings, shards):
        self.rings, self.shards = rings, shards
        self.book = LeaseBook(rings, range(shards))
        self.held = {}  # what must be leased, by number
        self.ever = set()

    @rule(
        target=numbers,
        conversation=st.sampled_from("abcdefgh"),
        channels=st.sampled_from([BOTH, ("external",), ("internal",)]),
        shard=st.integers(0, 2),
    )
    def take(self, conversation, channels, shard):
        shard %= self.shards
        duplicate = any(lease.conversation_id == conversation and not lease.closing for lease in self.held.values())
        full = self.rings - sum(lease.shard == shard for lease in self.held.values()) < len(channels)
        if duplicate or full:
            with pytest.raises(RefusedError) as refusal:
                self.book.take(conversation, channels, shard)
            assert refusal.value.reason == ("duplicate" if duplicate else "capacity")
            return multiple()
        leases = self.book.take(conversation, channels, shard)
        assert tuple(lease.channel for lease in leases) == channels
        assert not self.ever & {lease.number for lease in leases}
        self.ever |= {lease.number for lease in leases}
        self.held |= {lease.number: lease for lease in leases}
        return multiple(*(lease.number for lease in leases))

    @rule(number=numbers)
    def release(self, number):
        news = number in self.held and not self.held[number].closing
        assert (self.book.release(number) is not None) is news

    @rule(number=consumes(numbers))
    def end(self, number):
        assert self.book.end(number) is self.held.pop(number, None)
        assert self.book.end(number) is None

    @invariant()
    def no_ring_is_leased_twice_and_none_is_lost(self):
        rings = [(lease.shard, lease.ring) for lease in self.held.values()]
        assert len(set(rings)) == len(rings) == len(self.book)
        assert all(0 <= ring < self.rings for _, ring in rings)
        for shard in range(self.shards):
            assert self.book.used_rings(shard) == sum(place == shard for place, _ in rings)
            assert self.book.free_rings(shard) + self.book.used_rings(shard) == self.rings
            numbers = [lease.number for lease in self.book.on_shard(shard)]
            assert numbers == sorted(number for number, lease in self.held.items() if lease.shard == shard)


TestBook = Book.TestCase


def test_who_watches_hears_of_every_lease_once():
    class Watcher:
        def __init__(self):
            self.told = []

        def taken(self, lease):
            self.told.append(("taken", lease.key, lease.ring))

        def ended(self, lease):
            self.told.append(("ended", lease.key, lease.ring))

    book = LeaseBook(2, range(1))
    (unseen,) = book.take("a", ("external",), 0)
    book.watcher = watcher = Watcher()
    (lease,) = book.take("b", ("external",), 0)
    with pytest.raises(RefusedError):
        book.take("c", ("external",), 0)
    book.release(lease.number)
    book.end(lease.number)
    book.end(lease.number)
    book.end(unseen.number)
    assert watcher.told == [("taken", "b", 1), ("ended", "b", 1), ("ended", "a", 0)]
