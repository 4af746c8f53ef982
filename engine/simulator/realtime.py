"""The real-time socket's opening: HTTP upgrade, `connect`, `subscribe`; as `specs/genesys-realtime.md` has it.

What is answered to whom stands here; the audio that follows is a `Subscription`. Rejections are an error message, then
a close code of 4000 + status.
"""

from typing import Any, NoReturn
from uuid import uuid4

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from engine.simulator.call import Call
from engine.simulator.clock import clock_ms
from engine.simulator.cloud import Cloud
from engine.simulator.faults import Fault
from engine.simulator.options import REALTIME_PATH, SAMPLE_RATE
from engine.simulator.platform import refused
from engine.simulator.refusals import RefusalError
from engine.simulator.subscription import Subscription

CLIENT_MESSAGE_BYTES = 64 * 1024
PING_INTERVAL_S = 30.0
CLOSE_TIMEOUT_S = 2.0


class _GoneError(Exception):
    """The peer went away, or has not answered in time and was closed."""


class RealtimeApi:
    """Open sockets and close them all at the end."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._open: set[web.WebSocketResponse] = set()

    def add_to(self, app: web.Application) -> None:
        """Register the route; before the platform API, which lies around it."""
        app.router.add_get(REALTIME_PATH, self._serve)
        app.on_shutdown.append(self._close)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        noted = self._cloud.journal.request(request.method, request.path)
        struck = self._cloud.strike("upgrade")
        if struck is not None:
            noted.fault, fault = struck
            if fault.effect == "answer":
                noted.status = fault.status
                return refused(self._cloud.refusal(fault.status))
            await self._cloud.stall()
        socket = web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_S, heartbeat=PING_INTERVAL_S, compress=False, max_msg_size=CLIENT_MESSAGE_BYTES
        )
        await socket.prepare(request)
        noted.status = 101
        self._open.add(socket)
        try:
            await RealtimeSocket(self._cloud, request, socket).run()
        finally:
            self._open.discard(socket)
        return socket

    async def _close(self, _app: web.Application) -> None:
        for socket in tuple(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the simulator ends")


class RealtimeSocket:
    """One connection up to its subscription: who is there, and what is asked for."""

    def __init__(self, cloud: Cloud, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._cloud = cloud
        self._request = request
        self._socket = socket

    async def run(self) -> None:
        """From the opened socket to its end."""
        try:
            await self._converse()
        except (_GoneError, ConnectionError):
            return

    async def _converse(self) -> None:
        try:
            client = await self._connect()
            call, subscription_id = await self._subscribe()
        except RefusalError as refusal:
            await self._reject(refusal)
            return
        await self._say(type="subscribed", id=subscription_id, conversationId=call.conversation.id)
        transport = self._request.transport
        assert transport is not None, "the message above has just gone out on it"
        await Subscription(self._cloud, call, subscription_id, self._socket, transport, client).run()

    async def _connect(self) -> str:
        """Who has logged in for it."""
        message = await self._receive("connect")
        struck = self._cloud.strike("connect")
        if struck is not None:
            await self._suffer(struck[1])
        if message.get("apiVersion") != "v2":
            raise RefusalError(400, "apiVersion must be v2.")
        token = str(message.get("token", ""))
        if not self._cloud.tokens.valid(token, clock_ms()):
            raise RefusalError(401)
        await self._say(type="connected", sessionId=str(uuid4()))
        return self._cloud.tokens.client_of(token)

    async def _suffer(self, fault: Fault) -> None:
        match fault.effect:
            case "answer":
                raise self._cloud.refusal(fault.status)
            case "silence":
                async for _message in self._socket:
                    pass
                raise _GoneError
            case _:
                await self._cloud.stall()

    async def _subscribe(self) -> tuple[Call, str]:
        message = await self._receive("subscribe")
        conversation_id = _wanted(message)
        struck = self._cloud.strike("subscribe", conversation_id)
        if struck is not None:
            raise self._cloud.refusal(struck[1].status)
        call = self._cloud.visible_call(conversation_id)
        if not call.conversation.live:
            raise RefusalError(403, "The conversation has ended.")
        return call, str(message.get("id", ""))

    async def _receive(self, expected: str) -> dict[str, Any]:
        """The next message, which must be of this type; RefusalError 400 for another, _GoneError for none."""
        try:
            message = await self._socket.receive(timeout=self._cloud.options.answer_timeout_s)
        except TimeoutError as error:
            await self._socket.close(code=WSCloseCode.POLICY_VIOLATION, message=f"no {expected} came".encode())
            raise _GoneError from error
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            raise _GoneError
        try:
            body = orjson.loads(message.data)
        except orjson.JSONDecodeError as error:
            raise RefusalError(400, "Not JSON.") from error
        if not isinstance(body, dict) or body.get("type") != expected:
            raise RefusalError(400, f"Expected a message of type {expected}.")
        return body

    async def _reject(self, refusal: RefusalError) -> None:
        body: dict[str, Any] = {"type": "error", "status": refusal.status, "message": str(refusal)}
        if "Retry-After" in refusal.headers:
            body["retryAfter"] = int(refusal.headers["Retry-After"])
        await self._say(**body)
        await self._socket.close(code=4000 + refusal.status, message=refusal.code.encode())

    async def _say(self, **body: object) -> None:
        await self._socket.send_frame(orjson.dumps(body), WSMsgType.TEXT)


def _wanted(message: dict[str, Any]) -> str:
    """The conversation id; RefusalError 400 unless a conversation's voice as 8 kHz PCM is asked for."""

    def refuse() -> NoReturn:
        raise RefusalError(400, "A subscription needs conversationId, mediaType voice, audio pcm at 8000.")

    request = message.get("request")
    if not isinstance(request, dict):
        refuse()
    wanted = request.get("conversationId")
    fixed = {"type": "conversation", "mediaType": "voice", "audio": {"format": "pcm", "sampleRate": SAMPLE_RATE}}
    if not isinstance(wanted, str) or any(request.get(key) != value for key, value in fixed.items()):
        refuse()
    return wanted
