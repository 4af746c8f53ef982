from collections import Counter
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from engine.shards.router import SLACK, choose, ranked

CONVERSATIONS = st.text(min_size=1, max_size=40)
SHARDS = st.sets(st.integers(0, 255), min_size=1, max_size=16)


def _place(conversations: int, shards: int, rings: int = 100) -> Counter[int]:
    """Lease one ring for each of so many conversations."""
    used: Counter[int] = Counter(dict.fromkeys(range(shards), 0))
    for number in range(conversations):
        free = {shard: rings - used[shard] for shard in range(shards)}
        shard = choose(f"conversation-{number}", free, used, 1)
        assert shard is not None
        used[shard] += 1
    return used


@given(CONVERSATIONS, SHARDS)
def test_every_shard_is_ranked_once_and_the_order_given_does_not_matter(conversation, shards):
    assert sorted(ranked(conversation, shards)) == sorted(shards)
    assert ranked(conversation, sorted(shards)) == ranked(conversation, sorted(shards, reverse=True))


@given(CONVERSATIONS, SHARDS, st.data())
def test_removing_a_shard_moves_only_its_conversations(conversation, shards, data):
    removed = data.draw(st.sampled_from(sorted(shards)))
    before, after = ranked(conversation, shards), ranked(conversation, shards - {removed})
    assert after == [shard for shard in before if shard != removed]


def test_hashing_alone_spreads_conversations_over_all_shards():
    first = Counter(ranked(f"conversation-{number}", range(4))[0] for number in range(4000))
    assert set(first) == set(range(4))
    assert max(first.values()) < 1.15 * 1000  # five standard deviations


def test_without_room_anywhere_there_is_no_shard():
    assert choose("a", {0: 1, 1: 1}, {0: 3, 1: 3}, 2) is None
    assert choose("a", {}, {}, 1) is None


def test_a_shard_without_room_is_passed_over():
    for number in range(50):
        assert choose(f"{number}", {0: 1, 1: 2}, {0: 0, 1: 0}, 2) == 1


def test_the_same_conversation_goes_to_the_same_shard_while_loads_are_equal():
    free, used = dict.fromkeys(range(8), 100), dict.fromkeys(range(8), 0)
    for number in range(50):
        assert choose(f"{number}", free, used, 1) == ranked(f"{number}", range(8))[0]


def test_loads_stay_bounded_at_every_count():
    for shards in (2, 3, 8):
        for conversations in (1, 2, 7, 10, 60, 200):
            used = _place(conversations, shards)
            assert max(used.values()) <= ceil(SLACK * conversations / shards), (shards, conversations)


@given(
    CONVERSATIONS,
    st.dictionaries(st.integers(0, 63), st.integers(0, 64), min_size=1, max_size=16),
    st.integers(1, 2),
)
def test_a_choice_has_room_and_is_within_the_bound_or_the_emptiest(conversation, used, wanted):
    free = {shard: 64 - count for shard, count in used.items()}
    shard = choose(conversation, free, used, wanted)
    with_room = [index for index in used if free[index] >= wanted]
    if shard is None:
        assert not with_room
        return
    assert shard in with_room
    limit = SLACK * (sum(used.values()) + wanted) / len(used)
    assert used[shard] + wanted <= limit or used[shard] == min(used[index] for index in with_room)
