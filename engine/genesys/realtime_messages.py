"""What a real-time message says: its kind, and what a rejection or an end tells; pure.

The protocol is documented by example only, so the reading is lenient: statuses may be numbers or text, at the top or nested,
in a message or in a WebSocket close; an end may be a type or a state. The law of what may follow what is in `realtime.py`.
Nothing here is on the audio's path: audio is recognised by its type alone.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any, Literal

_SUBSCRIPTIONS = "voice-stream-"
SUBSCRIPTION_ID = f"{_SUBSCRIPTIONS}1"

Verdict = Literal["renew_token", "give_up", "back_off"]

# What a rejection's status asks for; any other status, also none (0), means back off and try again.
VERDICTS: dict[int, Verdict] = {401: "renew_token", 403: "give_up"}

NORMAL_CLOSE = 1000

# Close codes that are rejections; 44xx and 45xx carry the status itself.
CLOSE_STATUSES = {1008: 403, 1013: 503}

_STATUS_FIELDS = ("status", "code", "statusCode", "status_code", "errorCode")
_RETRY_FIELDS = ("retryAfter", "retry_after", "retry-after", "Retry-After", "retryAfterSeconds")
_NUMBER = re.compile(r"\+?\d(?:[\s().\-/]{0,2}\d){6,}")
_DATA = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
_MESSAGE_FIELDS = ("message", "reason", "description", "error")
_NESTS = ("error", "response", "errors")
_STATE_FIELDS = ("state", "event", "status")
_STATE_NESTS = ("conversation", "data", "eventBody")

_ENDED = re.compile(
    r"(?<![a-z])(?:conversation|call|stream|session|audio|media)?(?:ended|terminated|disconnected)(?![a-z])"
)
_REJECTED = re.compile(r"error|reject|fail|denied|unauthori[sz]ed|forbidden")
_ACKNOWLEDGED = re.compile(r"(?<!un)subscri|(?<![a-z])ack")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_STATUS_FIRST = re.compile(r"\s*([45]\d\d)(?!\w)")
_STATUS_IN_TEXT = re.compile(r"(?<![\w-])([45]\d\d)(?![\w-])")
_STATUS_BY_NAME = (
    (re.compile(r"unauthori[sz]ed|token|credential|authentication"), 401),
    (re.compile(r"forbidden|permission|not allowed|denied|visib"), 403),
    (re.compile(r"too[ ._-]many|(?<![a-z])rate|throttl"), 429),
)


class Kind(Enum):
    """What a message is to the session's law."""

    CONNECTED = auto()
    ACKNOWLEDGED = auto()
    AUDIO = auto()
    REJECTED = auto()
    ENDED = auto()
    OTHER = auto()
    TIMEOUT = auto()  # no message: the caller waited in vain
    DROPPED = auto()  # no message: the socket is gone, and nobody said that the conversation is over


def kind_of(message: Mapping[str, Any]) -> Kind:
    """Return the message's kind; OTHER for whatever is not known."""
    name = _lowered(message.get("type"))
    if name in {"connected", "audio"}:
        return Kind.CONNECTED if name == "connected" else Kind.AUDIO
    if _says_ended(name, message):
        return Kind.ENDED
    if _REJECTED.search(name) or message.get("error") or status_of(message):
        return Kind.REJECTED
    if _ACKNOWLEDGED.search(name) or message.get("id") == SUBSCRIPTION_ID:
        return Kind.ACKNOWLEDGED
    return Kind.OTHER


def concerns(message: Mapping[str, Any], conversation_id: str) -> bool:
    """Whether an end is this conversation's: it names this one, or none."""
    return bool(message.get("conversationId", conversation_id) == conversation_id)


def is_for(message: Mapping[str, Any], conversation_id: str) -> bool:
    """Whether audio is our subscription's: it names this one or none. An id that is no subscription's is the message's own."""
    stream = message.get("id")
    foreign = isinstance(stream, str) and stream != SUBSCRIPTION_ID and stream.startswith(_SUBSCRIPTIONS)
    return not foreign and concerns(message, conversation_id)


def status_of(message: Mapping[str, Any]) -> int:
    """HTTP status that a message carries, as a number or as text that begins with it; 0 without one."""
    return next((status for value in _fields(message, _STATUS_FIELDS) if (status := _as_status(value))), 0)


def rejection_status(message: Mapping[str, Any]) -> int:
    """As `status_of`, and else guessed from the rejection's words; 0 if they say nothing."""
    words = (message.get("type"), *_fields(message, _STATUS_FIELDS), rejection_text(message))
    return status_of(message) or status_in_words(" ".join(_lowered(word) for word in words))


def rejection_text(message: Mapping[str, Any]) -> str:
    """What the peer says about it, in its own words; "" if nothing."""
    return next((text for text in _fields(message, _MESSAGE_FIELDS) if isinstance(text, str)), "")


def reserved(text: str) -> str:
    """A peer's words without what may be a telephone number, audio or a token."""
    return _DATA.sub("(data)", _NUMBER.sub("(number)", text))


def retry_after_of(message: Mapping[str, Any]) -> float | None:
    """Seconds that a rejection asks to wait, if it does."""
    found = (as_seconds(value) for value in _fields(message, _RETRY_FIELDS))
    return next((seconds for seconds in found if seconds is not None), None)


def as_seconds(value: object) -> float | None:
    """Read a number of seconds, also written as text; None for anything else (dates, negatives, infinities)."""
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def status_of_close(code: int, reason: str) -> int:
    """HTTP status of a rejection told by a WebSocket close; 0 for a close that is none."""
    if 4400 <= code < 4600:
        return code - 4000
    status = CLOSE_STATUSES.get(code, 0)
    return status and (status_in_words(reason) or status)


def kind_of_close(code: int, reason: str) -> Kind:
    """Return what a WebSocket close means: the end, a rejection, or no more than a lost socket."""
    if code == NORMAL_CLOSE:
        return Kind.ENDED
    return Kind.REJECTED if status_of_close(code, reason) else Kind.DROPPED


def status_in_words(text: str) -> int:
    """Status in free text: "HTTP 403", "too many requests"; 0 if it says nothing known."""
    if number := _STATUS_IN_TEXT.search(text):
        return int(number[1])
    lowered = text.lower()
    return next((status for pattern, status in _STATUS_BY_NAME if pattern.search(lowered)), 0)


def verdict_of(status: int) -> Verdict:
    """Return what to do after a rejection with this status (0: none was told)."""
    return VERDICTS.get(status, "back_off")


def _says_ended(name: str, message: Mapping[str, Any]) -> bool:
    """Return whether the type says so, or the state in a conversation's message."""
    if _ends(name):
        return True
    if "conversation" not in name and name != "state":
        return False
    nests = [message, *(nest for key in _STATE_NESTS if isinstance(nest := message.get(key), dict))]
    return any(_ends(_lowered(nest.get(field))) for nest in nests for field in _STATE_FIELDS)


def _ends(text: str) -> bool:
    """Whether words tell an end; that of a participant is not the conversation's."""
    return "participant" not in text and _ENDED.search(text) is not None


def _fields(message: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[Any]:
    """Values of these fields: the message's own, then those of the objects in it that may hold an error."""
    nests = (message.get(key) for key in _NESTS)
    for part in (message, *(nest for nest in nests if isinstance(nest, dict))):
        yield from (part.get(name) for name in names)


def _as_status(value: object) -> int:
    """A status given as a number or at the beginning of a text; 0 for anything else."""
    if isinstance(value, int):
        return value if 400 <= value < 600 else 0
    found = _STATUS_FIRST.match(value) if isinstance(value, str) else None
    return int(found[1]) if found else 0


def _lowered(value: object) -> str:
    """Text in lower case with camelCase broken up; "" for anything else."""
    return _CAMEL.sub("_", value).lower() if isinstance(value, str) else ""
