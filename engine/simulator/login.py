"""The login server: `POST /oauth/token` with Basic authentication and the client credentials grant."""

import base64
import secrets
from typing import Any

from aiohttp import web

from engine.simulator.clock import clock_ms
from engine.simulator.cloud import Cloud

TOKEN_PATH = "/oauth/token"  # noqa: S105 - an address, not a secret
ERRORS = {401: "invalid_client", 429: "too_many_requests", 500: "server_error"}


class LoginApi:
    """Hand out tokens."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def add_to(self, app: web.Application) -> None:
        """Register the route."""
        app.router.add_post(TOKEN_PATH, self._token)

    async def _token(self, request: web.Request) -> web.Response:
        noted = self._cloud.journal.request(request.method, request.path)
        struck = self._cloud.strike("token")
        if struck is not None:
            noted.fault, fault = struck
            headers = self._cloud.refusal(fault.status).headers
            response = _refused(fault.status, ERRORS[fault.status], "simulated fault", headers)
        else:
            response = await self._answer(request)
        noted.status = response.status
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        client = self._client(request.headers.get("Authorization", ""))
        if client is None:
            return _refused(401, "invalid_client", "client not found or invalid client secret")
        if (await request.post()).get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", "only client_credentials is offered here")
        token = self._cloud.tokens.issue(clock_ms(), client)
        return web.json_response(
            {"access_token": token, "token_type": "bearer", "expires_in": self._cloud.options.token_ttl_s}
        )

    def _client(self, header: str) -> str | None:
        """The client that logs in, by its id: the simulator's, or one of several with the same secret as `ID.NAME`. None: unknown."""
        options = self._cloud.options
        given_id, _, secret = _basic(header).partition(b":")
        own, _, name = given_id.partition(b".")
        known = given_id == options.client_id.encode() or (own == options.client_id.encode() and name)
        fits = secrets.compare_digest(secret, options.client_secret.encode())
        return given_id.decode(errors="replace") if known and fits else None


def _basic(header: str) -> bytes:
    """`id:secret` of an Authorization header; b"" when it holds none."""
    scheme, _, given = header.partition(" ")
    try:
        return base64.b64decode(given, validate=True) if scheme.lower() == "basic" else b""
    except ValueError:  # not base64, or not even ASCII
        return b""


def _refused(status: int, error: str, why: str, headers: dict[str, str] | None = None) -> web.Response:
    body: dict[str, Any] = {"error": error, "description": why, "error_description": why}
    return web.json_response(body, status=status, headers=headers)
