"""Which conversations are followed, kept in the state file: what a crash must not make the engine forget.

Guarantees: a conversation's row is noted before anything is done for it, and gone once it has left. It holds the position of its
audio, noted at the first audio and every NOTE_S from then on, so that positions go on after a crash (`past.py`). Nothing waits
for the disk, except who asks `on_disk`; while the disk takes nothing, notes wait in the state file's queue.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import Any

import structlog

from engine.intake.conversation import Conversation
from engine.intake.past import NOTE_S, Moment, Past
from engine.metrics import Source
from engine.state_file import Rows, StateFile, Statement

FOLLOWED_TABLES = (
    """CREATE TABLE IF NOT EXISTS followed (
        conversation_id TEXT PRIMARY KEY, source TEXT NOT NULL, added_s REAL NOT NULL,
        position_ms INTEGER, wall_s REAL, boot_s REAL, boot_id TEXT
    ) STRICT, WITHOUT ROWID""",
)
OURS: tuple[Source, ...] = ("realtime",)  # sources that we follow by ourselves; peers come back by themselves
LONGEST_MS = 1 << 48  # nine thousand years
ON_DISK_S = 2.0  # who asks waits for so long; a disk that takes nothing is told by /readyz

_ADD = "INSERT OR REPLACE INTO followed VALUES (?, ?, ?, ?, ?, ?, ?)"
_NOTE = "UPDATE followed SET position_ms = ?, wall_s = ?, boot_s = ?, boot_id = ? WHERE conversation_id = ?"
_DROP = "DELETE FROM followed WHERE conversation_id = ?"
_ALL = "SELECT * FROM followed ORDER BY added_s, conversation_id"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A conversation that an earlier engine followed when it ended."""

    conversation_id: str
    source: Source
    past: Past | None  # None where no audio had come


class Followed:
    """The rows. Before `begin` nothing is noted."""

    def __init__(self) -> None:
        self._state: StateFile | None = None

    def begin(self, state: StateFile) -> list[Known]:
        """Take the open, not yet started file; return what an earlier engine left in it, the oldest first."""
        self._state = state
        return _known(state.rows(_ALL))

    def added(self, conversation: Conversation, now: Moment) -> None:
        """It is followed from now on."""
        place = conversation.past and _place(conversation.past)
        row = (conversation.conversation_id, conversation.source, now.wall_s, *(place or (None,) * 4))
        self._write((_ADD, row))

    def noted(self, conversations: Iterable[Conversation]) -> None:
        """Note where their audio is now."""
        notes = ((each.conversation_id, each.note()) for each in conversations)
        self._write(*((_NOTE, (*_place(past), conversation_id)) for conversation_id, past in notes if past))

    def left(self, conversation_id: str) -> None:
        """It is followed no more, and forgotten."""
        self._write((_DROP, (conversation_id,)))

    def forget(self, known: Known) -> None:
        """It could not be taken up again."""
        self.left(known.conversation_id)

    async def on_disk(self, timeout_s: float = ON_DISK_S) -> None:
        """Wait until all that was noted is on the disk, or so long."""
        if self._state is not None:
            done = asyncio.Event()
            self._state.write((), done.set)
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await done.wait()

    async def keep_noting(self, live: Callable[[], Iterable[Conversation]]) -> None:
        """Note all positions every NOTE_S, until cancelled."""
        while True:
            await asyncio.sleep(NOTE_S)
            self.noted(live())

    def _write(self, *statements: Statement) -> None:
        if self._state is not None and statements:
            self._state.write(statements)


def _place(past: Past) -> tuple[int, float, float, str]:
    return past.position_ms, past.at.wall_s, past.at.boot_s, past.at.boot_id


def _past(position_ms: Any, wall_s: Any, boot_s: Any, boot_id: Any) -> Past | None:
    """The position; None where there is none, or no place in time: another hand or a bad disk wrote that."""
    if not isinstance(position_ms, int) or not 0 <= position_ms <= LONGEST_MS or not isinstance(boot_id, str):
        return None
    if not all(isinstance(clock_s, float) and isfinite(clock_s) for clock_s in (wall_s, boot_s)):
        return None
    return Past(position_ms, Moment(wall_s, boot_s, boot_id))


def _known(rows: Rows) -> list[Known]:
    known = []
    for conversation_id, source, _, position_ms, wall_s, boot_s, boot_id in rows:
        past = _past(position_ms, wall_s, boot_s, boot_id)
        if isinstance(conversation_id, str) and source in OURS:
            known.append(Known(conversation_id, source, past))
        else:  # a later Cueline's
            log.warning("conversation of an unknown kind is left alone", conversation_id=conversation_id)
    return known
