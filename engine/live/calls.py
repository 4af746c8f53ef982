"""The calls as they are shown: one row each, and which rows have changed since they were told last. Pure.

A call is known by its key (its session's id, or its conversation's). One that left is kept for a while: in the list of those
that ended, and for its timeline. Its rings may still be heard then, and a phrase in them is still its own.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.live.phrases import Phrase
from engine.live.ports import Info
from engine.live.rings import ShardRings
from engine.live.spans import Track
from engine.metrics import LIVE_STATES
from engine.options import Channel

ENDED = 20  # listed
LEFT = 100  # kept for their timelines
PHRASES = 100  # of one call, the latest


@dataclass(slots=True, eq=False)
class Line:
    """One channel of a call, and the ring it is heard on while it is leased."""

    track: Track
    rings: ShardRings | None = None
    ring: int = 0
    frames: int = 0  # written, once the lease has ended

    def row(self) -> dict[str, Any]:
        """As it is shown."""
        late_ms = 0 if self.rings is None else int(self.rings.late_ms[self.ring])
        return {"channel": self.track.channel, "speaking": self.track.speaking, "late_ms": late_ms}

    @property
    def position_ms(self) -> int:
        """Where its audio is."""
        frames = self.frames if self.rings is None else self.rings.frames(self.ring)
        return self.track.position_ms(frames)


class Call:
    """One call. The board writes, everybody reads rows."""

    def __init__(self, key: str, info: Info, now_s: float) -> None:
        self.key = key
        self.info = info
        self.begun_s = self.since_s = now_s
        self.shard: int | None = None
        self.lines: dict[Channel, Line] = {}
        self.phrases: deque[Phrase] = deque(maxlen=PHRASES)
        self.phrase_count = 0
        self.without_audio = False

    @property
    def live(self) -> bool:
        """Whether it has not left."""
        return self.info.state in LIVE_STATES

    def row(self) -> dict[str, Any]:
        """CALL of docs/live.md."""
        info = self.info
        return {
            "key": self.key,
            "conversation_id": info.conversation_id,
            "source": info.source,
            "state": info.state,
            "reason": info.reason,
            "since": self.since_s,
            "begun": self.begun_s,
            "shard": self.shard,
            "gap_ms": info.gap_ms,
            "reconnects": info.reconnects,
            "phrases": self.phrase_count,
            "without_audio": self.without_audio,
            "channels": [line.row() for line in self.lines.values()],
        }

    def timeline(self, *, shows_text: bool) -> dict[str, Any]:
        """Speech, gaps and phrases by channel."""
        lines = self.lines.values()
        channels = [
            {
                "channel": line.track.channel,
                "speech": [list(span) for span in line.track.speech],
                "gaps": [list(gap) for gap in line.track.gaps],
                "phrases": [each.row(shows_text=shows_text) for each in self.phrases if each.channel == channel],
            }
            for channel, line in self.lines.items()
        ]
        return {
            "key": self.key,
            "conversation_id": self.info.conversation_id,
            "state": self.info.state,
            "now_ms": max((line.position_ms for line in lines), default=0),
            "channels": channels,
        }


class Calls:
    """All that are live, and the latest that left."""

    def __init__(self) -> None:
        self.live: dict[str, Call] = {}
        self.left: deque[Call] = deque(maxlen=LEFT)
        self._changed: dict[str, Call] = {}
        self._gone: list[Call] = []  # since the last `news`

    def conversation(self, info: Info, now_s: float) -> None:
        """It has come into another state; the first one begins it."""
        key = info.session_id or info.conversation_id
        call = self.live.get(key)
        if call is None:
            call = self.live[key] = Call(key, info, now_s)
        if info.state != call.info.state:
            call.since_s = now_s
        call.info = info
        if call.live:
            self.touch(call)
        else:
            call.without_audio = False
            self._changed.pop(key, None)
            self._gone.append(self.live.pop(key))
            self.left.append(call)

    def find(self, key: str) -> Call | None:
        """The one with this key or, without one, the latest with this conversation's id; a live one before those that left."""
        return self.live.get(key) or next((call for call in self._latest_first() if _named(call, key)), None)

    def _latest_first(self) -> Iterator[Call]:
        yield from reversed(self.live.values())
        yield from reversed(self.left)

    def touch(self, call: Call) -> None:
        """Its row has changed; of one that left, nobody is told."""
        if call.live:
            self._changed[call.key] = call

    def news(self) -> tuple[Sequence[Call], Sequence[Call]]:
        """The live ones whose rows have changed, and those that left, since the last time this was asked."""
        changed, gone = list(self._changed.values()), self._gone
        self._changed, self._gone = {}, []
        return changed, gone

    @property
    def ended(self) -> Sequence[Call]:
        """Those that left and are listed, newest last."""
        return list(self.left)[-ENDED:]


def _named(call: Call, key: str) -> bool:
    return key in (call.key, call.info.conversation_id)
