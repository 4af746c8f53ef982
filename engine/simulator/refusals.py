"""How the platform says no: one exception with the fields of its error bodies."""

from typing import Any
from uuid import uuid4

from engine.errors import CuelineError

CODES = {
    400: ("bad.request", "The request could not be understood by the server due to malformed syntax."),
    401: ("bad.credentials", "Invalid login credentials."),
    403: ("missing.any.permissions", "Unable to perform the requested action. You lack the required permissions."),
    404: ("not.found", "The requested resource was not found."),
    405: ("method.not.allowed", "The method is not allowed on this resource."),
    409: ("conflict", "The participant is no longer connected."),
    429: ("too.many.requests", "Rate limit exceeded the maximum. Retry the request later."),
    500: ("internal.server.error", "The server encountered an unexpected condition."),
    504: ("gateway.timeout", "The request timed out."),
}


class RefusalError(CuelineError):
    """A request that is answered with an error; `headers` go with it."""

    def __init__(self, status: int, message: str = "", *, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.code, standard = CODES[status]
        self.headers = headers or {}
        super().__init__(message or standard)

    def body(self) -> dict[str, Any]:
        """The JSON of the platform API."""
        return {
            "message": str(self),
            "code": self.code,
            "status": self.status,
            "contextId": str(uuid4()),
            "details": [],
            "errors": [],
        }
