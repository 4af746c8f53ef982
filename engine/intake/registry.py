"""The set of followed conversations: who is in it, one task for each, and how they leave.

A conversation is taken with its lease, or refused at once; it holds the lease until it has left, whatever happens. What is
followed is on record (`followed.py`) until it has left; what only a stop cut off stays there, for the next engine. The registry
owns the tasks: `drain` ends them all. A conversation's unexpected exception is contained here, logged and counted, and the others
go on. Those that left stay in the list, the latest KEPT of them, and may be added again. One event loop, no locks.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from engine.errors import RefusedError
from engine.intake.clocks import moment_now
from engine.intake.conversation import Conversation, ConversationInfo, EndReason, Lease, OnChange, Shards
from engine.intake.followed import Followed, Known
from engine.metrics import Metrics, Source
from engine.open_files import OpenFiles
from engine.options import Channel

KEPT = 1000  # conversations that left and are still listed
CLOSE_TIMEOUT_S = 5.0  # for what a cancelled conversation still has to do
CHANNELS: tuple[Channel, ...] = ("external",)  # that a socket carries
CONVERSATION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

NO_CREDENTIALS = (
    "conversations can't be followed by their id without credentials: set GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET"
)

# Why a conversation left that did not say so itself.
_SENTENCES: dict[EndReason, str] = {
    "removed": "the conversation was removed on request",
    "drained": "the engine stopped before the conversation ended",
    "quarantined": "its audio ended more than one worker; the log has more",
    "error": "an unexpected fault; the log has more",
}

Follow = Callable[[Conversation, Lease], Coroutine[Any, Any, None]]

log = structlog.get_logger(__name__)


class Conversations:
    """Followed conversations by id. `follow` is, by source, what follows one to its end on the lease that it is given."""

    def __init__(
        self,
        follow: Mapping[Source, Follow],
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
        self._live: dict[str, Conversation] = {}
        self._left: dict[str, Conversation] = {}  # in the order of leaving
        self._tasks: dict[str, asyncio.Task[None]] = {}  # one for each that is live
        self._leaving: dict[str, EndReason] = {}  # why a task was cancelled
        self._draining = False
        self.stuck = False  # some did not leave in time
        self.forget_drained = False  # what a stop cuts off is not for the next engine

    def add(self, conversation_id: str, source: Source = "realtime") -> ConversationInfo:
        """Follow a conversation from now on. RefusedError, with one of `_refusal`'s reasons or the lease's."""
        lease = self._lease(conversation_id, source)
        left = self._left.pop(conversation_id, None)
        past = left.note() if left else None
        conversation = Conversation(conversation_id, source, self._metrics, self._on_change, past=past)
        self._begin(conversation, lease)
        return conversation.info

    def begin_with(self, known: Sequence[Known], conversation_ids: Iterable[str]) -> None:
        """Resume what an earlier engine followed, then add what is not among it; who is refused has a line in the log."""
        if known:
            log.info("conversations of an earlier engine are taken up again", count=len(known))
        resumed = {each.conversation_id for each in known}
        for each in known:
            self._or_say(each.conversation_id, partial(self.resume, each))
        for conversation_id in conversation_ids:
            if conversation_id not in resumed:
                self._or_say(conversation_id, partial(self.add, conversation_id))

    def _or_say(self, conversation_id: str, take: Callable[[], object]) -> None:
        try:
            take()
        except RefusedError as error:
            log.error(  # noqa: TRY400 (the message is the cause)
                "conversation refused", conversation_id=conversation_id, reason=error.reason, message=str(error)
            )

    def resume(self, known: Known) -> None:
        """Follow what an earlier engine followed when it ended. RefusedError, and then it is forgotten."""
        try:
            lease = self._lease(known.conversation_id, known.source)
        except RefusedError:
            self._followed.forget(known)
            raise
        self._begin(
            Conversation(
                known.conversation_id, known.source, self._metrics, self._on_change, past=known.past, resumed=True
            ),
            lease,
        )

    def _lease(self, conversation_id: str, source: Source) -> Lease:
        try:
            if refusal := self._refusal(conversation_id, source):
                raise refusal
            self._files.check(len(self._tasks))
            return self._shards.lease(conversation_id, CHANNELS)
        except RefusedError as error:
            self._metrics.conversation_refused(error.reason)
            raise

    def _begin(self, conversation: Conversation, lease: Lease) -> None:
        conversation_id = conversation.conversation_id
        self._live[conversation_id] = conversation
        self._followed.added(conversation, moment_now())
        task = asyncio.get_running_loop().create_task(
            self._run(conversation, lease), name=f"conversation {conversation_id}"
        )
        self._tasks[conversation_id] = task
        task.add_done_callback(lambda _: self._leave(conversation, lease))

    async def kept(self) -> None:
        """Wait, for a short while, until all that was added is on the disk."""
        await self._followed.on_disk()

    async def remove(self, conversation_id: str) -> bool:
        """Follow it no more; return once it has left. False where it is not followed."""
        if conversation_id not in self._tasks:
            return False
        await self._cancel({conversation_id}, "removed")
        return True

    def fail(self, conversation_id: str, reason: EndReason = "error") -> None:
        """It can't be heard any more: it leaves for that reason, soon. Nothing where it is not followed."""
        if conversation_id in self._tasks:
            self._leaving.setdefault(conversation_id, reason)
            self._tasks[conversation_id].cancel()

    def list(self) -> Sequence[ConversationInfo]:
        """Those that left lately, then those followed now."""
        return [conversation.info for part in (self._left, self._live) for conversation in part.values()]

    @property
    def live(self) -> int:
        """How many are followed now."""
        return len(self._live)

    @property
    def followed(self) -> Iterable[Conversation]:
        """Those followed now."""
        return self._live.values()

    async def drain(self, deadline: float) -> None:
        """Accept no more, let calls end until the deadline (loop time), then leave what is left. May be called again, to hurry."""
        self._draining = True
        left_s = deadline - asyncio.get_running_loop().time()
        if self._tasks and left_s > 0:
            await asyncio.wait(self._tasks.values(), timeout=left_s)
        await self._cancel(set(self._tasks), "drained")

    async def _cancel(self, conversation_ids: set[str], reason: EndReason) -> None:
        tasks = [self._tasks[conversation_id] for conversation_id in conversation_ids]
        for conversation_id, task in zip(conversation_ids, tasks, strict=True):
            self._leaving.setdefault(conversation_id, reason)
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=self._close_timeout_s)
            if stuck:
                self.stuck = True
                log.error("conversations did not leave in time", count=len(stuck))

    def _refusal(self, conversation_id: str, source: Source) -> RefusedError | None:
        if self._draining:
            return RefusedError("draining", "the engine is stopping and takes no more conversations")
        if not CONVERSATION_ID.fullmatch(conversation_id):
            return RefusedError("invalid", "a conversation id is 1 to 128 of the characters A-Z a-z 0-9 _ -")
        if source not in self._follow:
            return RefusedError("credentials", NO_CREDENTIALS)
        if conversation_id in self._tasks:
            return RefusedError("duplicate", f"conversation {conversation_id} is followed already")
        return None

    async def _run(self, conversation: Conversation, lease: Lease) -> None:
        """Follow one conversation to its end."""
        try:
            await self._follow[conversation.source](conversation, lease)
        except Exception as error:
            log.exception(
                "conversation failed unexpectedly", conversation_id=conversation.conversation_id, exc_info=error
            )
            self._leaving[conversation.conversation_id] = "error"

    def _leave(self, conversation: Conversation, lease: Lease) -> None:
        """Its task is done, or was cancelled before it began: it has left, and is listed while it is among the latest."""
        conversation_id = conversation.conversation_id
        lease.release()
        reason = self._leaving.pop(conversation_id, "drained")
        if not conversation.over:
            conversation.end(reason, _SENTENCES[reason])
        if conversation.info.reason == "drained" and not self.forget_drained:
            self._followed.noted([conversation])
        else:
            self._followed.left(conversation_id)
        del self._tasks[conversation_id], self._live[conversation_id]
        self._left[conversation_id] = conversation
        if len(self._left) > KEPT:
            del self._left[next(iter(self._left))]
        _log_leaving(conversation.info)


def _log_leaving(info: ConversationInfo) -> None:
    write = log.warning if info.state == "failed" else log.info
    write(
        "conversation left",
        conversation_id=info.conversation_id,
        reason=info.reason,
        message=info.message,
        audio_ms=info.audio_ms,
        gap_ms=info.gap_ms,
        reconnects=info.reconnects,
    )
