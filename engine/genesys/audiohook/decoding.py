"""A client's text read in two steps: the envelope, which every message has, and the parameters, which each type has its own of.

Fields that are not known are passed over, and so are optional ones that are null; types that are not known are `Unknown`.
A `close` or an `error` is one whatever its parameters say: who wants to go is let go, and complaints are only counted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import orjson

from engine.genesys.audiohook import messages
from engine.genesys.audiohook.durations import read_ns, samples_of
from engine.genesys.audiohook.ids import NULL_ID, UUID
from engine.genesys.audiohook.media import media_of
from engine.genesys.audiohook.messages import MAX_BYTES, VERSION, ClientMessage, CloseReason

MAX_LANGUAGE_CHARACTERS = 64

EnvelopeFault = Literal["too_large", "json", "envelope", "version", "position"]

_REASONS: dict[object, CloseReason] = {reason: reason for reason in get_args(CloseReason)}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every message has. `seq` is 1 or more, `serverseq` 0 or more."""

    type: str
    id: str
    seq: int
    serverseq: int
    position_ns: int
    parameters: Mapping[str, Any]


def read(data: str | bytes) -> Envelope | EnvelopeFault:
    """Read a text message's envelope, or say what is wrong with it."""
    if _is_too_large(data):
        return "too_large"
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        return "json"
    return _envelope(message) if isinstance(message, dict) else "envelope"


def decode(envelope: Envelope) -> ClientMessage | None:
    """Read a message's parameters; None where one that counts is missing or wrong."""
    decoder = _DECODERS.get(envelope.type)
    if decoder is None:
        return messages.Unknown()
    try:
        return decoder(envelope)
    except ValueError:
        return None


def _is_too_large(data: str | bytes) -> bool:
    """Whether it is more than MAX_BYTES as UTF-8."""
    if len(data) > MAX_BYTES:
        return True
    return isinstance(data, str) and not data.isascii() and len(data.encode(errors="surrogatepass")) > MAX_BYTES


def _envelope(message: Mapping[str, Any]) -> Envelope | EnvelopeFault:
    kind, identity, parameters = message.get("type"), message.get("id"), message.get("parameters")
    seq, serverseq = message.get("seq"), message.get("serverseq")
    if message.get("version") != VERSION:
        return "version"
    if not (isinstance(kind, str) and isinstance(identity, str) and isinstance(parameters, dict)):
        return "envelope"
    if type(seq) is not int or seq < 1 or type(serverseq) is not int or serverseq < 0:  # True is none
        return "envelope"
    try:
        return Envelope(kind, identity, seq, serverseq, read_ns(message.get("position")), parameters)
    except ValueError:
        return "position"


def _open(envelope: Envelope) -> messages.Open:
    given = envelope.parameters
    participant = _required(given, "participant", dict)
    for name in ("ani", "aniName", "dnis"):
        _optional(participant, name, str)
    conversation_id, participant_id = _uuid(given, "conversationId"), _uuid(participant, "id")
    return messages.Open(
        organization_id=_uuid(given, "organizationId"),
        conversation_id=conversation_id,
        participant_id=participant_id,
        media=tuple(media for offer in _required(given, "media", list) if (media := media_of(offer))),
        language=_language(_optional(given, "language", str)),
        asks_languages=bool(_optional(given, "supportedLanguages", bool)),
        continued=tuple(filter(None, map(_continued, _optional(given, "continuedSessions", list) or ()))),
        is_probe=NULL_ID in (conversation_id, participant_id),
        position_samples=samples_of(envelope.position_ns),
    )


def _continued(entry: object) -> str | None:
    """The id of a session that goes on in this one; None for an entry that is not known."""
    identity = entry.get("id") if isinstance(entry, dict) else None
    return identity.lower() if isinstance(identity, str) and UUID.fullmatch(identity) else None


def _ping(envelope: Envelope) -> messages.Ping:
    rtt = envelope.parameters.get("rtt")
    return messages.Ping(None if rtt is None else read_ns(rtt))


def _update(envelope: Envelope) -> messages.Update:
    language = _language(_required(envelope.parameters, "language", str))
    if language is None:
        raise ValueError("language")
    return messages.Update(language)


def _dtmf(envelope: Envelope) -> messages.Dtmf:
    _required(envelope.parameters, "digit", str)
    return messages.Dtmf()


def _lost(envelope: Envelope) -> int:
    """Samples that a client threw away. Where is not needed: it is where we are."""
    read_ns(envelope.parameters.get("start"))
    return samples_of(read_ns(envelope.parameters.get("discarded")))


def _close(envelope: Envelope) -> messages.Close:
    reason = envelope.parameters.get("reason")
    return messages.Close(_REASONS.get(reason, "other") if isinstance(reason, str) else "other")


def _error(envelope: Envelope) -> messages.Error:
    code = envelope.parameters.get("code")
    return messages.Error(code if type(code) is int and 400 <= code <= 9999 else 0)


_DECODERS: dict[str, Callable[[Envelope], ClientMessage]] = {
    "open": _open,
    "ping": _ping,
    "update": _update,
    "paused": lambda _: messages.Paused(),
    "resumed": lambda envelope: messages.Resumed(_lost(envelope)),
    "discarded": lambda envelope: messages.Discarded(_lost(envelope)),
    "close": _close,
    "error": _error,
    "dtmf": _dtmf,
    "playback_started": lambda _: messages.Playback(),
    "playback_completed": lambda _: messages.Playback(),
}


def _required(given: Mapping[str, Any], name: str, kind: type) -> Any:
    """A parameter that has to be there, of this type. ValueError else."""
    if not isinstance(value := given.get(name), kind):
        raise ValueError(name)  # noqa: TRY004 — the peer's mistake, not a caller's
    return value


def _optional(given: Mapping[str, Any], name: str, kind: type) -> Any:
    """A parameter that may be missing or null: None. ValueError where it is of another type."""
    return None if given.get(name) is None else _required(given, name, kind)


def _uuid(given: Mapping[str, Any], name: str) -> str:
    """An id of any version, in lower case. ValueError where it is none."""
    value = _required(given, name, str)
    if not UUID.fullmatch(value):
        raise ValueError(name)
    return str(value.lower())


def _language(value: str | None) -> str | None:
    """A language's tag as it came; None for no text or an empty one. ValueError where it is too long to be one."""
    if value and len(value) > MAX_LANGUAGE_CHARACTERS:
        raise ValueError("language")
    return value or None
