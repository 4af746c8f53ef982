"""What an AudioHook client writes, built by hand; `peer` is one that keeps its numbers as it should."""

import json
from typing import Any

from engine.genesys.audiohook.limits import SessionLimits
from engine.genesys.audiohook.session import AudioHookSession

SESSION = "c2a1f7d4-3b7e-4f63-8a55-9e0d1b7c4e21"
ORGANIZATION = "5b1f3f0e-8f0c-4c39-9d35-0a4f7d2b6c11"
CONVERSATION = "7d0c2a94-5e1b-4c77-9a3f-2f8b6e1d0c55"
PARTICIPANT = "e3b5c8a1-0d42-4b9e-8f17-6c2a9d5e7b30"
NULL = "00000000-0000-0000-0000-000000000000"

STEREO = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
MONO = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
LIMITS = SessionLimits()
LOST = {"start": "PT1S", "discarded": "PT0.5S"}

# Parameters that are good, by type.
GOOD: dict[str, dict[str, Any]] = {
    "open": {
        "organizationId": ORGANIZATION,
        "conversationId": CONVERSATION,
        "participant": {"id": PARTICIPANT, "ani": "+34600111222", "aniName": "Ana P.", "dnis": ""},
        "media": [STEREO, MONO],
    },
    "ping": {"rtt": "PT0.041S"},
    "update": {"language": "es-419"},
    "paused": {},
    "resumed": LOST,
    "discarded": LOST,
    "close": {"reason": "end"},
    "error": {"code": 408, "message": "no pong"},
    "dtmf": {"digit": "5"},
    "playback_started": {},
    "playback_completed": {},
    "weather": {"rain": True},
}


def text(kind: str, seq: int, serverseq: int = 0, parameters: object = None, **fields: object) -> str:
    """One message; `parameters` default to good ones."""
    message = {
        "version": "2",
        "type": kind,
        "id": SESSION,
        "seq": seq,
        "serverseq": serverseq,
        "position": "PT0S",
        "parameters": GOOD.get(kind, {}) if parameters is None else parameters,
    }
    return json.dumps({**message, **fields})


class Peer:
    """A client and our session; time stands still unless a test moves it."""

    def __init__(self, limits: SessionLimits = LIMITS, organization: str = ORGANIZATION) -> None:
        self.session = AudioHookSession(SESSION, organization, limits)
        self.seq = 0
        self.now_s = 1000.0
        self.session.wait_s(self.now_s)

    def says(self, kind: str, parameters: object = None, **fields: object) -> tuple[Any, ...]:
        """Say it with the next number."""
        self.seq += 1
        return tuple(self.session.receive_text(text(kind, self.seq, 0, parameters, **fields), self.now_s))

    def plays(self, data: bytes) -> tuple[Any, ...]:
        return tuple(self.session.receive_audio(data, self.now_s))

    def hears(self) -> list[dict[str, Any]]:
        """What we sent since."""
        return [json.loads(sent) for sent in self.session.data_to_send()]

    def told(self) -> list[tuple[str, int, int]]:
        """Type, seq and clientseq of what we sent since."""
        return [(sent["type"], sent["seq"], sent["clientseq"]) for sent in self.hears()]


def opened(limits: SessionLimits = LIMITS, **fields: object) -> Peer:
    """A session of two channels that is open; two messages were exchanged."""
    peer = Peer(limits)
    (asked,) = peer.says("open", {**GOOD["open"], **fields})
    assert peer.session.opened(asked.open.media[0])
    assert peer.told() == [("opened", 1, 1)]
    return peer
