"""One followed conversation: its state and the law of it.

A `Conversation` has one writer, its follower; everybody else reads the frozen `ConversationInfo`. Each change of state reaches
the metrics and the listener exactly once. Nothing here knows where audio comes from or what becomes of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from engine.intake.clocks import moment_now, utc_now
from engine.intake.past import Moment, Past, elapsed_s
from engine.metrics import ConversationState, Metrics, Source

AUDIO_BYTES_PER_MS = 16  # 8 kHz, 16 bits, mono

EndReason = Literal[
    "ended",  # the peer or the platform said so
    "removed",
    "drained",
    "handed_over",
    "not_found",
    "not_visible",
    "no_voice",
    "forbidden",
    "unauthorized",
    "rate_limited",
    "unreachable",
    "refused",  # a status that none of the others stands for
    "protocol",
    "quarantined",
    "fenced",
    "error",
]
ReconnectReason = Literal[
    "dropped", "timeout", "unreachable", "unauthorized", "rate_limited", "server_error", "refused", "protocol"
]

# Every way a conversation can leave, and the state it is then in.
END_REASONS: dict[EndReason, ConversationState] = {
    "ended": "ended",
    "removed": "ended",
    "drained": "ended",
    "handed_over": "ended",
    "not_found": "failed",
    "not_visible": "failed",
    "no_voice": "failed",
    "forbidden": "failed",
    "unauthorized": "failed",
    "rate_limited": "failed",
    "unreachable": "failed",
    "refused": "failed",
    "protocol": "failed",
    "quarantined": "failed",
    "fenced": "failed",
    "error": "failed",
}

# The law of states; anything else is a fault of ours.
TRANSITIONS: dict[ConversationState, frozenset[ConversationState]] = {
    "checking": frozenset({"connecting", "reconnecting", "ended", "failed"}),
    "connecting": frozenset({"listening", "reconnecting", "ended", "failed"}),
    "listening": frozenset({"paused", "reconnecting", "ended", "failed"}),
    "paused": frozenset({"listening", "ended", "failed"}),
    "reconnecting": frozenset({"listening", "ended", "failed"}),
    "ended": frozenset(),
    "failed": frozenset(),
}


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    """A conversation as others see it."""

    conversation_id: str
    source: Source
    state: ConversationState
    reason: EndReason | None  # once it has left
    message: str | None  # the same in a sentence, with what to do about it
    since: str  # RFC 3339, UTC: when it came into this state
    audio_ms: int
    gap_ms: int
    reconnects: int
    session_id: str | None = None  # of AudioHook: a conversation may have several at once


OnChange = Callable[[ConversationInfo], None]


@dataclass(frozen=True, slots=True)
class Share:
    """A call that several engines share: one of them follows it, and all remember it."""

    past: Past | None
    resumed: bool  # it was followed a moment ago
    handed: bool  # and is still
    moment: Callable[[], Moment]  # on the clock that all of them share
    on_audio: Callable[[float], None]  # the first audio is here, after a gap of so many seconds
    on_left: Callable[[EndReason], None]  # it has left here


class Conversation:
    """The state of one conversation, from being taken to having left.

    `past` is where its audio was when it was followed before; `resumed` says that the process which did so died. A `share` has
    its own of both, and its own clock.
    A conversation of AudioHook begins with the session that the peer has opened: it is never checked, nor opened again by us.
    """

    def __init__(
        self,
        conversation_id: str,
        source: Source,
        metrics: Metrics,
        on_change: OnChange,
        *,
        session_id: str | None = None,
        past: Past | None = None,
        resumed: bool = False,
        share: Share | None = None,
        now: Callable[[], datetime] = utc_now,
        moment: Callable[[], Moment] = moment_now,
    ) -> None:
        self.conversation_id = conversation_id
        self.session_id = session_id
        self.source: Source = source
        self.state: ConversationState = "connecting" if session_id else "checking"
        self._metrics = metrics
        self._on_change = on_change
        self.past = share.past if share else past
        self.resumed = share.resumed if share else resumed
        self._share = share
        self._now = now
        self._moment = moment = share.moment if share else moment
        self._since = now()
        self._taken = moment()
        self.lasted_s = 0.0  # from being taken to having left
        self._reason: EndReason | None = None
        self._message: str | None = None
        self._audio_bytes = 0
        self._gap_ms = 0
        self._skipped_ms = 0  # of positions, without audio: gaps, and the past
        self._begun = False  # audio has come
        self._reconnects = 0
        metrics.conversation_moved(source, None, self.state)
        on_change(self.info)

    @property
    def info(self) -> ConversationInfo:
        """A picture of now."""
        return ConversationInfo(
            conversation_id=self.conversation_id,
            source=self.source,
            state=self.state,
            reason=self._reason,
            message=self._message,
            since=self._since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            audio_ms=self._audio_bytes // AUDIO_BYTES_PER_MS,
            gap_ms=self._gap_ms,
            reconnects=self._reconnects,
            session_id=self.session_id,
        )

    @property
    def key(self) -> str:
        """What tells it from all others that are followed."""
        return self.session_id or self.conversation_id

    @property
    def over(self) -> bool:
        """Whether it has left."""
        return not TRANSITIONS[self.state]

    def move(self, state: ConversationState) -> None:
        """Come into another live state; staying in the same is no change. ValueError against the law."""
        if state == self.state:
            return
        if state not in TRANSITIONS[self.state]:
            raise ValueError(f"a conversation that is {self.state} can't become {state}")
        self._metrics.conversation_moved(self.source, self.state, state)
        self.state, self._since = state, self._now()
        self._on_change(self.info)

    def reopen(self, reason: ReconnectReason) -> None:
        """Its socket is about to be opened again."""
        self._reconnects += 1
        self._metrics.reconnected(reason)
        self.move("reconnecting")

    def end(self, reason: EndReason, message: str) -> None:
        """Leave, for good. ValueError where it has left before."""
        self._reason, self._message = reason, message
        self.move(END_REASONS[reason])
        self.lasted_s = elapsed_s(self._taken, self._moment())
        self._metrics.conversation_ended(self.source, reason)

    def audio_begins(self) -> int:
        """The first audio is here: return its position in ms, 0 without a past. What was missed since then is counted."""
        self._begun = True
        now = self._moment()
        missed_ms = self.past.missed_ms(now) if self.past else 0
        if self._share:
            self._share.on_audio(missed_ms / 1000)
        if self.past is None:
            return 0
        if not (self._share and self._share.handed):
            self.missed(missed_ms)
        self._skipped_ms = self.past.position_now_ms(now)
        return self._skipped_ms

    def heard(self, byte_count: int) -> None:
        """Audio came."""
        self._audio_bytes += byte_count

    def missed(self, gap_ms: int) -> None:
        """Audio was lost while no socket was open."""
        self._gap_ms += gap_ms
        self._skipped_ms += gap_ms
        self._metrics.gap_heard(gap_ms / 1000)

    def note(self) -> Past | None:
        """Where its audio is now, for a later life; as it was where none has come in this one."""
        if not self._begun:
            return self.past
        return Past(self._skipped_ms + self._audio_bytes // AUDIO_BYTES_PER_MS, self._moment())
