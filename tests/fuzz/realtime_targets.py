"""What a Genesys Cloud peer sends on the real-time socket: messages, audio, WebSocket frames, the answer to the opening."""

import asyncio
import base64
from functools import cache

import orjson
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from engine.errors import ProtocolError
from engine.genesys.realtime import (
    MAX_MESSAGE_BYTES,
    MAX_TEXT_CHARACTERS,
    AudioReceived,
    Dropped,
    Ended,
    RealtimeSession,
    Rejected,
    State,
)
from engine.intake.direct_connection import MAX_BYTES, DirectConnection
from engine.intake.frame_bounds import frame_bounds
from tests.fuzz.target import Target, pieces
from tests.support.raw_peer import answer_to, binary, close, more, ping, pong, text

MOST_MESSAGES = 60  # more than may be unreadable in a row
TOKEN = "bearer-0123456789"
CONNECTED = b'{"type":"connected","version":"2"}'
SUBSCRIBED = b'{"type":"subscribed","id":"voice-stream-1"}'
AUDIO = b'{"type":"audio","audio":"' + base64.b64encode(bytes(range(48))) + b'"}'
OPENING = {0: (), 1: (CONNECTED,), 2: (CONNECTED, SUBSCRIBED), 3: (CONNECTED, SUBSCRIBED, b'{"type":"ended"}')}


def realtime(data: bytes) -> None:
    """First byte: the state to begin in. Then messages, a NUL between them; \\x01 begins a close, \\x02 is a wait that is over."""
    session = RealtimeSession("conv-1", TOKEN)
    for message in OPENING[data[0] % 4 if data else 0]:
        session.receive(message)
    for message in data[1:].split(b"\0", MOST_MESSAGES)[:MOST_MESSAGES]:
        before = session.state
        for event in _told(session, message):
            if isinstance(event, Rejected | Dropped | Ended):
                said = event.reason if isinstance(event, Ended) else event.message
                assert TOKEN not in said
                assert said.isprintable()
                assert len(said) <= MAX_TEXT_CHARACTERS
                assert session.state is State.CLOSED
            if isinstance(event, Rejected):
                assert event.retry_after_s is None or 0 <= event.retry_after_s < float("inf")
                assert 0 <= event.status < 600
        assert before is not State.CLOSED or session.state is State.CLOSED
        assert len(session.data_to_send()) <= 2


def _told(session: RealtimeSession, message: bytes):
    if message[:1] == b"\1":
        return session.closed(int.from_bytes(message[1:3]), message[3:].decode("utf-8", "replace"))
    return session.wait_over() if message[:1] == b"\2" else session.receive(message)


def audio(data: bytes) -> None:
    """Base64 text of one audio message: taken whole with every byte, or left out. (CPython passes over `=` too many.)"""
    session = RealtimeSession("conv-1", TOKEN)
    for message in OPENING[2]:
        session.receive(message)
    message = orjson.dumps({"type": "audio", "audio": data.decode("latin-1")})
    (event,) = session.receive(message)
    if isinstance(event, AudioReceived):
        letters = data.rstrip(b"=")
        assert len(event.chunk) == len(letters) * 6 // 8
        assert base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True) == event.chunk
    else:
        assert event.reason == ("too_large" if len(message) > MAX_MESSAGE_BYTES else "bad_audio")
    assert session.state is State.LISTENING


class Wire(asyncio.Transport):
    """Keeps what is written; nothing comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@cache
def loop() -> asyncio.AbstractEventLoop:
    """One loop for all inputs of this process."""
    return asyncio.new_event_loop()


async def _connection() -> tuple[DirectConnection, Wire, list[bytes]]:
    """One whose opening is sent and not yet answered."""
    protocol = ClientProtocol(parse_uri("ws://localhost/"), max_size=MAX_BYTES)
    connection, wire, heard = DirectConnection(protocol), Wire(), []
    connection.connection_made(wire)
    protocol.send_request(protocol.connect())
    connection.send_data()
    connection._take = lambda message: bool(heard.append(message))
    return connection, wire, heard


def _hear(stream: bytes, cuts: bytes, opened: bool) -> tuple[object, ...]:
    """What comes of a stream that arrives in such pieces."""
    connection, wire, heard = loop().run_until_complete(_connection())
    answer = answer_to(wire.written) if opened else b""
    asked = len(wire.written)
    if answer:
        connection.data_received(answer)
    for piece in pieces(stream, cuts):
        connection.data_received(piece)
        assert len(connection._carry) <= MAX_BYTES + 10
        assert len(connection._fragments or b"") <= MAX_BYTES
    protocol = connection.protocol
    failed = type(protocol.handshake_exc).__name__ if protocol.handshake_exc else None
    told = (heard, protocol.state, protocol.close_rcvd, protocol.close_sent, failed, len(wire.written) - asked)
    connection.connection_lost(None)
    return told


def frames(data: bytes) -> None:
    """First byte: how many cuts follow. The stream in these pieces says what it says in one piece."""
    count = data[0] % 16 if data else 0
    cuts, stream = data[1 : 1 + count], data[1 + count :]
    whole = _hear(stream, b"", opened=True)
    assert whole == _hear(stream, cuts, opened=True)
    assert sum(map(len, whole[0])) <= len(stream)


def opening(data: bytes) -> None:
    """The same for the answer to the opening, which a stranger may give."""
    count = data[0] % 8 if data else 0
    cuts, stream = data[1 : 1 + count], data[1 + count :]
    whole = _hear(stream, b"", opened=False)
    assert whole == _hear(stream, cuts, opened=False)


def bounds(data: bytes) -> None:
    """Frame after frame to the end of the data: always forward, the payload behind the header."""
    at = 0
    while at < len(data):
        begin, end = frame_bounds(data, at)
        assert at + 2 <= begin <= at + 10
        assert begin <= end < begin + 2**64
        at = end


_MESSAGES = (
    AUDIO,
    b'{"type":"error","status":"401 bearer-0123456789","error":{"message":"token expired","retryAfter":"3"}}',
    b'{"type":"conversation.ended","conversationId":"conv-1"}',
    b'{"type":"state","conversation":{"state":"terminated"}}',
    b'{"type":"weather","nested":[[[]]]}',
    b'{"type":"audio","audio":"%%%"}',
    b'{"type":"au',
    b"\x01\x03\xe8bye",
    b"\x01\x11\x91token",
    b"\2",
)
_SEQUENCES = tuple(bytes([state]) + b"\0".join(_MESSAGES[begin:]) for state in range(4) for begin in (0, 1, 4))
_ANSWERS = (
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n\x81\0",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
)
_FRAMES = (
    text(AUDIO) + binary(b"b" * 300) + text(b""),
    text(b"1", fin=False) + ping(b"x") + more(b"23", fin=True) + pong(b"y"),
    text(b"w" * 70_000) + close(1000, b"done"),
    b"\x81\x83mask___",
    b"\xc1\x05\0\0\0\0\0",
    b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
)
_FIELDS = (
    *(
        b'"type"',
        b'"audio"',
        b'"connected"',
        b'"status"',
        b'"code"',
        b'"error"',
        b'"errors"',
        b'"response"',
        b'"message"',
    ),
    *(b'"reason"', b'"retryAfter"', b'"state"', b'"event"', b'"conversation"', b'"conversationId"', b'"data"', b'"id"'),
    *(b'"voice-stream-1"', b'"conv-1"', b'"ended"', b'"subscribed"', b'"rejected"', b'"401"', b"403", b"429"),
)

TARGETS = (
    Target(
        *("realtime", "messages, closes and silences in every state of a session", realtime, (ProtocolError,)),
        seeds=(*_SEQUENCES, b"\0" + b'{"type":' + b"[" * 1000 + b"]" * 1000 + b"}"),
        words=(*_FIELDS, b"\0", b"\0\1", b"\0\2", b"[[", b"1e999"),
        weight=3,
        most_bytes=1500,
    ),
    Target(
        *("audio", "base64 in an audio message", audio, ()),
        seeds=(base64.b64encode(bytes(320)), b"QQ==", b"QUI=", b"QQ", b"====", b"", b"A" * 70_000),
        words=(b"=", b"==", b"AAAA", b"\n"),
        weight=3,
        most_bytes=2048,
    ),
    Target(
        *("frames", "WebSocket frames, cut anywhere", frames, ()),
        seeds=tuple(bytes([2, 3, 200]) + stream for stream in (*_FRAMES, b"".join(_FRAMES))),
        words=(b"\x81\x7e", b"\x81\x7f", b"\x01\0", b"\x80\0", b"\x88\x02\x03\xe8", b"\x89\0", b"\x8a\0"),
        most_bytes=2048,
    ),
    Target(
        *("opening", "the HTTP answer to the socket's opening, cut anywhere", opening, ()),
        seeds=tuple(bytes([2, 3, 20]) + answer for answer in _ANSWERS),
        words=(b"\r\n", b"\r\n\r\n", b"HTTP/1.1 ", b"Content-Length: ", b"chunked", b"101 "),
    ),
    Target(
        *("bounds", "where frames begin and end", bounds, ()),
        seeds=_FRAMES[:2],
        words=(b"\x7e", b"\x7f"),
        weight=3,
        most_bytes=1024,
    ),
)
