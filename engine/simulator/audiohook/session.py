"""One AudioHook session as Genesys holds it: a signed upgrade, `open`, pings and audio, `close`, and the waits of spec §9.

The owner (`call`) gives it audio and is told when it opens; `run` returns how it ended, one word of a closed set: `end`,
`reconnect`, `disconnect_*` as the server said, `upgrade_<status>`, `no_connection`, `opened_timeout`, `pong_timeout`,
`closed_timeout`, `server_fault`, `aborted`, `dropped` (no protocol's close). All but reading is done in the ticker's steps.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from engine.options import Channel
from engine.simulator.audiohook import durations
from engine.simulator.audiohook.dialogue import Dialogue, ServerFaultError, ServerMessage
from engine.simulator.audiohook.options import HookOptions
from engine.simulator.audiohook.pings import Pings
from engine.simulator.audiohook.player import Piece, Skip
from engine.simulator.audiohook.signing import Upgrade
from engine.simulator.audiohook.socket import Dialer, HookSocket, UpgradeFailedError
from engine.simulator.audiohook.tally import Tally
from engine.simulator.audiohook.ticker import Ticker, Timer

UNSENT_MAX_BYTES = 256 * 1024  # more than this waiting: audio is thrown away, as Genesys throttles
TRANSCRIPTS_KEPT = 10_000


class Owner(Protocol):
    """Who gives the audio."""

    def on_opened(self, session: "Session", channels: tuple[Channel, ...]) -> None:
        """`opened` came; the server wants these channels in this order, perhaps none."""

    def on_reconnect(self, session: "Session") -> None:
        """The server asks for another session in this one's place."""


class Session:
    """From the upgrade to the socket's end."""

    def __init__(
        self, owner: Owner, dialer: Dialer, ticker: Ticker, tally: Tally, options: HookOptions, upgrade: Upgrade
    ) -> None:
        self._owner = owner
        self._dialer = dialer
        self._ticker = ticker
        self._tally = tally
        self._options = options
        self._upgrade = upgrade
        self._socket: HookSocket | None = None
        self.dialogue = Dialogue(upgrade.session_id, options.offers())
        self.transcripts: deque[dict[str, Any]] = deque(maxlen=TRANSCRIPTS_KEPT)
        self._ending: str | None = None
        self.why = ""  # what was said of the ending, by the server or by the network
        self._waiting: Timer | None = None  # for opened or closed
        self._pings = Pings(options, ticker, tally, self._say, self._too_late("pong_timeout"))
        self._said_ns = 0  # when `open` was
        self.discard_to: int | None = None  # sample, as the server asked with `opened`
        self._held = False  # by the server's pause
        self._skipped: tuple[Skip, int] | None = None  # since when nothing is sent: why, and from which sample

    async def run(self, opening: dict[str, Any], position: int = 0) -> str:
        """Hold the session with these parameters of `open` until it is over; return how it ended."""
        began_ns = time.monotonic_ns()
        try:
            self._socket = await self._dialer.dial(self._upgrade)
        except UpgradeFailedError as error:
            self.why = str(error)
            return f"upgrade_{error.status}" if error.status else "no_connection"
        self._tally.connected_ms.append((time.monotonic_ns() - began_ns) / 1e6)
        self._tally.sessions += 1
        try:
            self.dialogue.position = position
            self._say("open", opening)
            self._said_ns = time.monotonic_ns()
            self._waiting = self._ticker.after(self._options.open_timeout_s, self._too_late("opened_timeout"))
            async for text in self._socket.messages():
                self._heard(text)
        finally:
            self._leave()
        return (
            "dropped" if not self.dialogue.closed and self._ending in (None, "end", "reconnect") else str(self._ending)
        )

    @property
    def live(self) -> bool:
        """Audio may be sent."""
        return self.dialogue.opened is not None and not self.dialogue.closing and self._socket is not None

    def audio(self, piece: Piece) -> bool:
        """Send it, or account for it as thrown away; whether it was sent."""
        if self._socket is None or not self.live:
            return False
        why = piece.skip or ("pause" if self._held else None)
        if why is None and self._socket.unsent > UNSENT_MAX_BYTES:
            self._tally.throttled += len(piece.frames)
            why = "discard"
        if why is not None:
            self._skip(why, piece.start)
            return False
        if self._skipped is not None:
            self._go_on(piece.start)
        for frame in piece.frames:
            self._socket.put(frame)
        self.dialogue.position = piece.end
        self._tally.messages += len(piece.frames)
        self._tally.samples += piece.end - piece.start
        return True

    def leave_out(self) -> None:
        """What comes before the next audio is thrown away, and told."""
        self._skip("discard", self.dialogue.position)

    def update(self, language: str) -> None:
        """Ask for another language."""
        self._say("update", {"language": language})

    def close(self, reason: str = "end", ending: str | None = None) -> None:
        """Say `close` and wait for `closed`; a second time changes nothing."""
        if self.dialogue.closing or self._socket is None:
            return
        self._ending = ending or reason
        self._cancel()
        self._say("close", {"reason": reason})
        self._waiting = self._ticker.after(self._options.close_timeout_s, self._no_closed)

    def abort(self) -> None:
        """Break the connection on purpose: it ends as `aborted`, which is nobody's loss."""
        if self._socket is not None:
            self._ending = "aborted"
            self._socket.abort()

    def freeze(self, seconds: float) -> None:
        """Neither ping nor read for so long."""
        if self._socket is not None:
            self._pings.rest(seconds)
            self._ticker.after(seconds, self._socket.stand_still())

    def _skip(self, why: Skip, start: int) -> None:
        if self._skipped is None:
            self._skipped = why, start
            if why == "pause":
                self._say("paused")

    def _go_on(self, at: int) -> None:
        """What was skipped is told; the next audio is at `at`."""
        assert self._skipped is not None
        (why, start), self._skipped = self._skipped, None
        lost = {"start": durations.of_samples(start), "discarded": durations.of_samples(at - start)}
        self.dialogue.position = at
        self._tally.discarded += at - start
        self._say("resumed" if why == "pause" else "discarded", lost)

    def _say(self, type_: str, parameters: dict[str, Any] | None = None) -> None:
        if self._socket is not None:
            self._socket.put_text(self.dialogue.say(type_, parameters))

    def _heard(self, text: str | bytes) -> None:
        try:
            if isinstance(text, str):
                self._act(self.dialogue.hear(text))
            elif self._options.product != "connector":
                raise ServerFaultError(415, "binary data")  # noqa: TRY301 (it is answered as the others are)
        except ServerFaultError as fault:
            self._tally.server_faults[str(fault)] += 1
            self._give_up(fault.code, str(fault), "server_fault")

    def _act(self, message: ServerMessage) -> None:
        if message.type in ("event", "pause", "resume", "reconnect") and not self._wanted(message):
            self._tally.unsolicited[message.type] += 1
        match message.type:
            case "opened":
                self._opened(message.parameters)
            case "pong":
                self._pings.pong()
            case "event":
                self._entities(message.parameters["entities"])
            case "pause":
                self._held = True
                self._skip("pause", self.dialogue.position)
            case "resume":
                self._held = False
            case "reconnect":
                self._owner.on_reconnect(self)
            case "disconnect":
                self._disconnected(message.parameters)
            case "closed":
                self._closed()

    def _wanted(self, message: ServerMessage) -> bool:
        return message.type == "event" and self._options.product != "monitor"

    def _opened(self, parameters: dict[str, Any]) -> None:
        self._cancel()
        self._tally.opened += 1
        self._tally.opened_ms.append((time.monotonic_ns() - self._said_ns) / 1e6)
        media = parameters["media"]
        self._held = parameters.get("startPaused", False)
        self._pings.start()
        self.discard_to = durations.to_samples(parameters.get("discardTo"))
        self._owner.on_opened(self, tuple(media[0]["channels"]) if media else ())

    def _entities(self, entities: list[dict[str, Any]]) -> None:
        for entity in entities:
            if entity["type"] == "transcript":
                if not isinstance(entity.get("data"), dict):
                    raise ServerFaultError(500, "a transcript without data")
                self.transcripts.append(entity["data"])
                final = entity["data"].get("isFinal") is True
                self._tally.finals += final
                self._tally.partials += not final

    def _disconnected(self, parameters: dict[str, Any]) -> None:
        if self.dialogue.opened is None:
            self._tally.refused_ms.append((time.monotonic_ns() - self._said_ns) / 1e6)
        self.why = str(parameters.get("info") or "")
        self.close("disconnect", f"disconnect_{parameters['reason']}")

    def _closed(self) -> None:
        self._cancel()
        if self._socket is not None:
            self._socket.put_close()
            self._waiting = self._ticker.after(self._options.close_timeout_s, self._socket.abort)

    def _too_late(self, ending: str) -> Callable[[], None]:
        return lambda: self._give_up(408, f"Timed out: {ending}", ending)

    def _give_up(self, code: int, message: str, ending: str) -> None:
        if not self.dialogue.closing:
            self._say("error", {"code": code, "message": message})
        self.close("error", ending)

    def _no_closed(self) -> None:
        self._say("error", {"code": 408, "message": "Timed out: closed"})
        self._ending = "closed_timeout" if self._ending in ("end", "reconnect") else self._ending
        if self._socket is not None:
            self._socket.abort()

    def _cancel(self) -> None:
        self._pings.stop()
        if self._waiting is not None:
            self._waiting.cancel()

    def _leave(self) -> None:
        self._cancel()
        socket, self._socket = self._socket, None
        if socket is not None:
            if not self.dialogue.closed:
                socket.put_close()
            socket.let_go()
