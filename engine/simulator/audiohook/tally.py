"""What a run of calls saw, counted as it happens, and the summary made of it. Times are milliseconds."""

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WHY_KEPT, WHY_LENGTH = 20, 200  # sentences, and characters of one: a server may say what it likes
IN_ORDER = frozenset({"end", "reconnect", "aborted", "disconnect_completed"})
LOST = frozenset({"dropped", "disconnect_error", "pong_timeout", "closed_timeout", "server_fault"})


def _floats() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class Tally:
    """Counters of all sessions together."""

    calls: int = 0
    sessions: int = 0  # whose `open` was sent
    opened: int = 0
    ended: Counter[str] = field(default_factory=Counter)  # sessions, by how
    lost: Counter[str] = field(default_factory=Counter)  # sessions that were open and then broke, by how
    refused: Counter[str] = field(default_factory=Counter)  # attempts that never opened, by how
    given_up: int = 0  # calls that tried and never got a session, or none any more before they were over
    retries: int = 0
    why: Counter[str] = field(default_factory=Counter)  # sentences of what went wrong, with the ending before
    tell: Callable[[str], None] = lambda _sentence: None  # of each such sentence, once
    connected_ms: "array[float]" = field(default_factory=_floats)  # from the first byte to the upgrade's answer
    opened_ms: "array[float]" = field(default_factory=_floats)  # from `open` to `opened`
    refused_ms: "array[float]" = field(default_factory=_floats)  # from `open` to the `disconnect` that answered it
    ping_ms: "array[float]" = field(default_factory=_floats)
    messages: int = 0  # of audio
    samples: int = 0  # per channel, sent
    discarded: int = 0  # samples per channel, told to be discarded
    throttled: int = 0  # messages thrown away since the server did not take them
    partials: int = 0
    finals: int = 0
    unsolicited: Counter[str] = field(default_factory=Counter)  # by type
    server_faults: Counter[str] = field(default_factory=Counter)  # by what was wrong

    def end(self, ending: str, opened: bool, why: str = "") -> None:
        """A session is over. `why`: the sentence behind the ending, if there is one."""
        self.ended[ending] += 1
        if not opened and ending != "end":
            self.refused[ending] += 1
        elif ending in LOST:
            self.lost[ending] += 1
        if why and ending not in IN_ORDER:
            self._note(f"{ending}: {why}")

    def _note(self, said: str) -> None:
        sentence = "".join(each if each.isprintable() else "?" for each in said[:WHY_LENGTH])
        new = sentence not in self.why
        if not new or len(self.why) < WHY_KEPT:
            self.why[sentence] += 1
            if new:
                self.tell(sentence)

    @property
    def sound(self) -> bool:
        """No session was lost and no call given up; the server kept the protocol."""
        return not self.lost and not self.given_up and not self.server_faults

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "event": "summary",
            "ok": self.sound,
            "calls": self.calls,
            "sessions": self.sessions,
            "opened": self.opened,
            "lost": self.lost.total(),
            "lost_by": dict(self.lost),
            "refused": dict(self.refused),
            "given_up": self.given_up,
            "retries": self.retries,
            "why": dict(self.why),
            "ended": dict(self.ended),
            "connected_ms": spread(self.connected_ms),
            "opened_ms": spread(self.opened_ms),
            "refused_ms": spread(self.refused_ms),
            "ping_ms": spread(self.ping_ms),
            "audio_messages": self.messages,
            "audio_s": round(self.samples / 8000, 3),
            "discarded_s": round(self.discarded / 8000, 3),
            "throttled": self.throttled,
            "transcripts": {"partial": self.partials, "final": self.finals},
            "unsolicited": dict(self.unsolicited),
            "server_faults": dict(self.server_faults),
        }


def spread(values: "array[float]") -> dict[str, float | int]:
    """Count and percentiles by nearest rank; the count alone when there is nothing."""
    ranked = sorted(values)
    if not ranked:
        return {"count": 0}
    at = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
    return {"count": len(ranked)} | {name: round(_at(ranked, share), 3) for name, share in at.items()}


def _at(ranked: list[float], share: float) -> float:
    return ranked[max(0, -int(-len(ranked) * share // 1) - 1)]
