"""For tests of the simulator: recordings made on the spot, and a client of its real-time socket that keeps all it hears."""

import asyncio
import base64
import json
import random
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import websockets
from websockets.asyncio.client import ClientConnection, connect

from engine.simulator.options import CallOptions, DeliveryOptions, SimulatorOptions, conversation_id
from engine.simulator.server import Simulator

FIRST = conversation_id(0)
FAST = DeliveryOptions(speed=20.0)


def noise_wav(path: Path, ms: int, *, rate: int = 8000, channels: int = 1, width: int = 2, spare: int = 0) -> bytes:
    """Write noise that is the same for the same length; return its bytes. `spare` more samples make a broken frame."""
    pcm = random.Random(ms).randbytes((rate * ms // 1000 + spare) * channels * width)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(pcm)
    return pcm


def options(wav: Path, calls: int = 1, **settings: Any) -> SimulatorOptions:
    """`calls` calls of one recording on a free port, twenty times as fast as real time unless told otherwise."""
    played = tuple(CallOptions(conversation_id=conversation_id(number), wav=wav) for number in range(calls))
    fixed = {"port": 0, "calls": played, "delivery": FAST, "stall_s": 0.05}
    return SimulatorOptions.model_validate(fixed | settings)


async def login(simulator: Simulator, secret: str | None = None, grant: str = "client_credentials") -> Any:
    """The login server's status, body and headers."""
    client = simulator.options.client_id, secret or simulator.options.client_secret
    return await ask_token(simulator, {"Authorization": aiohttp.encode_basic_auth(*client)}, grant)


async def ask_token(simulator: Simulator, headers: dict[str, str], grant: str = "client_credentials") -> Any:
    """As `login`, with any headers."""
    url = f"{simulator.url}/oauth/token"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data={"grant_type": grant}, headers=headers) as response,
    ):
        return response.status, await response.json(), dict(response.headers)


async def token_of(simulator: Simulator) -> str:
    """A fresh token."""
    _, body, _ = await login(simulator)
    return body["access_token"]


@dataclass
class Answer:
    """A platform answer."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


class Platform:
    """A client of the platform API with one token."""

    def __init__(self, url: str, token: str, http: aiohttp.ClientSession) -> None:
        self.url, self.token, self.http = url, token, http

    async def __call__(self, method: str, path: str, body: Any = None, *, data: bytes | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(
            method, f"{self.url}/api/v2{path}", json=body, data=data, headers=headers
        ) as response:
            return Answer(response.status, dict(response.headers), await response.text())

    async def participant(self, purpose: str, conversation: str = FIRST) -> dict[str, Any]:
        """The last participant of this purpose."""
        body = (await self("GET", f"/conversations/{conversation}")).body
        return [each for each in body["participants"] if each["purpose"] == purpose][-1]


@asynccontextmanager
async def platform(simulator: Simulator) -> AsyncIterator[Platform]:
    """A logged-in platform client."""
    async with aiohttp.ClientSession() as http:
        yield Platform(simulator.url, await token_of(simulator), http)


@dataclass
class Heard:
    """What came over one socket until it closed."""

    audio: bytearray = field(default_factory=bytearray)
    sizes: list[int] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    kinds: set[type] = field(default_factory=set)
    code: int | None = None
    reason: str = ""

    def take(self, raw: str | bytes) -> None:
        """Sort one message."""
        self.kinds.add(type(raw))
        try:
            message = json.loads(raw)
            if message["type"] != "audio":
                self.others.append(message)
                return
            chunk = base64.b64decode(message["audio"], validate=True)
        except ValueError:
            self.broken.append(str(raw))
            return
        self.audio += chunk
        self.sizes.append(len(chunk))


class Socket:
    """A client of the real-time socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard = Heard()

    async def ask(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def connect(self, token: str, version: str = "v2") -> dict[str, Any]:
        """The answer to `connect`."""
        await self.ask(type="connect", apiVersion=version, token=token)
        return json.loads(await self.connection.recv())

    async def subscribe(self, conversation: str = FIRST, **changes: Any) -> dict[str, Any]:
        """The answer to `subscribe`."""
        audio = {"format": "pcm", "sampleRate": 8000}
        request = {"type": "conversation", "conversationId": conversation, "mediaType": "voice", "audio": audio}
        await self.ask(type="subscribe", id="voice-stream-1", request=request | changes)
        return json.loads(await self.connection.recv())

    async def one(self) -> None:
        """Take the next message."""
        self.heard.take(await self.connection.recv())

    async def hear(self) -> Heard:
        """Take everything until the socket closes."""
        try:
            while True:
                await self.one()
        except websockets.ConnectionClosed as closed:
            self.heard.code = closed.rcvd.code if closed.rcvd else None
            self.heard.reason = closed.rcvd.reason if closed.rcvd else ""
        return self.heard


@asynccontextmanager
async def opened(simulator: Simulator) -> AsyncIterator[Socket]:
    """A socket on which nothing has been said."""
    async with asyncio.timeout(30), connect(simulator.realtime_url, open_timeout=10, close_timeout=2) as connection:
        yield Socket(connection)


@asynccontextmanager
async def subscribed(simulator: Simulator, conversation: str = FIRST) -> AsyncIterator[Socket]:
    """A socket that is subscribed."""
    token = await token_of(simulator)
    async with opened(simulator) as socket:
        assert (await socket.connect(token))["type"] == "connected"
        assert (await socket.subscribe(conversation))["type"] == "subscribed"
        yield socket


async def heard_of(simulator: Simulator, conversation: str = FIRST) -> Heard:
    """Everything a subscriber hears from now to the end."""
    async with subscribed(simulator, conversation) as socket:
        return await socket.hear()
