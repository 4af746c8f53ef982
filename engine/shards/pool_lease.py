"""A lease as intake sees it: the ways in, the giving back, and whether all that was pushed was heard."""

import asyncio
from collections.abc import Callable, Mapping

from engine.options import Channel
from engine.shards.feed import RingFeed


class PoolLease:
    """The rings of one session; the pool tells it of their ends."""

    def __init__(self, feeds: Mapping[Channel, RingFeed], release: Callable[[], None]) -> None:
        self._feeds = feeds
        self._release = release
        self._unheard = set(feeds)
        self._whole = True
        self._over = asyncio.Event()
        self.phrases = 0  # spotted, repeats left out; the pool counts them

    def feed(self, channel: Channel) -> RingFeed:
        """The way in for one channel."""
        return self._feeds[channel]

    def release(self) -> None:
        """No more audio: the worker hears what is there, then the rings are free."""
        for feed in self._feeds.values():
            feed.close()
        self._release()

    async def heard(self, timeout_s: float) -> bool:
        """Wait, after `release`, until every ring was heard to its end, and all of it has been told.

        False where that took longer than `timeout_s`, or where a channel failed and will not be heard.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._over.wait()
        except TimeoutError:
            return False
        return self._whole

    def ended(self, channel: Channel, *, whole: bool) -> None:
        """The pool's word: nobody hears this channel any more; `whole` where it was heard to its end."""
        self._unheard.discard(channel)
        self._whole &= whole
        if not self._unheard:
            self._over.set()
