"""The demo's webhook receiver: a loopback HTTP server that notes when what arrived, and whether its signature holds.

It checks as any receiver of Standard Webhooks would, from the specification, not with the engine's own signing code. What
was heard around a phrase (`data.text`) is not kept. It takes so many deliveries and then no more, since all of them are judged
in the end; a rolling one keeps the latest and goes on.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Mapping
from typing import Self

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.demo.scoring import Delivery
from engine.options import Channel

PATH = "/commands"
BODY_BYTES = 64 * 1024
KEPT = 10_000
SKEW_S = 300
SHUTDOWN_S = 1.0


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Data(_Lenient):
    conversation_id: str
    phrase: str
    phrase_end_ms: int
    channel: Channel = "external"


class _Event(_Lenient):
    id: str
    data: _Data


def signature_holds(key: bytes, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether one of the signatures in `webhook-signature` is right and its time is not far off."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(now_s - int(timestamp)) > SKEW_S:
        return False
    digest = hmac.digest(key, b".".join((message_id.encode(), timestamp.encode(), body)), hashlib.sha256)
    wanted = b"v1," + base64.b64encode(digest)
    given = headers.get("webhook-signature", "").encode().split(b" ")
    return any(hmac.compare_digest(wanted, each) for each in given)


class Receiver:
    """`async with Receiver() as receiver:` listens on a free port until the block is left."""

    def __init__(self, kept: int = KEPT, *, rolling: bool = False) -> None:
        self._kept = None if rolling else kept
        self._key = secrets.token_bytes(24)
        self._deliveries: deque[Delivery] = deque(maxlen=kept if rolling else None)
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_post(PATH, self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        self.arrived = self.unsigned = self.unreadable = 0

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where to POST."""
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}{PATH}"

    @property
    def secret(self) -> str:
        """What deliveries have to be signed with."""
        return "whsec_" + base64.b64encode(self._key).decode()

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """All that arrived, or the latest, in order."""
        return tuple(self._deliveries)

    async def _take(self, request: web.Request) -> web.Response:
        received_ns = time.monotonic_ns()
        body = await request.read()
        try:
            event = _Event.model_validate_json(body)
        except ValidationError:
            self.unreadable += 1
            return web.Response(status=400)
        if len(self._deliveries) == self._kept:
            return web.Response(status=503)
        holds = signature_holds(self._key, request.headers, body, time.time())
        same_id = request.headers.get("webhook-id") == event.id
        data = event.data
        self.arrived += 1
        self.unsigned += not (holds and same_id)
        self._deliveries.append(
            Delivery(
                event.id,
                data.conversation_id,
                data.phrase,
                data.phrase_end_ms,
                received_ns,
                holds and same_id,
                data.channel,
            )
        )
        return web.Response(status=204)
