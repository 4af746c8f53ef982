"""The calls that the notifications have told of: which are live, which have ended, in whatever order the events came. Pure.

A participant only ever goes on: coming, talking, over. So events may be late, repeated, or come by several topics, each with a part
of the picture: they are merged, and the furthest counts. A call is live once somebody talks. It has ended when everybody known is
over and has been for a grace, for a transfer shows nobody for a moment; a call that leaves one queue for another goes on. What has
ended is kept on record, or else a late event would open it again. Times are seconds of one clock, passed in.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.genesys.checks import Standing
from engine.genesys.notifications import CallSeen

GRACE_S = 2.0
KEPT = 100_000  # calls; beyond them those that were told of least lately are forgotten

_ORDER: dict[Standing, int] = {"coming": 0, "talking": 1, "over": 2}


@dataclass(frozen=True, slots=True)
class CallLive:
    """A call is live that was not before."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call that was live has ended."""

    conversation_id: str


@dataclass(slots=True)
class _Entry:
    """One call."""

    standings: dict[str, Standing] = field(default_factory=dict)
    live: bool = False  # as it was told last

    @property
    def talking(self) -> bool:
        return "talking" in self.standings.values()

    @property
    def over(self) -> bool:
        return bool(self.standings) and all(standing == "over" for standing in self.standings.values())

    def merge(self, seen: CallSeen) -> None:
        for name, standing in seen.standings.items():
            known = self.standings.get(name, "coming")
            self.standings[name] = max(known, standing, key=_ORDER.__getitem__)


class CallBook:
    """What is known of calls. Each change is told once, as CallLive or CallEnded."""

    def __init__(self, grace_s: float = GRACE_S, kept: int = KEPT) -> None:
        self._grace_s = grace_s
        self._kept = kept
        self._calls: OrderedDict[str, _Entry] = OrderedDict()
        self._ending: dict[str, float] = {}  # when they will have ended, in this order
        self.live = 0  # calls

    def seen(self, call: CallSeen, now_s: float) -> CallLive | None:
        """Merge an event."""
        entry = self._entry(call.conversation_id)
        entry.merge(call)
        if not entry.over:
            self._ending.pop(call.conversation_id, None)
        elif entry.live:
            self._ending.setdefault(call.conversation_id, now_s + self._grace_s)
        if not entry.talking or entry.live:
            return None
        return self._begin(call.conversation_id, entry)

    def listed(self, conversation_ids: Iterable[str]) -> list[CallLive]:
        """Merge the answer to a query for live calls, which may be older than the events: what has ended stays ended."""
        found = []
        for conversation_id in conversation_ids:
            entry = self._entry(conversation_id)
            if not entry.live and not entry.over:
                found.append(self._begin(conversation_id, entry))
        return found

    def due(self, now_s: float) -> list[CallEnded]:
        """Calls whose grace is over."""
        ended = [name for name, end_s in self._ending.items() if end_s <= now_s]
        for name in ended:
            del self._ending[name]
            self._calls[name].live = False
        self.live -= len(ended)
        return [CallEnded(name) for name in ended]

    def _begin(self, name: str, entry: _Entry) -> CallLive:
        entry.live = True
        self.live += 1
        return CallLive(name)

    def _entry(self, name: str) -> _Entry:
        """The call's, made where it is new; it is now the one that was told of last."""
        if name not in self._calls:
            self._calls[name] = _Entry()
            if len(self._calls) > self._kept:
                forgotten, entry = self._calls.popitem(last=False)
                self._ending.pop(forgotten, None)
                self.live -= entry.live
        self._calls.move_to_end(name)
        return self._calls[name]
