"""What a message of a notification channel says: a sign of life, the announced end of the socket, or a call as it is now. Pure.

A call's event carries all of its participants, not what has changed; nothing numbers the events. What follows from several of
them, in whatever order they came, is `call_book.py`'s. The peer is trusted with nothing: what can't be read is Ignored, with why.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from engine.genesys.checks import Standing, standings_of

MAX_MESSAGE_BYTES = 1024 * 1024
PING = '{"message":"ping"}'

HEARTBEAT_TOPIC = "channel.metadata"
CLOSING_TOPIC = "v2.system.socket_closing"

_CALLS = re.compile(r"v2\.(?:routing\.queues|users)\.[^.]{1,128}\.conversations\.calls")
_CONVERSATION = re.compile(r"[A-Za-z0-9_-]{1,128}")

Nothing = Literal["malformed", "unknown_topic", "no_conversation", "no_participants"]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The channel lives; also the answer to a ping."""


@dataclass(frozen=True, slots=True)
class SocketClosing:
    """The server closes this socket in about a minute."""


@dataclass(frozen=True, slots=True)
class CallSeen:
    """A voice call as it is now: its participants by id, as far as this topic shows them; never none."""

    conversation_id: str
    standings: Mapping[str, Standing]


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing that we know."""

    reason: Nothing


Notification = Heartbeat | SocketClosing | CallSeen | Ignored


def read_notification(message: bytes | str) -> Notification:
    """Say what a message tells."""
    try:
        event = orjson.loads(message)
    except orjson.JSONDecodeError:
        return Ignored("malformed")
    topic = event.get("topicName") if isinstance(event, dict) else None
    if not isinstance(topic, str):
        return Ignored("malformed")
    if topic.lower() == HEARTBEAT_TOPIC:
        return Heartbeat()
    if topic.lower() == CLOSING_TOPIC:
        return SocketClosing()
    return _call(event.get("eventBody")) if _CALLS.fullmatch(topic) else Ignored("unknown_topic")


def _call(body: Any) -> CallSeen | Ignored:
    identity = body.get("id") if isinstance(body, dict) else None
    if not isinstance(identity, str) or not _CONVERSATION.fullmatch(identity):
        return Ignored("no_conversation")
    standings = standings_of(body)
    return CallSeen(identity, standings) if standings else Ignored("no_participants")
