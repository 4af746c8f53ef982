"""Which shard a session is heard on, or why none hears it: rings and time both bound a shard."""

from collections.abc import Callable, Sequence

from engine.errors import RefusedError
from engine.shards.leases import LeaseBook
from engine.shards.router import choose
from engine.shards.shard import Shard, ShardState


class Placement:
    """Asks the shards and the book of leases; changes neither."""

    def __init__(self, shards: Callable[[], Sequence[Shard]], leases: LeaseBook) -> None:
        self._shards = shards
        self._leases = leases

    @property
    def has_room(self) -> bool:
        """Whether one more channel would be taken."""
        return any(self._room(shard) for shard in self._usable())

    @property
    def room(self) -> int:
        """Channels that would be taken now, if nothing but them came."""
        return sum(self._room(shard) for shard in self._usable())

    def shard_for(self, conversation_id: str, wanted: int) -> int:
        """The shard to lease so many rings on; RefusedError("capacity") where no shard has room."""
        usable = self._usable()
        room = {shard.index: self._room(shard) for shard in usable}
        used = {shard.index: self._leases.used_rings(shard.index) for shard in usable}
        index = choose(conversation_id, room, used, wanted)
        if index is None:
            raise RefusedError("capacity", self._why_full(usable, wanted))
        return index

    def _usable(self) -> list[Shard]:
        """Shards that hear, or will in a moment."""
        return [shard for shard in self._shards() if shard.state is not ShardState.GIVEN_UP]

    def _room(self, shard: Shard) -> int:
        """Channels that the shard takes now."""
        return min(self._leases.free_rings(shard.index), shard.admission.room(self._leases.used_rings(shard.index)))

    def _why_full(self, usable: list[Shard], wanted: int) -> str:
        if not usable:
            return "no shard has a worker; the log says why"
        if all(self._leases.free_rings(shard.index) < wanted for shard in usable):
            return "no shard has a free ring; raise CUELINE_SHARDS or shards.rings"
        return "no shard has time for another call; raise CUELINE_SHARDS, if there are processors, or shards.max_utilization"
