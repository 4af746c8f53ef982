"""A webhook receiver that misbehaves on demand, otherwise as the demo's does: what it takes it answers with 204.

It notes every request, whatever it does with it, so that afterwards one can tell what was taken, and what the engine could
know of it. Signatures are checked as the demo's receiver checks them.
"""

import asyncio
import base64
import contextlib
import secrets
import time
from datetime import datetime
from typing import Any, Literal, Self

import orjson
from aiohttp import web

from engine.demo.receiver import BODY_BYTES, PATH, signature_holds
from tests.chaos.accounting import NS_PER_MS, Receipt

Mode = Literal["well", "500", "429", "301", "close", "stall", "lost answer"]
STALL_S = 3.0  # less than a sink's timeout: the answer comes, late
SHUTDOWN_S = 0.2


class Receiver:
    """`async with Receiver() as receiver:` listens on a free port; `mode` says how it answers from now on."""

    def __init__(self) -> None:
        self.mode: Mode = "well"
        self.struck = 0  # requests that were answered otherwise than well
        self.unreadable = 0
        self.receipts: list[Receipt] = []
        self._key = secrets.token_bytes(24)
        self._port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.refuse()

    async def listen(self) -> None:
        """Take connections, on the port that it had before if it had one."""
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_post(PATH, self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def refuse(self) -> None:
        """Close the port and every connection."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """Where to POST."""
        return f"http://127.0.0.1:{self._port}{PATH}"

    @property
    def secret(self) -> str:
        """What deliveries have to be signed with."""
        return "whsec_" + base64.b64encode(self._key).decode()

    async def _take(self, request: web.Request) -> web.Response:
        received_ns = time.monotonic_ns()
        mode = self.mode
        body = await request.read()
        try:
            event = orjson.loads(body)
            signed = signature_holds(self._key, request.headers, body, time.time())
            receipt = _receipt(event, received_ns, signed and request.headers.get("webhook-id") == event["id"])
        except (KeyError, TypeError, ValueError):
            self.unreadable += 1
            return web.Response(status=400)
        self.struck += mode != "well"
        return await self._answer(mode, request, receipt)

    async def _answer(self, mode: Mode, request: web.Request, receipt: "_Unanswered") -> web.Response:
        match mode:
            case "500" | "429" | "301":
                self.receipts.append(receipt.answered(int(mode)))
                headers = {"429": {"Retry-After": "1"}, "301": {"Location": self.url}}.get(mode, {})
                return web.Response(status=int(mode), headers=headers)
            case "close" | "lost answer":
                self.receipts.append(receipt.answered(None, taken=mode == "lost answer"))
                with contextlib.suppress(AttributeError):  # gone already
                    request.transport.abort()
                return web.Response(status=500)  # goes nowhere
            case "stall":
                try:
                    await asyncio.sleep(STALL_S)
                except asyncio.CancelledError:  # nobody waits any more
                    self.receipts.append(receipt.answered(None))
                    raise
        self.receipts.append(receipt.answered(204, taken=True))
        return web.Response(status=204)


class _Unanswered:
    """A receipt but for what is answered."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def answered(self, status: int | None, *, taken: bool = False) -> Receipt:
        return Receipt(**self._fields, status=status, taken=taken)


def _receipt(event: dict[str, Any], received_ns: int, signed: bool) -> _Unanswered:
    """The event's times on the monotonic clock of this machine, which the engine shares."""
    data = event["data"]
    spotted_ns = int(datetime.fromisoformat(event["time"]).timestamp() * 1e9) - (time.time_ns() - time.monotonic_ns())
    behind_ms = data["audio_position_ms"] - data["phrase_end_ms"]
    return _Unanswered(
        key=event["id"],
        conversation_id=data["conversation_id"],
        channel=data["channel"],
        phrase=data["phrase"],
        spotted_ns=spotted_ns,
        end_ns=spotted_ns - behind_ms * NS_PER_MS,
        end_ms=data["phrase_end_ms"],
        received_ns=received_ns,
        signature_ok=signed,
    )
