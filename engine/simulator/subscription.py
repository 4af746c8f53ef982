"""A call's audio on one socket, with the faults that strike it.

The ticker calls `deliver`, which never waits: a peer that does not read is cut off once BACKLOG_BYTES wait for it.
The socket's own task waits in `run` for a farewell and closes; so nothing slow ever happens in the ticker.
"""

import asyncio
from collections.abc import Callable

import orjson
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from engine.simulator.call import Call, Sent
from engine.simulator.cloud import Cloud
from engine.simulator.delivery import split_oddly

log = structlog.get_logger(__name__)

BACKLOG_BYTES = 1024 * 1024
HALF_OPEN_S = 60.0  # then a socket that was left half open is gone for good


class Subscription:
    """A `Listener` of `call` on `socket`; every subscription ends with one farewell (close code and reason, or None)."""

    def __init__(
        self,
        cloud: Cloud,
        call: Call,
        subscription_id: str,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        client: str = "",
    ) -> None:
        transport.set_write_buffer_limits(high=2 * BACKLOG_BYTES)  # so that sending never waits
        self._cloud = cloud
        self._call = call
        self._id = subscription_id
        self._client = client
        self._socket = socket
        self._transport = transport
        self._type = WSMsgType.BINARY if call.delivery.binary else WSMsgType.TEXT
        self._sent: Sent | None = None
        self._muted = False
        self._farewell: asyncio.Future[tuple[int, str] | None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Let the ticker send until the call ends, a fault strikes, or the peer goes."""
        self._call.listeners.add(self)
        self._cloud.start(self._call)
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen())
                farewell = await self._farewell
                listening.cancel()
        finally:
            self._call.listeners.discard(self)
        if farewell is not None:
            code, reason = farewell
            await self._socket.close(code=code, message=reason.encode())

    async def _listen(self) -> None:
        """Read, and heed nothing but the end."""
        async for _message in self._socket:
            pass
        self._leave(None)

    def _leave(self, farewell: tuple[int, str] | None) -> None:
        if not self._farewell.done():
            self._farewell.set_result(farewell)

    async def deliver(self, message: bytes, position_ms: float) -> None:
        """Send one audio message, or what a fault makes of it."""
        if self._muted or self._farewell.done():
            return  # a second fault must not strike what is gone already
        messages = [message]
        if self._sent and self._cloud.faults.active("stream"):
            messages = self._suffer(message, position_ms)
        if await self._send(messages) and messages:
            self._note(position_ms)

    def _note(self, position_ms: float) -> None:
        """The call's audio has been sent up to here."""
        if self._sent is None:
            self._sent = self._call.sending(position_ms, self._client)
        self._sent.to_ms = position_ms

    async def end(self, reason: str) -> None:
        """Say that the conversation is over, then close normally; a muted socket stays as it is."""
        if self._muted:
            return
        body = {"type": "ended", "id": self._id, "conversationId": self._call.conversation.id, "reason": reason}
        await self._send([orjson.dumps(body)])
        self._leave((WSCloseCode.OK, reason))

    def _suffer(self, message: bytes, position_ms: float) -> list[bytes]:
        struck = self._cloud.faults.take("stream", position_ms, self._call.conversation.id)
        if struck is None:
            return [message]
        name, fault = struck
        strikes: dict[str, Callable[[], list[bytes]]] = {
            "drop": self._drop,
            "silence": self._mute,
            "deafen": self._deafen,
            "close": lambda: self._close(fault.status, name),
            "extra": lambda: [fault.payload, message],
            "raw": lambda: self._write(fault.payload, message),
            "split": lambda: split_oddly(message),
        }
        return strikes[fault.effect]()

    def _drop(self) -> list[bytes]:
        self._transport.abort()
        self._leave(None)
        return []

    def _mute(self) -> list[bytes]:
        self._muted = True
        return []

    def _deafen(self) -> list[bytes]:
        """As if the peer had vanished without a word: what it sends is not even read."""
        self._transport.pause_reading()
        asyncio.get_running_loop().call_later(HALF_OPEN_S, self._drop)
        return self._mute()

    def _write(self, frame: bytes, message: bytes) -> list[bytes]:
        self._transport.write(frame)
        return [message]

    def _close(self, code: int, reason: str) -> list[bytes]:
        self._leave((code, reason))
        return []

    async def _send(self, messages: list[bytes]) -> bool:
        """Whether they have gone out, as far as can be known."""
        if self._muted or self._farewell.done():
            return False
        if self._transport.get_write_buffer_size() > BACKLOG_BYTES:
            log.warning("a peer that does not read was cut off", subscription=self._id)
            self._drop()
            return False
        try:
            for message in messages:
                await self._socket.send_frame(message, self._type)
        except ConnectionError:
            self._leave(None)
            return False
        return True
