"""Which shard a conversation goes to: rendezvous hashing, with bounded loads. Pure.

Every shard has a score for a conversation; the highest wins. Taking a shard away moves only its own conversations. Since
a hash alone gives one of two shards a third more calls than the other now and then, a shard that would be fuller than
SLACK times the average is passed over (where all would, the emptiest is taken); where a conversation went is remembered by its lease, not computed again.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

SLACK = 1.1


def ranked(conversation_id: str, shards: Iterable[int]) -> list[int]:
    """Shards by preference, the best first."""
    return sorted(
        shards, key=lambda shard: blake2b(f"{shard}/{conversation_id}".encode(), digest_size=8).digest(), reverse=True
    )


def choose(
    conversation_id: str, free_rings: Mapping[int, int], used_rings: Mapping[int, int], wanted: int
) -> int | None:
    """The shard to lease `wanted` rings on; None where no shard has room. `free_rings` names the shards that are up."""
    with_room = [shard for shard in ranked(conversation_id, free_rings) if free_rings[shard] >= wanted]
    if not with_room:
        return None
    limit = SLACK * (sum(used_rings[shard] for shard in free_rings) + wanted) / len(free_rings)
    emptiest = min(with_room, key=lambda shard: used_rings[shard])
    return next((shard for shard in with_room if used_rings[shard] + wanted <= limit), emptiest)
