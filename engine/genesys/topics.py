"""Queues and users become topics, and topics are shared out to channels. Pure.

The platform gives a channel 1,000 topics and an application 20 channels, of which one is kept free: a channel is replaced by
opening the next before the first is closed. A topic stays in the channel in which it is; new ones fill gaps.
"""

from collections.abc import Iterable, Sequence

TOPICS_PER_CHANNEL = 1000
CHANNELS = 20
CHANNELS_USED = CHANNELS - 1
MAX_TOPICS = CHANNELS_USED * TOPICS_PER_CHANNEL


def topics_of(queues: Iterable[str], users: Iterable[str]) -> tuple[str, ...]:
    """The topics of voice calls of these queues and users, each once."""
    named = (
        *(f"v2.routing.queues.{queue}.conversations.calls" for queue in queues),
        *(f"v2.users.{user}.conversations.calls" for user in users),
    )
    return tuple(dict.fromkeys(named))


class Shares:
    """Which channel has which topics. Channels are numbered from 0."""

    def __init__(self, per_channel: int = TOPICS_PER_CHANNEL, channels: int = CHANNELS_USED) -> None:
        self._per_channel = per_channel
        self._channels = channels
        self._shares: list[dict[str, None]] = []
        self.left_over = 0  # topics for which there is no channel, of the last `hold`

    @property
    def all(self) -> Sequence[tuple[str, ...]]:
        """Each channel's topics."""
        return [tuple(share) for share in self._shares]

    def hold(self, topics: Sequence[str]) -> frozenset[int]:
        """Hold exactly these; return the channels whose topics have changed. What finds no room is counted."""
        wanted = dict.fromkeys(topics)
        changed = {number for number, share in enumerate(self._shares) if share.keys() - wanted.keys()}
        for share in self._shares:
            for topic in share.keys() - wanted.keys():
                del share[topic]
        held = {topic for share in self._shares for topic in share}
        self.left_over = 0
        for topic in [topic for topic in wanted if topic not in held]:
            number = self._room()
            if number is None:
                self.left_over += 1
            else:
                self._shares[number][topic] = None
                changed.add(number)
        return frozenset(changed)

    def _room(self) -> int | None:
        """The first channel with room, made where all are full; None where no more may be made."""
        for number, share in enumerate(self._shares):
            if len(share) < self._per_channel:
                return number
        if len(self._shares) == self._channels:
            return None
        self._shares.append({})
        return len(self._shares) - 1
