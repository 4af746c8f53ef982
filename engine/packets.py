"""Typed messages between our own processes: frozen dataclasses over one SOCK_SEQPACKET pair.

A packet is one message, so there is no framing to get wrong; the kernel keeps order and says when the peer is gone.
`PacketCodec` knows no sockets. `PacketLink` is the event loop's end, `PacketPort` the blocking end.
"""

import asyncio
import dataclasses
import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, get_args

import orjson
import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError

MAX_PACKET_BYTES = 128 * 1024

log = structlog.get_logger(__name__)


class PacketCodec:
    """Encode and decode the messages of one table; a name stands for a class, the fields follow."""

    def __init__(self, table: Any) -> None:
        """`table` is the union of the classes."""
        self.classes: tuple[type[Any], ...] = get_args(table)
        self._adapters = {cls.__name__: TypeAdapter[Any](cls) for cls in self.classes}

    def encode(self, message: object) -> bytes:
        """Return the packet; ValueError where it would exceed MAX_PACKET_BYTES or is of no class in the table."""
        if type(message) not in self.classes:
            raise ValueError(f"unknown message {type(message).__name__!r}")
        fields = {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}  # type: ignore[arg-type]
        packet = orjson.dumps([type(message).__name__, fields], default=_revealed)
        if len(packet) > MAX_PACKET_BYTES:
            raise ValueError(f"{type(message).__name__} of {len(packet)} bytes exceeds a packet ({MAX_PACKET_BYTES})")
        return packet

    def decode(self, packet: bytes) -> Any:
        """Return the message; ValueError on anything that is none. Lenient in values: "2" passes for 2."""
        match orjson.loads(packet):
            case [str(name), dict(fields)] if name in self._adapters:
                return self._validated(name, fields)
            case [str(name), dict()]:
                raise ValueError(f"unknown message {name!r}")
            case _:
                raise ValueError("not a message: name and fields were expected")

    def _validated(self, name: str, fields: dict[str, Any]) -> Any:
        try:
            return self._adapters[name].validate_python(fields)
        except ValidationError as error:
            places = [".".join(map(str, details["loc"])) for details in error.errors(include_input=False)]
        raise ValueError(f"not a valid {name}: {', '.join(places)}")  # without the cause, which shows the values


def _revealed(value: object) -> str:
    """What crosses to a process of our own is the secret itself."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise TypeError(type(value).__name__)


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends; non-blocking is set by whoever owns one."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class PacketLink:
    """The event loop's end. `send` never waits.

    `on_closed` is called once, when the peer is gone or has sent what is no message: it is broken and not heard any more.
    """

    def __init__(
        self, sock: socket.socket, codec: PacketCodec, on_message: Callable[[Any], None], on_closed: Callable[[], None]
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._codec = codec
        self._on_message = on_message
        self._on_closed = on_closed
        self._backlog: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def backlog(self) -> int:
        """Messages the kernel has not taken yet; a peer that stopped reading makes it grow."""
        return len(self._backlog)

    def send(self, message: object, fds: Iterable[int] = ()) -> None:
        """Send now, or as soon as the peer reads; a closed link drops it (its owner hears of the closing)."""
        if not self._open:
            return
        self._backlog.append((self._codec.encode(message), tuple(fds)))
        if len(self._backlog) == 1:
            self._writable()

    def close(self) -> None:
        """Close this end; `on_closed` is not called."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
            self._backlog.clear()

    def _writable(self) -> None:
        while self._backlog:
            packet, fds = self._backlog[0]
            try:
                socket.send_fds(self._sock, [packet], fds) if fds else self._sock.send(packet)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._writable)
                return
            except OSError:
                break  # the reader hears of it
            self._backlog.popleft()
        self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        while self._open:
            try:
                packet = self._sock.recv(MAX_PACKET_BYTES)
            except BlockingIOError:
                return
            except ConnectionResetError:
                continue  # told once, where the peer died with unread messages; what it had sent lies behind it
            except OSError:
                packet = b""
            try:
                message = self._codec.decode(packet) if packet else None
            except ValueError as error:
                log.error("peer sent what is no message: link closed", bytes=len(packet), error=type(error).__name__)  # noqa: TRY400 (the packet's content stays out of the log)
                message = None
            if message is None:
                self.close()
                self._on_closed()
                return
            self._on_message(message)


class PacketPort:
    """The blocking end, for a process without an event loop."""

    def __init__(self, sock: socket.socket, codec: PacketCodec) -> None:
        sock.setblocking(True)
        self._sock = sock
        self._codec = codec

    def fileno(self) -> int:
        """For poll and select."""
        return self._sock.fileno()

    def send(self, message: object) -> None:
        """Wait until the peer took it; OSError when it is gone."""
        self._sock.send(self._codec.encode(message))

    def receive(self) -> Any | None:
        """Wait for a message; None when the peer is gone."""
        try:
            packet = self._sock.recv(MAX_PACKET_BYTES)
        except ConnectionError:
            packet = b""
        return self._codec.decode(packet) if packet else None

    def receive_with_fds(self, most: int) -> tuple[Any | None, list[int]]:
        """As `receive`, with at most so many file descriptors that came along."""
        try:
            packet, fds, _, _ = socket.recv_fds(self._sock, MAX_PACKET_BYTES, most)
        except ConnectionError:
            packet, fds = b"", []
        return (self._codec.decode(packet) if packet else None), fds

    def close(self) -> None:
        """Close this end."""
        self._sock.close()
