"""One channel of one conversation on its way into its shard, from one socket to the next.

It knows what was missed between two sockets, and between two lives of the conversation here. A peer that is
ahead of real time (a burst, a recording that is not paced) waits while the ring is nearly full, which TCP makes it feel; a live
one is never made to wait, since its audio would only grow old. No clock: times are monotonic seconds from the caller.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from engine.intake.conversation import AUDIO_BYTES_PER_MS, Conversation
from engine.intake.ports import Feed, Lease
from engine.options import Channel

AHEAD_S = 1.0  # audio that may come before its time without being called a burst
ROOM_TIMEOUT_S = 5.0
ROOM_POLL_S = 0.01


class LeasedChannel:
    """One leased channel; the lease is its owner's to give back."""

    def __init__(self, conversation: Conversation, lease: Lease, channel: Channel) -> None:
        self._conversation = conversation
        self._feed: Feed | None = lease.feed(channel)
        self._first_s: float | None = None  # this socket's first audio
        self._last_s: float | None = None  # any socket's last audio
        self._bytes = 0  # of this socket

    @property
    def heard(self) -> bool:
        """Whether audio has come at all, also in an earlier life."""
        return self._last_s is not None or self._conversation.past is not None

    def leave(self) -> None:
        """Hold the ring's memory no longer; nothing may be pushed any more."""
        self._feed = None

    def begin(self) -> None:
        """A socket is about to be opened: its first audio will end a gap."""
        self._first_s = None
        self._bytes = 0

    def flowing_s(self, now_s: float) -> float:
        """Return for how long this socket has brought audio."""
        return 0.0 if self._first_s is None else now_s - self._first_s

    def push(self, chunk: bytes, now_s: float) -> None:
        """Pass audio on; the first of a socket that followed another is preceded by the gap."""
        assert self._feed is not None  # not left yet
        if self._first_s is None:
            self._first_s = now_s
            self._mark_gap(self._feed, now_s)
        self._last_s = now_s
        self._bytes += len(chunk)
        self._conversation.heard(len(chunk))
        self._feed.push(chunk)

    def crowded(self, now_s: float) -> bool:
        """Whether the ring is nearly full because the peer is ahead of real time."""
        if self._feed is None or self._bytes / AUDIO_BYTES_PER_MS / 1000 - self.flowing_s(now_s) < AHEAD_S:
            return False
        return self._feed.nearly_full

    async def wait_for_room(self, clock: Callable[[], float]) -> None:
        """Wait until the worker has caught up, but not for ever: then what does not fit is lost and counted."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ROOM_TIMEOUT_S):
                while self.crowded(clock()):  # noqa: ASYNC110 (the worker is another process: nothing here could set an event)
                    await asyncio.sleep(ROOM_POLL_S)

    def _mark_gap(self, feed: Feed, now_s: float) -> None:
        if self._last_s is not None:
            gap_ms = round((now_s - self._last_s) * 1000)
            feed.mark_gap(gap_ms)
            self._conversation.missed(gap_ms)
        elif position_ms := self._conversation.audio_begins():
            feed.mark_gap(position_ms)
