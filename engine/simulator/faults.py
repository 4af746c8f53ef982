"""Faults on demand: the table of what can go wrong where, and the board of those that are armed. Pure.

A fault is armed with a count and strikes so often, at the first places that match, then is used up. Those of the
audio stream wait for a position in the call's audio and strike only after the first message, so they hit in mid-call.
"""

import re
from base64 import b64encode
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import ValidationError

from engine.errors import ConfigError
from engine.simulator.options import FaultOptions

Stage = Literal["token", "check", "api", "upgrade", "connect", "subscribe", "stream", "notify"]
Effect = Literal[
    "answer",
    "expire",
    "drop",
    "stall",
    "silence",
    "deafen",
    "close",
    "extra",
    "raw",
    "split",
    "skip",
    "repeat",
    "hold",
    "announce",
]
LIMIT_BYTES = 64 * 1024  # of a message, by the protocol
KNOWS_CONVERSATION: frozenset[Stage] = frozenset({"api", "subscribe", "stream"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. `status` is the HTTP status or WebSocket close code.

    `payload` is an extra message's text, or with the effect `raw` the bytes of a whole WebSocket frame.
    """

    stage: Stage
    effect: Effect
    says: str
    status: int = 0
    payload: bytes = b""


FAULTS: dict[str, Fault] = {
    "token_401": Fault("token", "answer", "the login server refuses the client", 401),
    "token_429": Fault("token", "answer", "the login server asks to come later (Retry-After)", 429),
    "token_500": Fault("token", "answer", "the login server fails", 500),
    "expired_token": Fault("check", "expire", "all tokens issued so far stop being valid"),
    "api_401": Fault("api", "answer", "a platform request is refused for its token", 401),
    "api_403": Fault("api", "answer", "a platform request is refused for lack of permission", 403),
    "api_404": Fault("api", "answer", "a platform request finds no such conversation", 404),
    "api_429": Fault("api", "answer", "a platform request is over the rate limit (Retry-After)", 429),
    "api_500": Fault("api", "answer", "a platform request fails in the server", 500),
    "api_drop": Fault("api", "drop", "the connection is dropped after the platform request was read; nothing is done"),
    "api_stall": Fault("api", "stall", "a platform request is held for stall_s, then answered with 504", 504),
    "upgrade_401": Fault("upgrade", "answer", "the real-time socket's opening is answered with 401", 401),
    "upgrade_403": Fault("upgrade", "answer", "the real-time socket's opening is answered with 403", 403),
    "upgrade_429": Fault("upgrade", "answer", "the real-time socket's opening is answered with 429 (Retry-After)", 429),
    "upgrade_500": Fault("upgrade", "answer", "the real-time socket's opening is answered with 500", 500),
    "slow_handshake": Fault("upgrade", "stall", "the real-time socket opens after stall_s"),
    "connect_reject_401": Fault("connect", "answer", "`connect` is answered with an error 401, then closed", 401),
    "connect_silence": Fault("connect", "silence", "`connected` never comes; the socket stays open"),
    "connect_stall": Fault("connect", "stall", "`connected` comes after stall_s"),
    "subscribe_403": Fault("subscribe", "answer", "`subscribe` is answered with an error 403, then closed", 403),
    "subscribe_429": Fault("subscribe", "answer", "`subscribe` is answered with an error 429, then closed", 429),
    "event_missed": Fault("notify", "skip", "a notification is not sent"),
    "event_repeated": Fault("notify", "repeat", "a notification is sent twice"),
    "event_late": Fault("notify", "hold", "a notification is sent after the next one on its channel"),
    "channel_drop": Fault("notify", "drop", "a notification channel's connection breaks, without a close message"),
    "channel_silence": Fault("notify", "silence", "nothing more comes on a channel's socket; it stays open"),
    "channel_closing": Fault(
        "notify", "announce", "a channel's socket is announced to close, and closes after closing_s"
    ),
    "channel_garbage": Fault("notify", "extra", "broken JSON comes on a channel", payload=b'{"topicName":"v2.rout'),
    "drop_mid_call": Fault("stream", "drop", "the TCP connection breaks, without a close message"),
    "close_1011": Fault("stream", "close", "the socket is closed with code 1011", 1011),
    "silence": Fault("stream", "silence", "nothing more comes on this socket, not even the end; it stays open"),
    "half_open": Fault(
        "stream", "deafen", "nothing more comes on this socket, no answer to pings either; it stays open"
    ),
    "garbage_json": Fault("stream", "extra", "broken JSON comes between two messages", payload=b'{"type":"audio","au'),
    "garbage_base64": Fault(
        "stream",
        "extra",
        "an audio message that is not base64 comes between two messages",
        payload=b'{"type":"audio","audio":"%%%not-base64%%%"}',
    ),
    "unknown_types": Fault(
        "stream",
        "extra",
        "a message of an unknown type comes between two messages",
        payload=b'{"type":"weather","rain":true,"nested":{"audio":[1,2]}}',
    ),
    "huge_message": Fault(
        "stream",
        "extra",
        "an audio message of 64 KiB and one byte comes between two messages",
        payload=b'{"type":"audio","audio":"%s"}' % (b"A" * (LIMIT_BYTES + 1 - 27)),
    ),
    "endless_message": Fault(
        "stream",
        "extra",
        "an audio message of half a megabyte comes between two messages",
        payload=b'{"type":"audio","audio":"%s"}' % (b"A" * 524_288),
    ),
    "deep_nesting": Fault(
        "stream",
        "extra",
        "JSON nested 20,000 deep comes between two messages",
        payload=b'{"type":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ),
    "unknown_subscription": Fault(
        "stream",
        "extra",
        "20 ms of silence for a subscription that nobody asked for come between two messages",
        payload=b'{"type":"audio","id":"voice-stream-99","audio":"%s"}' % b64encode(bytes(320)),
    ),
    "binary_garbage": Fault(
        "stream",
        "raw",
        "a binary message that is no JSON comes between two messages",
        payload=b"\x82\x08\xff\x00cue\x00\xff\xfe",
    ),
    "compressed_frame": Fault(
        "stream",
        "raw",
        "a frame that says it is compressed, which nobody agreed to, comes between two messages",
        payload=b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
    ),
    "odd_bytes": Fault("stream", "split", "one message's audio comes as two, the first of an odd number of bytes"),
}

_TEXT = re.compile(
    r"(?P<name>\w+)(\+(?P<after_ms>[0-9]+))?(:(?P<count>[1-9][0-9]*))?(@(?P<conversation_id>[A-Za-z0-9_-]+))?"
)


def parse_fault(text: str) -> FaultOptions:
    """Read `NAME[+AFTER_MS][:COUNT][@CONVERSATION_ID]`; ConfigError says what is allowed."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ConfigError([f"fault {text[:100]!r}: write NAME[+AFTER_MS][:COUNT][@CONVERSATION_ID]"])
    try:
        fault = FaultOptions.model_validate(
            {key: value for key, value in found.groupdict().items() if value is not None}
        )
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ConfigError([f"fault {text[:100]!r}: {wrong['loc'][0]}: {wrong['msg']}"]) from error
    check_fault(fault)
    return fault


def check_fault(fault: FaultOptions) -> Fault:
    """The fault's row; ConfigError when there is none, or when it can't be tied to a conversation."""
    row = FAULTS.get(fault.name)
    if row is None:
        raise ConfigError([f"fault {fault.name!r}: no such fault; there are {', '.join(FAULTS)}"])
    if fault.conversation_id is not None and row.stage not in KNOWS_CONVERSATION:
        raise ConfigError([f"fault {fault.name!r}: strikes before a conversation is known; leave @… away"])
    return row


@dataclass(slots=True)
class _Armed:
    """A fault that waits; `left` counts down."""

    options: FaultOptions
    row: Fault
    from_ms: float
    left: int

    def matches(self, conversation_id: str | None, at_ms: float) -> bool:
        return at_ms >= self.from_ms and self.options.conversation_id in (None, conversation_id)


@dataclass(frozen=True, slots=True)
class FaultReport:
    """How often an armed fault has struck."""

    name: str
    count: int
    left: int
    conversation_id: str | None
    after_ms: float
    says: str

    def body(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class FaultBoard:
    """The armed faults. Times are milliseconds of one clock, or of the call's audio for the stage `stream`."""

    def __init__(self) -> None:
        self._active: dict[Stage, list[_Armed]] = {}
        self._all: deque[_Armed] = deque(maxlen=1000)

    def arm(self, fault: FaultOptions, now_ms: float) -> None:
        """Let the fault strike from now (or later, as it says) on; ConfigError as `check_fault`."""
        row = check_fault(fault)
        base_ms = 0.0 if row.stage == "stream" else now_ms
        armed = _Armed(fault, row, base_ms + fault.after_ms, fault.count)
        self._active.setdefault(row.stage, []).append(armed)
        self._all.append(armed)

    def active(self, stage: Stage) -> bool:
        """Whether any fault waits at this stage: cheap enough for every message."""
        return stage in self._active

    def take(self, stage: Stage, at_ms: float, conversation_id: str | None = None) -> tuple[str, Fault] | None:
        """The fault that strikes here and now, counted as having struck; None almost always."""
        waiting = self._active.get(stage, ())
        armed = next((armed for armed in waiting if armed.matches(conversation_id, at_ms)), None)
        if armed is None:
            return None
        armed.left -= 1
        if not armed.left:
            self._retire(stage, armed)
        return armed.options.name, armed.row

    def _retire(self, stage: Stage, armed: _Armed) -> None:
        self._active[stage].remove(armed)
        if not self._active[stage]:
            del self._active[stage]

    def report(self) -> tuple[FaultReport, ...]:
        """Every fault armed so far (the last 1000), the used-up ones too."""
        return tuple(
            FaultReport(
                armed.options.name,
                armed.options.count,
                armed.left,
                armed.options.conversation_id,
                armed.options.after_ms,
                armed.row.says,
            )
            for armed in self._all
        )
