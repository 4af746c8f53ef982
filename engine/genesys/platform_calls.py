"""What is asked of the platform: look a conversation up, transfer, disconnect, set attributes.

Everything that goes into a request is validated here, before the SDK builds it: the SDK puts ids into addresses as they
are, and replaces values that it doesn't know by a text of its own. What we refuse ourselves carries the status that the
platform would have given: 400, or 404 where nobody is there to act on. An action first looks the conversation up, to
find the participant it means. Blocking, for the platform process's threads.
"""

import re
from dataclasses import dataclass
from typing import Any

from engine.errors import PlatformError
from engine.genesys.checks import (
    NOT_FOUND,
    NOT_VISIBLE,
    ConversationCheck,
    check_of,
    participant_of,
    transfer_participant,
)
from engine.genesys.platform_access import PlatformAccess
from engine.genesys.platform_login import LoginError
from engine.genesys.platform_messages import TransferKind, TransferTarget
from engine.genesys.platform_retry import Budget
from engine.genesys.sdk import Sdk
from engine.options import Target

OAUTH = ["PureCloud OAuth"]
LOOK_UP = "look up the conversation"
IDENTITY = re.compile(r"[A-Za-z0-9_-]{1,128}")
ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f]{1,256}")


@dataclass(frozen=True, slots=True)
class TransferLaw:
    """How one kind of transfer is asked for."""

    method: str  # of ConversationsApi
    model: str
    field: str
    allowed: re.Pattern[str]


TRANSFERS: dict[TransferKind, TransferLaw] = {
    "queue": TransferLaw("post_conversation_participant_replace_queue", "TransferToQueueRequest", "queue_id", IDENTITY),
    "user": TransferLaw("post_conversation_participant_replace_agent", "TransferToAgentRequest", "user_id", IDENTITY),
    "address": TransferLaw("post_conversation_participant_transfer", "TransferToAddressRequest", "address", ADDRESS),
}


class PlatformCalls:
    """The requests by name. Safe for several threads; every method raises PlatformError only."""

    def __init__(self, sdk: Sdk, access: PlatformAccess) -> None:
        self._sdk = sdk
        self._access = access

    def describe_token(self, budget: Budget) -> tuple[str, tuple[str, ...]]:
        """Name of the organization whose token it is, and its scopes; empty what the platform does not tell."""
        found = self._get(budget, "/api/v2/tokens/me", "look at the token")
        organization, scopes = found.get("organization"), found.get("authorizedScope")
        name = organization.get("name") if isinstance(organization, dict) else None
        told = tuple(scope for scope in scopes if isinstance(scope, str)) if isinstance(scopes, list) else ()
        return name if isinstance(name, str) else "", told

    def check(self, budget: Budget, conversation_id: str) -> ConversationCheck:
        """Say whether the conversation may be followed; ended, unknown and hidden ones are answers, not errors."""
        try:
            return check_of(self._conversation(budget, conversation_id))
        except LoginError:
            raise
        except PlatformError as error:
            if error.status in (403, 404):
                return NOT_VISIBLE if error.status == 403 else NOT_FOUND
            raise

    def transfer(self, budget: Budget, conversation_id: str, target: TransferTarget) -> None:
        """Replace the agent, or the queue that holds the call, by the target."""
        law = TRANSFERS[target.kind]
        value = _valid(law.allowed, target.value, f"the {target.kind} to transfer to")
        body = self._body(law.model, transfer_type="Unattended", **{law.field: value})
        found = transfer_participant(self._conversation(budget, conversation_id))
        participant = _live(found, "participant that a transfer could replace")
        self._act(budget, f"transfer to the {target.kind}", law.method, conversation_id, participant, body)

    def disconnect(self, budget: Budget, conversation_id: str, target: Target) -> None:
        """Hang up the live customer or agent."""
        body = self._body("MediaParticipantRequest", state="disconnected")
        participant = self._participant(budget, conversation_id, target)
        method = "patch_conversations_call_participant"
        self._act(budget, f"disconnect the {target}", method, conversation_id, participant, body)

    def set_attributes(self, budget: Budget, conversation_id: str, target: Target, attributes: dict[str, str]) -> None:
        """Set attributes of the live customer or agent."""
        body = self._body("ParticipantAttributes", attributes=attributes)
        participant = self._participant(budget, conversation_id, target)
        method = "patch_conversation_participant_attributes"
        self._act(budget, f"set attributes of the {target}", method, conversation_id, participant, body)

    def _participant(self, budget: Budget, conversation_id: str, target: Target) -> str:
        return _live(participant_of(self._conversation(budget, conversation_id), target), target)

    def _conversation(self, budget: Budget, conversation_id: str) -> dict[str, Any]:
        """Look it up; where the general address answers 404, as a call."""
        identity = _valid(IDENTITY, conversation_id, "the conversation's id")
        try:
            return self._get(budget, f"/api/v2/conversations/{identity}")
        except LoginError:
            raise
        except PlatformError as error:
            if error.status != 404:
                raise
        return self._get(budget, f"/api/v2/conversations/calls/{identity}")

    def _get(self, budget: Budget, path: str, what: str = LOOK_UP) -> dict[str, Any]:
        def send(client: Any) -> Any:
            headers = {"Accept": "application/json"}
            return client.call_api(path, "GET", {}, {}, headers, response_type="object", auth_settings=OAUTH)

        found = self._access.read(budget, what, send)
        if not isinstance(found, dict):
            raise PlatformError(f"Could not {what}: the answer is not a JSON object", status=200, happened="no")
        return found

    def _act(self, budget: Budget, what: str, method: str, conversation: str, participant: str, body: Any) -> None:
        def send(client: Any) -> None:
            getattr(self._sdk.conversations_api(client), method)(conversation, participant, body)

        self._access.act(budget, what, send)

    def _body(self, model: str, **fields: Any) -> Any:
        """Fill one of the SDK's models, and look whether it took each value as it is."""
        body = getattr(self._sdk.models, model)()
        for name, value in fields.items():
            setattr(body, name, value)
            if getattr(body, name) != value:
                raise PlatformError(
                    f"Not sent: the SDK does not know this {name} of {model}", status=400, happened="no"
                )
        return body


def _valid(allowed: re.Pattern[str], value: str, name: str) -> str:
    if not allowed.fullmatch(value):
        message = f"Not sent: {name} is empty, too long or holds forbidden characters"
        raise PlatformError(message, status=400, happened="no")
    return value


def _live(participant: str | None, name: str) -> str:
    if participant is None:
        raise PlatformError(f"Not sent: the conversation has no live {name}", status=404, happened="no")
    return _valid(IDENTITY, participant, "the participant's id")
