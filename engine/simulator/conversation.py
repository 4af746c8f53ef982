"""A conversation as the platform sees it: participants, their states, and what transfers and hang-ups do to them.

Pure: the time is passed in (epoch milliseconds), answers are plain dicts in the shape of the platform's JSON.
A conversation with fewer than two connected participants is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from engine.simulator.refusals import RefusalError

State = Literal["alerting", "connected", "disconnected"]
# the key of a transfer's body -> purpose of the participant that takes over, and the key that names it there
TARGETS = {"queueId": ("acd", "queueId"), "userId": ("agent", "userId"), "address": ("external", "address")}


def iso(at_ms: int) -> str:
    """RFC 3339 with milliseconds, as the platform writes times."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Participant:
    """One leg of the call."""

    id: str
    purpose: str
    start_ms: int
    state: State = "connected"
    end_ms: int | None = None
    disconnect_type: str | None = None
    names: dict[str, str] = field(default_factory=dict)  # queueId, userId, address …
    attributes: dict[str, str] = field(default_factory=dict)

    def leave(self, now_ms: int, why: str) -> None:
        """Hang up; a participant leaves once."""
        if self.state != "disconnected":
            self.state, self.end_ms, self.disconnect_type = "disconnected", now_ms, why

    def _common(self) -> dict[str, Any]:
        body = {
            "id": self.id,
            "purpose": self.purpose,
            "startTime": iso(self.start_ms),
            "connectedTime": iso(self.start_ms),
            "attributes": dict(self.attributes),
            **self.names,
        }
        return body if self.end_ms is None else body | {"endTime": iso(self.end_ms)}

    def _leg(self) -> dict[str, Any]:
        leg = {"state": self.state, "direction": "inbound", "held": False, "muted": False, "confined": False}
        return leg if self.disconnect_type is None else leg | {"disconnectType": self.disconnect_type}

    def in_conversation(self) -> dict[str, Any]:
        """As `GET /conversations/{id}` lists it: the state stands in `calls[]`."""
        return self._common() | {"calls": [self._leg() | {"id": str(uuid5(UUID(self.id), "call"))}]}

    def in_call(self) -> dict[str, Any]:
        """As `GET /conversations/calls/{id}` lists it: the state stands in the participant."""
        return self._common() | self._leg()

    def in_event(self) -> dict[str, Any]:
        """As a notification lists it: references instead of ids."""
        references = {"queueId": "queue", "userId": "user"}
        named = {references[name]: {"id": value} for name, value in self.names.items() if name in references}
        rest = {name: value for name, value in self._common().items() if name not in references}
        return rest | self._leg() | named


class Conversation:
    """Participants of one call, in the order in which they came."""

    def __init__(self, conversation_id: str, now_ms: int, queue_id: str | None = None) -> None:
        self.id = conversation_id
        self._start_ms = now_ms
        self._end_ms: int | None = None
        self.participants: list[Participant] = []
        self._join("customer", now_ms, {"address": "tel:+15550100"})
        queue = {} if queue_id is None else {"queueId": queue_id}
        self._join("agent", now_ms, {"userId": str(uuid5(UUID(int=0), conversation_id)), **queue})

    @property
    def live(self) -> bool:
        """Somebody still talks to somebody."""
        return self._end_ms is None

    def named(self, name: str) -> tuple[str, ...]:
        """What participants, also those that have left, have under this name: queueId, userId."""
        return tuple(dict.fromkeys(each.names[name] for each in self.participants if name in each.names))

    def ring(self) -> None:
        """The agent's telephone rings; nobody has answered yet."""
        self.participants[-1].state = "alerting"

    def answer(self) -> None:
        """Whoever's telephone rings takes the call."""
        for participant in self.participants:
            if participant.state == "alerting":
                participant.state = "connected"

    def participant(self, participant_id: str) -> Participant:
        """RefusalError 404 when there is none of that id."""
        for participant in self.participants:
            if participant.id == participant_id:
                return participant
        raise RefusalError(404, f"Participant {participant_id} was not found in conversation {self.id}.")

    def transfer(self, participant_id: str, body: Mapping[str, Any], now_ms: int) -> Participant:
        """Hand this participant's part to a queue, a user or an address; return who takes over.

        Unattended (the default): the participant leaves at once. Attended: it stays until the other one answers.
        RefusalError 400 for anything but exactly one target, or for a customer; 409 when the participant has left.
        """
        leaving = self._connected(participant_id)
        chosen = [key for key in TARGETS if isinstance(body.get(key), str) and body[key]]
        if len(chosen) != 1 or body.get("transferType", "Unattended") not in ("Unattended", "Attended"):
            raise RefusalError(
                400, "A transfer needs exactly one of queueId, userId, address, and a known transferType."
            )
        if leaving.purpose == "customer":
            raise RefusalError(400, "A customer can't be replaced; transfer the agent's participant.")
        purpose, name = TARGETS[chosen[0]]
        joining = self._join(purpose, now_ms, {name: body[chosen[0]]})
        if body.get("transferType") == "Attended":
            joining.state = "alerting"
        else:
            leaving.leave(now_ms, "transfer")
        return joining

    def disconnect(self, participant_id: str, now_ms: int) -> None:
        """Hang up one leg, and the call with it when nobody is left to talk to; 409 when it has left already."""
        self._connected(participant_id).leave(now_ms, "client")
        if sum(participant.state == "connected" for participant in self.participants) < 2:
            self.end(now_ms)

    def set_attributes(self, participant_id: str, attributes: object) -> Participant:
        """Merge string attributes into the participant's; RefusalError 400 for anything else."""
        participant = self.participant(participant_id)
        if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
            raise RefusalError(400, "attributes must be an object of strings.")
        participant.attributes |= attributes
        return participant

    def end(self, now_ms: int) -> None:
        """Everybody leaves."""
        if self._end_ms is None:
            self._end_ms = now_ms
            for participant in self.participants:
                participant.leave(now_ms, "peer")

    def as_conversation(self) -> dict[str, Any]:
        """The JSON of `GET /api/v2/conversations/{id}`."""
        return self._frame() | {"participants": [each.in_conversation() for each in self.participants]}

    def as_call(self) -> dict[str, Any]:
        """The JSON of `GET /api/v2/conversations/calls/{id}`."""
        return self._frame() | {"participants": [each.in_call() for each in self.participants]}

    def as_event(self) -> dict[str, Any]:
        """The body of a notification: everybody, whatever has changed."""
        return self._frame() | {"participants": [each.in_event() for each in self.participants]}

    def _frame(self) -> dict[str, Any]:
        frame = {"id": self.id, "startTime": iso(self._start_ms), "recordingState": "NONE"}
        return frame if self._end_ms is None else frame | {"endTime": iso(self._end_ms)}

    def _connected(self, participant_id: str) -> Participant:
        participant = self.participant(participant_id)
        if participant.state == "disconnected":
            raise RefusalError(409)
        return participant

    def _join(self, purpose: str, now_ms: int, names: dict[str, str]) -> Participant:
        key = uuid5(UUID(int=0), f"{self.id}/{len(self.participants)}")
        self.participants.append(Participant(str(key), purpose, now_ms, names=names))
        return self.participants[-1]
