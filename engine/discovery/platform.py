"""What the follower needs of the platform; the platform client has it."""

from typing import Protocol

from engine.genesys.notification_messages import ChannelOpened, LiveFound, QueuesListed


class NotificationsPlatform(Protocol):
    """Requests about notifications; all raise PlatformError only."""

    async def open_channel(self) -> ChannelOpened:
        """Make a channel."""
        ...

    async def subscribe(self, channel_id: str, topics: tuple[str, ...]) -> tuple[str, ...]:
        """Let it have exactly these topics; return those that were refused."""
        ...

    async def live_calls(
        self, since: str, until: str, page: int, queues: tuple[str, ...] = (), users: tuple[str, ...] = ()
    ) -> LiveFound:
        """One page of live voice calls, from 1."""
        ...

    async def queues(self, page: int) -> QueuesListed:
        """One page of the queues that the client may see, from 1."""
        ...
