"""One AudioHook session that is led by hand, step by step: for faults and for tests of a server.

    async with AudioHookClient(options) as client:
        await client.connect()
        await client.open()
        client.send_silence(0.1)
        client.say("ping")
        await client.expect("pong")
        await client.close()

Nothing is sent that was not asked for; everything that comes is in `heard`. What the server gets wrong raises ServerFaultError.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self
from uuid import uuid4

from aiohttp import WSMsgType
from yarl import URL

from engine.errors import CuelineError
from engine.simulator.audiohook.dialogue import Dialogue, ServerMessage
from engine.simulator.audiohook.opening import open_parameters
from engine.simulator.audiohook.options import SAMPLE_RATE, HookOptions
from engine.simulator.audiohook.signing import Upgrade
from engine.simulator.audiohook.socket import Dialer, Headers, HookSocket
from engine.simulator.audiohook.ulaw import SILENCE

WAIT_S = 15.0


class GoneError(CuelineError):
    """The socket is closed; `code` is the server's close code, None for none."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the server closed the socket ({code})")
        self.code = code


class AudioHookClient:
    """One session; see the module."""

    socket: HookSocket  # from `connect` on

    def __init__(self, options: HookOptions) -> None:
        self.options = options
        self.dialer = Dialer(options)
        self.dialogue = Dialogue(str(uuid4()), options.offers())
        self.conversation_id = str(uuid4())
        self.heard: list[ServerMessage] = []
        self.channels: tuple[str, ...] = ()
        self.left = False  # gone without a word, on purpose

    async def __aenter__(self) -> Self:
        await self.dialer.__aenter__()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if hasattr(self, "socket"):
            self.socket.let_go()
        await self.dialer.__aexit__()

    async def connect(
        self,
        upgrade: Upgrade | None = None,
        alter: Callable[[Headers], Headers] | None = None,
        url: URL | None = None,
    ) -> None:
        """Open the socket with this request. UpgradeFailedError."""
        upgrade = upgrade or self.dialer.upgrade()
        self.dialogue = Dialogue(upgrade.session_id, self.dialogue.offers)
        self.socket = await self.dialer.dial(upgrade, alter, url)

    def say(self, type_: str, parameters: dict[str, Any] | None = None, **wrong: Any) -> None:
        """The next message; `wrong` replaces fields of its envelope."""
        self.send_text(self.dialogue.say(type_, parameters, **wrong))

    def send_text(self, text: bytes) -> None:
        """A text message as it is."""
        self.socket.put_text(text)

    def send_audio(self, audio: bytes) -> None:
        """A binary message as it is; the position goes on by whole samples."""
        self.socket.put_audio(audio)
        self.dialogue.position += len(audio) // max(1, len(self.channels))

    def send_silence(self, seconds: float) -> None:
        """So much silence on every channel, in one message."""
        self.send_audio(bytes([SILENCE]) * (int(seconds * SAMPLE_RATE) * max(1, len(self.channels))))

    def open_parameters(self, **changes: Any) -> dict[str, Any]:
        """Of `open`, by the options, with changes."""
        return open_parameters(self.options, self.conversation_id, str(uuid4())) | changes

    async def open(self, **changes: Any) -> ServerMessage:
        """Say `open` and wait for what answers it: `opened` or `disconnect`."""
        parameters = self.open_parameters(**changes)
        self.dialogue.offers = list(parameters["media"])
        self.say("open", parameters)
        return await self.expect("opened", "disconnect")

    async def hear(self, timeout_s: float = WAIT_S) -> ServerMessage:
        """The next message. GoneError when the socket closes first, TimeoutError, ServerFaultError."""
        async with asyncio.timeout(timeout_s):
            raw = await self.socket.receive()
        if raw.type is WSMsgType.BINARY:
            return await self.hear(timeout_s)
        if raw.type is not WSMsgType.TEXT:
            raise GoneError(self.socket.close_code)
        message = self.dialogue.hear(raw.data)
        self.heard.append(message)
        if message.type == "opened":
            media = message.parameters["media"]
            self.channels = tuple(media[0]["channels"]) if media else ()
        return message

    async def expect(self, *types: str, timeout_s: float = WAIT_S) -> ServerMessage:
        """The next message of one of these types; others pass by."""
        deadline = time.monotonic() + timeout_s
        while True:
            message = await self.hear(max(0.001, deadline - time.monotonic()))
            if message.type in types:
                return message

    async def close(self, reason: str = "end") -> None:
        """The whole close: `close`, `closed`, the socket's close both ways."""
        if not self.dialogue.closing:
            self.say("close", {"reason": reason})
        await self.expect("closed")
        self.socket.put_close()
        await self.gone()

    async def gone(self, timeout_s: float = WAIT_S) -> int | None:
        """Wait for the socket's end; the server's close code, if it gave one. TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                await self.hear(max(0.001, deadline - time.monotonic()))
            except GoneError as gone:
                return gone.code

    def vanish(self) -> None:
        """Break the connection."""
        self.left = True
        self.socket.abort()

    def stop_reading(self) -> None:
        """Take nothing more from the socket."""
        if self.socket.transport is not None:
            self.socket.transport.pause_reading()
