"""The set of followed conversations: who is in it, one task for each, and how they leave.

A conversation is taken with its lease, or refused at once; it holds the lease until it has left, whatever happens. What we
follow is on record (`followed.py`) until it has left; what only a stop cut off stays there, for the next engine. What a peer has
opened is not, for the peer comes back by itself; it is known by its session, of which a conversation may have several. Nor is what
a fleet shares: that remembers it. The registry owns the tasks: `drain` ends them all. A conversation's unexpected exception is
contained here, logged and counted, and the others go on. Those that left stay in the list, the latest KEPT of them, and may be
added again. One event loop, no locks.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog

from engine.errors import RefusedError
from engine.intake.clocks import moment_now
from engine.intake.conversation import Conversation, ConversationInfo, EndReason, OnChange, Share
from engine.intake.followed import Followed, Known
from engine.intake.leaving import SENTENCES, Farewells, name_reasons
from engine.intake.ports import Lease, Opening, Shards
from engine.metrics import Metrics
from engine.open_files import OpenFiles
from engine.options import Channel

KEPT = 1000  # conversations that left and are still listed
CLOSE_TIMEOUT_S = 5.0  # for what a cancelled conversation still has to do
CHANNELS: tuple[Channel, ...] = ("external",)  # that a socket of ours carries
CONVERSATION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

NO_CREDENTIALS = (
    "conversations can't be followed by their id without credentials: set GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET"
)

Follow = Callable[[Conversation, Lease], Coroutine[Any, Any, None]]

log = structlog.get_logger(__name__)


class Conversations:
    """Followed conversations by key. `follow` follows one of ours to its end on its lease; None where we can ask for none."""

    def __init__(
        self,
        follow: Follow | None,
        shards: Shards,
        followed: Followed,
        metrics: Metrics,
        on_change: OnChange,
        *,
        files: OpenFiles = OpenFiles(),  # noqa: B008 (frozen)
        close_timeout_s: float = CLOSE_TIMEOUT_S,
    ) -> None:
        self._follow = follow
        self._shards = shards
        self._followed = followed
        self._metrics = metrics
        self._on_change = on_change
        self._files = files
        self._close_timeout_s = close_timeout_s
        self._farewells = Farewells()
        name_reasons(metrics)
        self._live: dict[str, Conversation] = {}
        self._left: dict[str, Conversation] = {}  # in the order of leaving
        self._shares: dict[str, Share] = {}  # of those that a fleet remembers
        self._tasks: dict[str, asyncio.Task[None]] = {}  # one for each that is live
        self._leaving: dict[str, EndReason] = {}  # why a task was cancelled
        self._draining = False
        self.stuck = False  # some did not leave in time
        self.forget_drained = False  # what a stop cuts off is not for the next engine

    def add(self, conversation_id: str) -> ConversationInfo:
        """Follow a conversation from now on. RefusedError, with one of `_refusal`'s reasons or the lease's."""
        lease = self._lease(conversation_id)
        left = self._left.pop(conversation_id, None)
        past = left.note() if left else None
        conversation = Conversation(conversation_id, "realtime", self._metrics, self._on_change, past=past)
        self._begin_ours(conversation, lease)
        return conversation.info

    def open(self, opening: Opening, follow: Follow) -> tuple[Conversation, Lease]:
        """Take a session that a peer has opened; `follow` keeps to it until its end. RefusedError as `add`.

        What cancels `follow` is told as the message of its CancelledError: an EndReason.
        """
        lease = self._lease(opening.conversation_id, opening)
        conversation = Conversation(
            opening.conversation_id, "audiohook", self._metrics, self._on_change, session_id=opening.session_id
        )
        self._begin(conversation, follow(conversation, lease), lease)
        return conversation, lease

    def share(self, conversation_id: str, share: Share) -> Conversation:
        """Follow a conversation of a fleet, which remembers it. RefusedError as `add`."""
        lease = self._lease(conversation_id)
        conversation = Conversation(conversation_id, "realtime", self._metrics, self._on_change, share=share)
        self._begin_ours(conversation, lease, share)
        return conversation

    def resume(self, known: Known) -> None:
        """Follow what an earlier engine followed when it ended. RefusedError, and then it is forgotten."""
        try:
            lease = self._lease(known.conversation_id)
        except RefusedError:
            self._followed.forget(known)
            raise
        conversation = Conversation(
            known.conversation_id, known.source, self._metrics, self._on_change, past=known.past, resumed=True
        )
        self._begin_ours(conversation, lease)

    def _lease(self, conversation_id: str, opening: Opening | None = None) -> Lease:
        try:
            if refusal := self._refusal(conversation_id, opening):
                raise refusal
            self._files.check(len(self._tasks))
            if opening is None:
                return self._shards.lease(conversation_id, CHANNELS)
            return self._shards.lease(
                conversation_id,
                opening.channels,
                session_id=opening.session_id,
                continues=opening.continues,
                on_transcript=opening.on_transcript,
            )
        except RefusedError as error:
            self._metrics.conversation_refused(error.reason)
            raise

    def _begin_ours(self, conversation: Conversation, lease: Lease, share: Share | None = None) -> None:
        assert self._follow is not None  # or it was refused
        if share:
            self._shares[conversation.key] = share
        else:
            self._followed.added(conversation, moment_now())
        self._begin(conversation, self._follow(conversation, lease), lease)

    def _begin(self, conversation: Conversation, following: Coroutine[Any, Any, None], lease: Lease) -> None:
        self._live[conversation.key] = conversation
        task = asyncio.get_running_loop().create_task(
            self._run(conversation, following), name=f"conversation {conversation.key}"
        )
        self._tasks[conversation.key] = task
        task.add_done_callback(lambda _: self._leave(conversation, following, lease))

    async def kept(self) -> None:
        """Wait, for a short while, until all that was added is on the disk."""
        await self._followed.on_disk()

    async def remove(self, conversation_id: str) -> bool:
        """Follow it no more, nor any session of it; return once it has left. False where it is not followed."""
        keys = {each.key for each in self._live.values() if conversation_id in (each.key, each.conversation_id)}
        await self._cancel(keys, "removed")
        return bool(keys)

    def fail(self, key: str, reason: EndReason = "error") -> None:
        """It can't be heard any more: it leaves for that reason, soon. Nothing where it is not followed."""
        if key in self._tasks:
            self._tasks[key].cancel(self._leaving.setdefault(key, reason))

    def list(self) -> Sequence[ConversationInfo]:
        """Those that left lately, then those followed now."""
        return [conversation.info for part in (self._left, self._live) for conversation in part.values()]

    def info(self, key: str) -> ConversationInfo | None:
        """One that is followed now."""
        return self._live[key].info if key in self._live else None

    @property
    def live(self) -> int:
        """How many are followed now."""
        return len(self._live)

    @property
    def sessions(self) -> int:
        """How many of them a peer has opened."""
        return sum(each.session_id is not None for each in self._live.values())

    @property
    def followed(self) -> Iterable[Conversation]:
        """Those that are for us to remember."""
        return (each for each in self._live.values() if each.session_id is None and each.key not in self._shares)

    async def drain(self, deadline: float) -> None:
        """Accept no more, let calls end until the deadline (loop time), then leave what is left. May be called again, to hurry."""
        self._draining = True
        left_s = deadline - asyncio.get_running_loop().time()
        if self._tasks and left_s > 0:
            await asyncio.wait(self._tasks.values(), timeout=left_s)
        await self._cancel(set(self._tasks), "drained")

    async def _cancel(self, keys: set[str], reason: EndReason) -> None:
        tasks = [self._tasks[key] for key in keys]
        for key, task in zip(keys, tasks, strict=True):
            task.cancel(self._leaving.setdefault(key, reason))
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=self._close_timeout_s)
            if stuck:
                self.stuck = True
                log.error("conversations did not leave in time", count=len(stuck))

    def _refusal(self, conversation_id: str, opening: Opening | None) -> RefusedError | None:
        if self._draining:
            return RefusedError("draining", "the engine is stopping and takes no more conversations")
        if not CONVERSATION_ID.fullmatch(conversation_id):
            return RefusedError("invalid", "a conversation id is 1 to 128 of the characters A-Z a-z 0-9 _ -")
        if opening is None and self._follow is None:
            return RefusedError("credentials", NO_CREDENTIALS)
        key = opening.session_id if opening else conversation_id
        if key in self._tasks:
            return RefusedError("duplicate", f"{'session' if opening else 'conversation'} {key} is followed already")
        return None

    async def _run(self, conversation: Conversation, following: Coroutine[Any, Any, None]) -> None:
        """Follow one conversation to its end."""
        try:
            await following
        except Exception as error:
            log.exception(
                "conversation failed unexpectedly", conversation_id=conversation.conversation_id, exc_info=error
            )
            self._leaving[conversation.key] = "error"

    def _leave(self, conversation: Conversation, following: Coroutine[Any, Any, None], lease: Lease) -> None:
        """Its task is done, or was cancelled before it began: it has left, and is listed while it is among the latest."""
        key = conversation.key
        following.close()  # for one that was never awaited
        lease.release()
        reason = self._leaving.pop(key, "drained")
        if not conversation.over:
            conversation.end(reason, SENTENCES[reason])
        share = self._shares.pop(key, None)
        if share is None and conversation.session_id is None:
            self._remember(conversation)
        del self._tasks[key], self._live[key]
        self._left[key] = conversation
        if len(self._left) > KEPT:
            del self._left[next(iter(self._left))]
        self._farewells.say(conversation, lease)
        if share:
            share.on_left(conversation.info.reason or reason)

    def _remember(self, conversation: Conversation) -> None:
        """Keep one of ours on record where only a stop has cut it off; forget it where it is over."""
        if conversation.info.reason == "drained" and not self.forget_drained:
            self._followed.noted([conversation])
        else:
            self._followed.left(conversation.conversation_id)
