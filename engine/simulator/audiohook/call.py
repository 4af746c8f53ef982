"""One simulated call: its clock, what it plays, and the sessions that carry it, one after another.

The clock starts when the first session opens and then goes on, whoever listens: what is said while there is no session, beyond
the seconds that Genesys keeps while it connects, is gone. Sessions that may be retried are, `attempts` times, with a back-off
that doubles. All sending happens in the ticker's steps.
"""

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from engine.options import Channel
from engine.simulator.audiohook.dialogue import Dialogue
from engine.simulator.audiohook.opening import open_parameters
from engine.simulator.audiohook.options import SAMPLE_RATE, HookCall, HookOptions
from engine.simulator.audiohook.player import Piece, Player
from engine.simulator.audiohook.recordings import BOTH, Library
from engine.simulator.audiohook.report import HookReport
from engine.simulator.audiohook.session import Session
from engine.simulator.audiohook.socket import Dialer
from engine.simulator.audiohook.tally import Tally
from engine.simulator.audiohook.ticker import Ticker, Timer
from engine.simulator.call import SENT_KEPT, CallState, Sent
from engine.simulator.clock import epoch_ms
from engine.simulator.options import Said

AGAIN = frozenset(
    {
        "no_connection",
        "dropped",
        "aborted",
        "disconnect_error",
        "opened_timeout",
        "pong_timeout",
        "closed_timeout",
        "server_fault",
    }
)
PROVEN_S = 10.0  # a session that lived so long makes the attempts before it forgotten
KEPT_SAMPLES = 20 * SAMPLE_RATE  # what Genesys offers of the audio from before a session opened


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all calls of a run share."""

    options: HookOptions
    dialer: Dialer
    ticker: Ticker
    tally: Tally
    library: Library


class Call:
    """From its first attempt to its end. `sessions` holds all that opened."""

    def __init__(self, shop: Workshop, plays: HookCall) -> None:
        self._shop = shop
        self.plays = plays
        self.state: CallState = "waiting"
        self.sessions: deque[Session] = deque(maxlen=SENT_KEPT)
        self.ending: str | None = None
        self._opened = self._attempt = 0
        self._tried = False
        self._session: Session | None = None
        self._successor: asyncio.Task[str] | None = None
        self._continues: Dialogue | None = None  # the session that the next attempt goes on with
        self._held_until_ns = 0  # no audio is sent before
        self._channels: tuple[Channel, ...] = ()
        self._player = Player(shop.options, shop.library.track(plays, BOTH))  # until the server has chosen
        self._timer: Timer | None = None
        self._sent: deque[Sent] = deque(maxlen=SENT_KEPT)
        self._sending: Sent | None = None
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Hold sessions until the call is over or nobody takes it any more."""
        try:
            await self._hold_all()
        finally:
            if self._successor is not None:
                self._successor.cancel()
            self._finish()

    async def _hold_all(self) -> None:
        attempt = 0
        while not self._over.is_set():
            began = time.monotonic()
            self.ending = await self._hold(attempt, self._continues)
            while self._successor is not None:
                task, self._successor = self._successor, None
                self.ending = await task
            if self._over.is_set() or self.ending not in AGAIN:
                break
            attempt = 1 if time.monotonic() - began > PROVEN_S else attempt + 1
            if attempt >= self._shop.options.attempts:
                break
            self._shop.tally.retries += 1
            await self._pause(self._shop.options.backoff_s * 2.0 ** (attempt - 1))

    def end(self) -> None:
        """Somebody hangs up; a second time changes nothing."""
        self._over.set()
        self._rest()
        for session in self.sessions:
            session.close("end")

    def drop(self, *, continued: bool = False) -> None:
        """The session's connection breaks; Genesys tries again. `continued`: it brings the last 20 s once more."""
        if self._session is not None:
            self._continues = self._session.dialogue if continued else None
            self._session.abort()

    def hold_back(self, seconds: float) -> None:
        """Send no audio for so long, then all of it at once."""
        self._held_until_ns = time.monotonic_ns() + int(seconds * 1e9)

    def freeze(self, seconds: float) -> None:
        """Neither send nor read anything for so long, as a machine that stands still; audio comes a second later."""
        self.hold_back(seconds + 1.0)
        if self._session is not None:
            self._session.freeze(seconds)

    def leave_out(self, seconds: float, *, paused: bool) -> None:
        """Throw so much audio away from now on, told as a pause or as discarded."""
        self._player.leave_out(seconds, time.monotonic_ns(), paused=paused)

    @property
    def transcripts(self) -> list[dict[str, Any]]:
        """Data of the transcript entities that came, in order."""
        return [each for session in self.sessions for each in session.transcripts]

    def on_opened(self, session: Session, channels: tuple[Channel, ...]) -> None:
        """Play on this session from now on."""
        old, self._session = self._session, session
        self._opened += 1
        self.sessions.append(session)
        if self._shop.options.probe or self._over.is_set():
            session.close("end")
            return
        self._channels, self._sending, self.state = channels, None, "live"
        self._continues, self._held_until_ns = None, 0
        self._player.begin(time.monotonic_ns() - int(self._shop.options.backlog_s * 1e9 / self._shop.options.speed))
        track = self._shop.library.track(self.plays, channels) if channels else self._player.track
        position, now = session.dialogue.position, self._player.position(time.monotonic_ns())
        start = min(session.discard_to or 0, now)  # honoured as far as there is audio by now
        if channels and start > position:
            session.leave_out()
        self._player.turn(track, max(start, position))
        if old is not None and old.live:
            old.close("reconnect")
        self._rest()
        self._play()

    def on_reconnect(self, session: Session) -> None:
        """Open another session in this one's place, if the integration has that enabled."""
        if self._shop.options.reconnects and self._successor is None and session is self._session:
            self._successor = asyncio.ensure_future(self._hold(0, session.dialogue))

    async def _hold(self, attempt: int, continues: Dialogue | None = None) -> str:
        options, tally, self._tried = self._shop.options, self._shop.tally, True
        upgrade, self._attempt = self._shop.dialer.upgrade(attempt), attempt
        session = Session(self, self._shop.dialer, self._shop.ticker, tally, options, upgrade)
        kept = 0 if continues is None else KEPT_SAMPLES
        first = self._player.message_start(max(0, self._player.position(time.monotonic_ns()) - kept))
        parameters = open_parameters(options, self.plays.conversation_id, self.participant_id, continues)
        ending = await session.run(parameters, first)
        tally.end(ending, session.dialogue.opened is not None, session.why)
        return ending

    @property
    def participant_id(self) -> str:
        """The customer's, the same as the simulated platform's."""
        return str(uuid5(UUID(int=0), f"{self.plays.conversation_id}/0"))

    def _play(self) -> None:
        """Send what is due, then wait for the next message or end the call."""
        session, player = self._session, self._player
        if session is None or not session.live:
            return
        if self._held_until_ns > time.monotonic_ns():
            self._timer = self._shop.ticker.at(self._held_until_ns, self._play)
            return
        for piece in player.take(time.monotonic_ns()):
            if self._channels:
                self._note(session.audio(piece), piece)
        if player.finished:
            self.end()
        else:
            self._timer = self._shop.ticker.at(player.due_ns, self._play)

    def _note(self, sent: bool, piece: Piece) -> None:
        if not sent:
            self._sending = None
            return
        if self._sending is None:
            self._sending = Sent(piece.start * 1000 / SAMPLE_RATE, 0.0)
            self._sent.append(self._sending)
        self._sending.to_ms = piece.end * 1000 / SAMPLE_RATE

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until the call is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    def _finish(self) -> None:
        self.state = "ended"
        self._rest()
        left = not self._over.is_set() and self.ending not in ("end", "disconnect_completed")
        self._shop.tally.given_up += left or (self._tried and not self._opened)

    def report(self) -> HookReport:
        """The call as it stands."""
        now_ns, options = time.monotonic_ns(), self._shop.options
        started_ns = self._player.started_ns
        return HookReport(
            conversation_id=self.plays.conversation_id,
            file=self.plays.file,
            state=self.state,
            started_at_ns=started_ns,
            started_at_ms=None if started_ns is None else epoch_ms() - (now_ns - started_ns) // 1_000_000,
            speed=options.speed,
            loops=None if options.loop else 1,
            duration_ms=self._player.track.samples * 1000 // SAMPLE_RATE,
            position_ms=self._player.position(now_ns) * 1000 // SAMPLE_RATE,
            subscribers=int(self._session is not None and self._session.live),
            said=tuple(each for each in self.plays.said if self._plays(each)),
            sent=tuple(self._sent),
            session_id=self.sessions[-1].dialogue.id if self.sessions else None,
            organization_id=options.organization_id,
            participant_id=self.participant_id,
            channels=self._channels,
            sessions=self._opened,
            attempt=self._attempt,
            ending=self.ending,
        )

    def _plays(self, said: Said) -> bool:
        """Whether the phrase is played: its channel is wanted, as far as is known, and none of it lies in a gap."""
        return self._player.plays(said) and (self._player.started_ns is None or said.channel in self._channels)
