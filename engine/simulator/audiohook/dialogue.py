"""Genesys' side of one AudioHook session: what it says, and whether what the server says is right. Pure; no clock.

Text in, `Said` out; a server that breaks the protocol raises `ServerFaultError` with the code that Genesys would send back in
an `error`. Written from `specs/audiohook.md` §3-§6 and nothing else: the checks here judge the server, so they share nothing
with it. Sequence numbers are kept on both ways.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engine.errors import CuelineError
from engine.simulator.audiohook import durations
from engine.simulator.audiohook.options import MESSAGE_MAX_BYTES

SERVER_TYPES = frozenset({"opened", "pong", "updated", "pause", "resume", "event", "disconnect", "reconnect", "closed"})
REASONS = frozenset({"completed", "unauthorized", "error"})


class ServerFaultError(CuelineError):
    """The server broke the protocol; `code` is what Genesys tells it."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(what)
        self.code = code


@dataclass(frozen=True, slots=True)
class ServerMessage:
    """A message of the server that is right in form, sequence and place."""

    type: str
    parameters: dict[str, Any]


class Dialogue:
    """Messages of one session, out and in."""

    def __init__(self, session_id: str, offers: Sequence[dict[str, object]], position: int = 0) -> None:
        self.id = session_id
        self.offers = list(offers)
        self.seq = 0
        self.server_seq = 0
        self.position = position  # samples per channel, sent or told to be discarded
        self.opened: dict[str, Any] | None = None  # the parameters of `opened`
        self.closed = False
        self._wronged = False  # after the server's first fault its seq is taken as it comes, so that `closed` is heard
        self._told_off = False  # by `disconnect`: from then on the server may leave out pongs
        self._pings: list[int] = []  # their seq, unanswered
        self._close_seq = 0

    def say(self, type_: str, parameters: dict[str, Any] | None = None, **wrong: Any) -> bytes:
        """The next message's text. `wrong` replaces fields of the envelope, for faults; the own count goes on from `seq`."""
        self.seq += 1
        message = {
            "version": "2",
            "type": type_,
            "id": self.id,
            "seq": self.seq,
            "serverseq": self.server_seq,
            "position": durations.of_samples(self.position),
            "parameters": parameters or {},
        } | wrong
        if isinstance(wrong.get("seq"), int):
            self.seq = wrong["seq"]
        if type_ == "ping":
            self._pings.append(self.seq)
        if type_ == "close":
            self._close_seq = self.seq
        return orjson.dumps(message)

    @property
    def closing(self) -> bool:
        """`close` was said."""
        return self._close_seq > 0

    def hear(self, text: str | bytes) -> ServerMessage:
        """Check one message. ServerFaultError."""
        try:
            return self._checked(text)
        except ServerFaultError:
            self._wronged = True
            raise

    def _checked(self, text: str | bytes) -> ServerMessage:
        if len(text) > MESSAGE_MAX_BYTES:
            raise ServerFaultError(413, "the message is too large")
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ServerFaultError(400, "not JSON") from error
        self._check_envelope(body)
        self.server_seq = body["seq"]
        message = ServerMessage(body["type"], body["parameters"])
        self._check_place(message, body["clientseq"])
        return message

    def _check_envelope(self, body: Any) -> None:
        if not isinstance(body, dict) or not isinstance(body.get("parameters"), dict):
            raise ServerFaultError(400, "not a server message: an object with parameters")
        if body.get("version") != "2" or body.get("type") not in SERVER_TYPES:
            raise ServerFaultError(500, "unknown version or type")
        if body.get("id") != self.id:
            raise ServerFaultError(400, "another session's id")
        if type(body.get("seq")) is not int or (body["seq"] != self.server_seq + 1 and not self._wronged):
            raise ServerFaultError(500, f"seq is not {self.server_seq + 1}")
        if type(body.get("clientseq")) is not int or not 0 <= body["clientseq"] <= self.seq:
            raise ServerFaultError(500, f"clientseq is not from 0 to {self.seq}")

    def _check_place(self, message: ServerMessage, client_seq: int) -> None:
        if self.closed and message.type != "pong":  # to a ping that was said after close
            raise ServerFaultError(409, f"{message.type} after closed")
        match message.type:
            case "opened":
                self._check_opened(message.parameters)
            case "pong":
                self._check_pong(client_seq)
            case "closed":
                self._check_closed(client_seq)
            case "disconnect":
                if message.parameters.get("reason") not in REASONS:
                    raise ServerFaultError(500, "disconnect without a known reason")
                self._told_off = True
            case "event":
                self._check_event(message.parameters)
            case _:
                self._check_open(message.type)

    def _check_opened(self, parameters: dict[str, Any]) -> None:
        media = parameters.get("media")
        if self.opened is not None:
            raise ServerFaultError(409, "opened twice")
        if not isinstance(media, list) or len(media) > 1 or any(each not in self.offers for each in media):
            raise ServerFaultError(400, "opened with media that are not one of those offered, unchanged")
        if not isinstance(parameters.get("startPaused", False), bool):
            raise ServerFaultError(500, "startPaused is no boolean")
        if "discardTo" in parameters and durations.seconds(parameters["discardTo"]) is None:
            raise ServerFaultError(500, "discardTo is no duration")
        self.opened = parameters

    def _check_pong(self, client_seq: int) -> None:
        if not self._pings:
            raise ServerFaultError(409, "pong without ping")
        if self._told_off and client_seq in self._pings:
            del self._pings[: self._pings.index(client_seq)]
        if client_seq != self._pings[0]:
            raise ServerFaultError(400, f"the pong's clientseq is not the ping's seq {self._pings[0]}")
        self._pings.pop(0)

    def _check_closed(self, client_seq: int) -> None:
        if not self.closing:
            raise ServerFaultError(409, "closed without close")
        if client_seq != self._close_seq:
            raise ServerFaultError(400, f"the clientseq of closed is not the seq of close, {self._close_seq}")
        self.closed = True

    def _check_event(self, parameters: dict[str, Any]) -> None:
        self._check_open("event")
        entities = parameters.get("entities")
        if not isinstance(entities, list) or not entities:
            raise ServerFaultError(500, "an event without entities")
        if not all(isinstance(each, dict) and isinstance(each.get("type"), str) for each in entities):
            raise ServerFaultError(500, "an entity without type")

    def _check_open(self, type_: str) -> None:
        if self.opened is None:
            raise ServerFaultError(409, f"{type_} before opened")
