"""The numbers on the messages, both ways: each side counts its own from 1 and names the newest that it has seen of the other's."""

from typing import Literal

from engine.genesys.audiohook.decoding import Envelope
from engine.genesys.audiohook.messages import ServerMessage, encode

NumberFault = Literal["seq", "serverseq", "id"]


class Numbering:
    """Number and keep what is to be sent; check what comes."""

    def __init__(self, session_id: str) -> None:
        self._id = session_id
        self._client_seq = 0
        self._server_seq = 0
        self._outgoing: list[str] = []

    def check(self, envelope: Envelope) -> NumberFault | None:
        """Say what is wrong with a message's numbers or id; nothing is counted then. An id's case is the peer's to choose."""
        if envelope.seq != self._client_seq + 1:
            return "seq"
        if envelope.serverseq > self._server_seq:
            return "serverseq"
        if envelope.id.lower() != self._id.lower():
            return "id"
        self._id = envelope.id
        return None

    def seen(self, envelope: Envelope) -> None:
        """This is the newest message; what is sent from now on names it."""
        self._client_seq = envelope.seq

    def send(self, message: ServerMessage) -> None:
        """Number a message and put it behind the others."""
        self._server_seq += 1
        self._outgoing.append(encode(message, self._id, self._server_seq, self._client_seq))

    def data_to_send(self) -> list[str]:
        """Return what is to be sent, in order, each once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing
