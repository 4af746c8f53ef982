"""What comes of one attempt to follow a conversation: it is over, or it is tried again; pure.

Every answer of the platform and of the socket becomes one of the two here, with a sentence for the operator.
"""

from dataclasses import dataclass

from engine.errors import PlatformError
from engine.genesys.checks import ConversationCheck, Reason
from engine.genesys.realtime import NO_ANSWER, Rejected
from engine.intake.conversation import EndReason, ReconnectReason

SCOPES = "the OAuth client needs the scope conversation:view, in some organisations interaction:read"


@dataclass(frozen=True, slots=True)
class Over:
    """The conversation has left."""

    reason: EndReason
    message: str


@dataclass(frozen=True, slots=True)
class Again:
    """The conversation is tried again, if tries are left."""

    reason: ReconnectReason
    message: str
    retry_after_s: float | None = None


Outcome = Over | Again

# What a conversation is said to have failed of when its tries are used up.
GIVEN_UP: dict[ReconnectReason, EndReason] = {
    "dropped": "unreachable",
    "timeout": "unreachable",
    "unreachable": "unreachable",
    "server_error": "unreachable",
    "unauthorized": "unauthorized",
    "rate_limited": "rate_limited",
    "refused": "refused",
    "protocol": "protocol",
}

_CHECKED: dict[Reason, Over] = {
    "ended": Over("ended", "the conversation has ended"),
    "not_found": Over("not_found", "the platform knows no such conversation: check its id and the region"),
    "not_visible": Over("not_visible", f"the conversation is not visible to this OAuth client: {SCOPES}"),
    "no_voice": Over("no_voice", "the conversation has no live voice participant"),
}


def of_check(check: ConversationCheck, *, heard: bool) -> Over:
    """Say why a conversation that is not live is not followed; one that was heard before has simply ended."""
    return _CHECKED["ended"] if heard else _CHECKED[check.reason]


def of_platform_error(error: PlatformError) -> Outcome:
    """Judge a request to the platform that failed: only what may pass is tried again."""
    if error.status == 401:
        return Over("unauthorized", f"{error}: check GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET; {SCOPES}")
    if error.status == 403:
        return Over("forbidden", f"{error}: {SCOPES}")
    reason = _again_reason(error.status) if error.status else "unreachable"
    return Over("refused", str(error)) if reason == "refused" else Again(reason, str(error), error.retry_after_s)


def of_rejection(rejected: Rejected) -> Again:
    """Judge a rejection that may pass."""
    told = f"{rejected.status} on {rejected.step}: {rejected.message}"
    return Again(_again_reason(rejected.status), told, rejected.retry_after_s)


def unauthorized(rejected: Rejected) -> Over:
    """A new token was refused too."""
    return Over("unauthorized", f"401 on {rejected.step} with a new token too ({rejected.message}): {SCOPES}")


def forbidden(rejected: Rejected, check: ConversationCheck | None, *, heard: bool) -> Over:
    """Say which 403 it is, from what the platform says of the conversation (None: it could not be asked)."""
    told = f"403 on {rejected.step} ({rejected.message})"
    if check is None:
        return Over("forbidden", f"{told}; the platform could not be asked why: {SCOPES}")
    if not check.live:
        return of_check(check, heard=heard)
    if rejected.step == "connect":
        return Over("forbidden", f"{told}: this OAuth client may not use the real-time socket; {SCOPES}")
    return Over("not_visible", f"{told}: the conversation is live but not visible to this OAuth client; {SCOPES}")


def given_up(again: Again) -> Over:
    """All tries are used up."""
    return Over(GIVEN_UP[again.reason], f"given up: {again.message}")


def _again_reason(status: int) -> ReconnectReason:
    match status:
        case 429:
            return "rate_limited"
        case _ if status == NO_ANSWER:
            return "timeout"
        case _:
            return "server_error" if status >= 500 else "refused"
