"""Every refusal of the admin API has one form: RFC 9457 problem details, with what was wrong and what is allowed."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from engine.errors import RefusedError

RETRY_AFTER_S = 5
MAX_BODY_BYTES = 16 * 1024

# Status of each reason of RefusedError; those not named here may pass: 503 with Retry-After.
_REFUSED = {"duplicate": 409, "quarantined": 409, "invalid": 400, "credentials": 409}

_DETAILS = {
    404: "there is nothing at this address; GET / lists the addresses",
    413: f"the body may have {MAX_BODY_BYTES} bytes at most",
}


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON of anything orjson knows, dataclasses included."""
    return web.Response(
        body=orjson.dumps(value), status=status, content_type="application/json", headers=dict(headers or {})
    )


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> web.Response:
    """A refusal; `more` joins the standard members (`allowed`, `errors`)."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail} | more
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/problem+json", headers=dict(headers or {})
    )


def refusal(error: RefusedError) -> web.Response:
    """The problem that a RefusedError is, its reason with it."""
    status = _REFUSED.get(error.reason, 503)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    return problem(status, str(error), headers, reason=error.reason)


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn the library's refusals (no such address, wrong method, too large) into problems."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = sorted(error.allowed_methods)
        return problem(405, f"{request.method} does not work here", {"Allow": ", ".join(allowed)}, allowed=allowed)
    except web.RequestPayloadError:
        return problem(400, "the body breaks off, or is not encoded as its headers say")
    except web.HTTPError as error:
        return problem(error.status, _DETAILS.get(error.status, error.text or error.reason))
