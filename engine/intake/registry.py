"""The set of followed conversations: who is in it, one task for each, and how they leave.

It owns the tasks: `drain` ends them all. A conversation's unexpected exception is contained here, logged and counted, and the
others go on. Those that left stay in the list, the latest KEPT of them, and may be added again. One event loop, no locks.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog

from engine.errors import RefusedError
from engine.intake.conversation import Conversation, ConversationInfo, EndReason, OnChange
from engine.metrics import Metrics, Source

KEPT = 1000  # conversations that left and are still listed
CLOSE_TIMEOUT_S = 5.0  # for what a cancelled conversation still has to do
CONVERSATION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

# Why a conversation left that did not say so itself.
_SENTENCES: dict[EndReason, str] = {
    "removed": "the conversation was removed on request",
    "drained": "the engine stopped before the conversation ended",
    "error": "an unexpected fault; the log has more",
}

Follow = Callable[[Conversation], Coroutine[Any, Any, None]]

log = structlog.get_logger(__name__)


class Conversations:
    """Followed conversations by id. `follow` is, by source, what follows one to its end."""

    def __init__(
        self,
        follow: Mapping[Source, Follow],
        metrics: Metrics,
        on_change: OnChange,
        close_timeout_s: float = CLOSE_TIMEOUT_S,
    ) -> None:
        self._follow = follow
        self._metrics = metrics
        self._on_change = on_change
        self._close_timeout_s = close_timeout_s
        self._live: dict[str, Conversation] = {}
        self._left: dict[str, Conversation] = {}  # in the order of leaving
        self._tasks: dict[str, asyncio.Task[None]] = {}  # one for each that is live
        self._leaving: dict[str, EndReason] = {}  # why a task was cancelled
        self._draining = False

    def add(self, conversation_id: str, source: Source = "realtime") -> ConversationInfo:
        """Follow a conversation from now on. RefusedError: invalid, duplicate, draining."""
        if refusal := self._refusal(conversation_id):
            self._metrics.conversation_refused(refusal.reason)
            raise refusal
        conversation = Conversation(conversation_id, source, self._metrics, self._on_change)
        self._left.pop(conversation_id, None)
        self._live[conversation_id] = conversation
        task = asyncio.get_running_loop().create_task(self._run(conversation), name=f"conversation {conversation_id}")
        self._tasks[conversation_id] = task
        task.add_done_callback(lambda _: self._leave(conversation))
        return conversation.info

    async def remove(self, conversation_id: str) -> bool:
        """Follow it no more; return once it has left. False where it is not followed."""
        if conversation_id not in self._tasks:
            return False
        await self._cancel({conversation_id}, "removed")
        return True

    def fail(self, conversation_id: str) -> None:
        """It can't be heard any more: it leaves as an error, soon. Nothing where it is not followed."""
        if conversation_id in self._tasks:
            self._leaving.setdefault(conversation_id, "error")
            self._tasks[conversation_id].cancel()

    def list(self) -> Sequence[ConversationInfo]:
        """Those that left lately, then those followed now."""
        return [conversation.info for part in (self._left, self._live) for conversation in part.values()]

    @property
    def live(self) -> int:
        """How many are followed now."""
        return len(self._live)

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
                log.error("conversations did not leave in time", count=len(stuck))

    def _refusal(self, conversation_id: str) -> RefusedError | None:
        if self._draining:
            return RefusedError("draining", "the engine is stopping and takes no more conversations")
        if not CONVERSATION_ID.fullmatch(conversation_id):
            return RefusedError("invalid", "a conversation id is 1 to 128 of the characters A-Z a-z 0-9 _ -")
        if conversation_id in self._tasks:
            return RefusedError("duplicate", f"conversation {conversation_id} is followed already")
        return None

    async def _run(self, conversation: Conversation) -> None:
        """Follow one conversation to its end."""
        try:
            await self._follow[conversation.source](conversation)
        except Exception as error:
            log.exception(
                "conversation failed unexpectedly", conversation_id=conversation.conversation_id, exc_info=error
            )
            self._leaving[conversation.conversation_id] = "error"

    def _leave(self, conversation: Conversation) -> None:
        """Its task is done, or was cancelled before it began: it has left, and is listed while it is among the latest."""
        conversation_id = conversation.conversation_id
        reason = self._leaving.pop(conversation_id, "drained")
        if not conversation.over:
            conversation.end(reason, _SENTENCES[reason])
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
