"""The platform API under `/api/v2`: look-ups, transfers, hang-ups, participant attributes.

Every request passes one gate: it is noted, may be struck by a fault, needs a valid bearer token, and counts against
the rate limit. Paths and bodies are those that the SDK sends; what a request asks for really happens here.
"""

from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from engine.simulator.call import Call
from engine.simulator.clock import clock_ms, epoch_ms
from engine.simulator.cloud import Cloud
from engine.simulator.faults import Fault
from engine.simulator.journal import Request
from engine.simulator.notification_requests import NotificationRequests
from engine.simulator.refusals import CODES, RefusalError


def refused(refusal: RefusalError) -> web.Response:
    """The answer that carries a refusal."""
    return web.json_response(refusal.body(), status=refusal.status, headers=refusal.headers)


def bearer(header: str) -> str:
    """The token of an Authorization header; "" when there is none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class PlatformApi:
    """Handlers of the platform API."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def add_to(self, app: web.Application) -> None:
        """Mount everything under `/api/v2`."""
        api = web.Application(middlewares=[self._gate()])
        router, call = api.router, "/conversations/calls/{conversation}"
        router.add_get("/tokens/me", self._token)
        router.add_get("/conversations/{conversation}", self._conversation)
        router.add_get(call, self._call)
        router.add_post("/conversations/{conversation}/disconnect", self._teardown)
        router.add_patch(call + "/participants/{participant}", self._change_participant)
        for prefix in ("/conversations/{conversation}", call):
            router.add_patch(prefix + "/participants/{participant}/attributes", self._attributes)
            router.add_post(prefix + "/participants/{participant}/replace", self._transfer)
        for suffix in ("replace/queue", "replace/agent", "transfer"):
            router.add_post("/conversations/{conversation}/participants/{participant}/" + suffix, self._transfer)
        NotificationRequests(self._cloud).add_to(router)
        app.add_subapp("/api/v2", api)

    def _gate(self) -> Middleware:
        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            conversation = request.match_info.get("conversation")
            noted = self._cloud.journal.request(request.method, request.path, conversation)
            struck = self._cloud.strike("api", conversation)
            if struck is not None:
                noted.fault, fault = struck
                return await self._suffer(fault, request, noted)
            response = await self._admit(request, handler)
            noted.status = response.status
            return response

        return gate

    async def _suffer(self, fault: Fault, request: web.Request, noted: Request) -> web.StreamResponse:
        await request.read()
        if fault.effect == "drop":
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)  # goes nowhere: the connection is gone
        if fault.effect == "stall":
            await self._cloud.stall()
        noted.status = fault.status
        return refused(self._cloud.refusal(fault.status))

    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        token = bearer(request.headers.get("Authorization", ""))
        if not self._cloud.tokens.valid(token, clock_ms()):
            return refused(RefusalError(401))
        reading = self._cloud.tokens.hit(token, clock_ms())
        if reading.exceeded:
            response: web.StreamResponse = refused(RefusalError(429, headers={"Retry-After": str(reading.reset_s)}))
        else:
            response = await self._handle(request, handler)
        response.headers.update(reading.headers())
        return response

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusalError as refusal:
            return refused(refusal)
        except web.HTTPException as error:  # no such path, no such method
            return refused(RefusalError(error.status if error.status in CODES else 400))

    async def _token(self, _: web.Request) -> web.Response:
        organization = {"id": "00000000-0000-0000-0000-00000000000a", "name": "Simulated Genesys Cloud"}
        return web.json_response({"organization": organization, "authorizedScope": ["conversation"]})

    async def _conversation(self, request: web.Request) -> web.Response:
        call = self._cloud.visible_call(request.match_info["conversation"])
        return web.json_response(call.conversation.as_conversation())

    async def _call(self, request: web.Request) -> web.Response:
        call = self._cloud.visible_call(request.match_info["conversation"])
        return web.json_response(call.conversation.as_call())

    async def _transfer(self, request: web.Request) -> web.Response:
        call, participant = self._addressed(request)
        body = await _object(request)
        joined = call.conversation.transfer(participant, body, epoch_ms())
        call.announce()
        self._cloud.journal.action(
            "transfer", call.conversation.id, participant, target=joined.names, joined=joined.id, body=body
        )
        return web.Response(status=202)

    async def _change_participant(self, request: web.Request) -> web.Response:
        call, participant = self._addressed(request)
        body = await _object(request)
        if body.get("state") != "disconnected":
            raise RefusalError(400, "The simulator knows one change of a participant: state disconnected.")
        call.conversation.disconnect(participant, epoch_ms())
        call.announce()
        self._cloud.journal.action("disconnect", call.conversation.id, participant, body=body)
        if not call.conversation.live:
            await call.end("disconnected")
        return web.Response(status=202)

    async def _teardown(self, request: web.Request) -> web.Response:
        call = self._cloud.visible_call(request.match_info["conversation"])
        self._cloud.journal.action("disconnect", call.conversation.id, None)
        await call.end("disconnected")
        return web.json_response("", status=202)

    async def _attributes(self, request: web.Request) -> web.Response:
        call, participant = self._addressed(request)
        body = await _object(request)
        changed = call.conversation.set_attributes(participant, body.get("attributes"))
        self._cloud.journal.action(
            "attributes", call.conversation.id, participant, attributes=dict(body["attributes"]), body=body
        )
        return web.json_response({"attributes": changed.attributes}, status=202)

    def _addressed(self, request: web.Request) -> tuple[Call, str]:
        return self._cloud.visible_call(request.match_info["conversation"]), request.match_info["participant"]


async def _object(request: web.Request) -> dict[str, Any]:
    """The body as an object; RefusalError 400 for anything else."""
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise RefusalError(400, "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise RefusalError(400, "The body is not a JSON object.")
    return body
