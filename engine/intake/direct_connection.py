"""The WebSocket library's connection, with a shorter way for messages.

The library opens, checks, pings and closes. But messages don't go through its parser and queue, which cost generators, an object
and a step of a coroutine each: one that is a single whole frame, as audio is, is cut out of what was received and handed on in
the loop's callback. Every other frame goes to the library's parser, whole and in its place among the others, so the library
alone judges what is allowed. Messages that nobody takes wait, and when MAX_WAITING do, TCP makes the peer wait.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event, State

from engine.genesys.realtime import MAX_MESSAGE_BYTES
from engine.intake.frame_bounds import PLAIN, frame_bounds

MAX_BYTES = 4 * MAX_MESSAGE_BYTES  # of a message: up to here the session leaves it out, beyond it the socket is closed
MAX_WAITING = 16
MAX_LATE_BYTES = 4 * MAX_BYTES  # that are read once all is over

Take = Callable[[bytes], bool]  # one message; True: enough, for now

_HEAD_END = b"\r\n\r\n"  # of the answer to the opening; frames follow


class DirectConnection(ClientConnection):
    """The library's connection with another way for messages: from the segment to `take`, or to wait for one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._carry = b""  # the frame that is not whole yet; before the socket is open, the last bytes of the answer
        self._fragments: bytearray | None = None  # of the message that is not whole yet
        self._waiting: deque[bytes] = deque()
        self._take: Take | None = None
        self._over: asyncio.Future[None] | None = None  # done once `_take` is None again
        self._error: Exception | None = None  # what the delivery is to raise
        self._lost = False
        self._left_out = False  # nothing is taken any more
        self._late = 0  # bytes that came since then, or since the opening or a frame was refused

    async def deliver(self, take: Take) -> None:
        """Hand every message to `take` until it returns True; later ones wait. What it raises is raised here. ConnectionClosed."""
        self._over = self.loop.create_future()
        if self._error is None:
            self._begin(take)
        else:  # raised while an earlier delivery was being cancelled
            self._over.set_result(None)
        try:
            await self._over
        finally:
            self._take = self._over = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _begin(self, take: Take) -> None:
        self._take = take
        while self._waiting and self._take is not None:
            self._message(self._waiting.popleft())
        if self._take is None:
            return
        if self._lost:
            self._enough(self.close_exc)
        else:
            self.transport.resume_reading()

    def leave_out(self) -> None:
        """Take no more messages, so that the peer's close is read."""
        self._left_out = True
        self._waiting.clear()
        self._take = lambda _: False
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Cut out plain messages; the library gets the rest, frame by frame."""
        state = self.protocol.state
        if (self._left_out or state is not State.OPEN) and self._flooded(len(data)):
            return
        if state is State.CONNECTING:
            data = self._open(data)
        elif self._carry:
            data, self._carry = self._carry + data, b""
        at, size = 0, len(data)
        while at < size and self.protocol.state is State.OPEN:
            begin, end = frame_bounds(data, at)
            if end - begin > MAX_BYTES:
                break
            if end > size:
                self._carry = data[at:]
                return
            if data[at] in PLAIN and end > begin and self._fragments is None:
                self._message(data[begin:end])
            else:
                super().data_received(data[at:end])
            at = end
        if at < size:
            super().data_received(data[at:])

    def _flooded(self, count: int) -> bool:
        """A peer may finish what it was sending when all was over; one that goes on for longer is cut off."""
        if self.protocol.state is State.CONNECTING and self.protocol.handshake_exc is None:
            return False
        self._late += count
        if self._late > MAX_LATE_BYTES:
            self.transport.abort()
        return self._late > MAX_LATE_BYTES

    def _open(self, data: bytes) -> bytes:
        """Give the library the answer to the opening, return what follows it."""
        held = len(self._carry)
        end = (self._carry + data).find(_HEAD_END)
        head = data if end < 0 else data[: end + len(_HEAD_END) - held]
        super().data_received(head)
        self._carry = (self._carry + head)[-len(_HEAD_END) + 1 :] if end < 0 else b""
        return data[len(head) :]

    def process_event(self, event: Event) -> None:
        """Put fragments together; the library acts on all else."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        if self._fragments is None:
            self._fragments = bytearray()
        self._fragments += event.data
        if event.fin:
            message, self._fragments = bytes(self._fragments), None
            self._message(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        super().connection_lost(exc)
        self._lost = True
        if self._take is not None:
            self._enough(self.close_exc)

    def _message(self, message: bytes) -> None:
        if self._take is None:
            self._waiting.append(message)
            if len(self._waiting) == MAX_WAITING:
                self.transport.pause_reading()
            return
        try:
            enough = self._take(message)
        except Exception as error:  # noqa: BLE001 (raised again where it is awaited)
            self._enough(error)
        else:
            if enough:
                self._enough(None)

    def _enough(self, error: Exception | None) -> None:
        """Wake who awaits the delivery; what comes until the next one waits."""
        self._take, self._error = None, error
        if self._over is not None and not self._over.done():  # done also by being cancelled
            self._over.set_result(None)
