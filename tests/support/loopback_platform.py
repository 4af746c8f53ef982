"""A tiny Genesys Cloud on a loopback port: counts every request it receives, and answers as a script says.

Answers are queued per (method, path); the last one of a queue stays. Without a script: login gives tokens `token-1`,
`token-2`, …, GETs of a conversation give CONVERSATION, everything else 202.
"""

import asyncio
import json
import ssl
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from engine.options import GenesysOptions

LOGIN = "/login-gateway/oauth/token"  # not made from the API's address, as behind a gateway
LOOK_UP = "/api/v2/conversations/conv-1"

CONVERSATION = {
    "id": "conv-1",
    "participants": [
        {"id": "p-customer", "purpose": "customer", "calls": [{"id": "c1", "state": "connected"}]},
        {"id": "p-gone", "purpose": "agent", "calls": [{"id": "c2", "state": "disconnected"}]},
        {"id": "p-agent", "purpose": "agent", "calls": [{"id": "c3", "state": "connected"}]},
    ],
}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """`drop`: close after reading; `stall`: never answer; `drip`: one byte of the body per 50 ms, for ever."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    behaviour: str = "answer"


DROP, STALL, DRIP = (Reply(behaviour=name) for name in ("drop", "stall", "drip"))


class LoopbackPlatform:
    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.requests: list[Request] = []
        self.expires_in: object = 3600
        self.login_delay_s = 0.0
        self._scripts: dict[tuple[str, str], list[Reply]] = defaultdict(list)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def script(self, method: str, path: str, *replies: Reply) -> None:
        self._scripts[method, path] = list(replies)

    def count(self, method: str | None = None, path: str | None = None) -> int:
        return len(self.of(method, path))

    def of(self, method: str | None = None, path: str | None = None) -> list[Request]:
        return [r for r in self.requests if method in (None, r.method) and path in (None, r.path)]

    def tally(self) -> Counter[tuple[str, str]]:
        return Counter((request.method, request.path) for request in self.requests)

    async def received(self, method: str, path: str, timeout_s: float = 10.0) -> Request:
        async with asyncio.timeout(timeout_s):
            while not self.of(method, path):
                self._changed.clear()
                await self._changed.wait()
        return self.of(method, path)[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._connections.add(task)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                self._changed.set()
                if not await self._reply(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _reply(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        reply = await self._reply_to(request)
        match reply.behaviour:
            case "drop":
                return False
            case "stall":
                await asyncio.Event().wait()
            case "drip":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nContent-Type: application/json\r\n\r\n")
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            case _:
                body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                head = {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}
                lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
                writer.write(f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode() + body)
                await writer.drain()
        return True

    async def _reply_to(self, request: Request) -> Reply:
        queue = self._scripts.get((request.method, request.path))
        if queue:
            return queue.pop(0) if len(queue) > 1 else queue[0]
        if request.path == LOGIN:
            await asyncio.sleep(self.login_delay_s)
            return Reply(body={"access_token": f"token-{self.count('POST', LOGIN)}", **self._life()})
        if request.method == "GET":
            return Reply(body=CONVERSATION)
        return Reply(status=202, body={})

    def _life(self) -> dict[str, object]:
        return {} if self.expires_in is None else {"expires_in": self.expires_in, "token_type": "bearer"}


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def genesys_options(cloud: LoopbackPlatform, **changed: object) -> GenesysOptions:
    given = {
        "client_id": "our-client",
        "client_secret": "open-sesame",
        "region": "mypurecloud.com",
        "login_url": f"{cloud.url}/login-gateway/",
        "api_url": cloud.url,
        "realtime_url": "ws://127.0.0.1:9",
        "request_timeout_s": 5.0,
    }
    return GenesysOptions.model_validate(given | changed)
