"""What the platform's picture of a conversation says: may it be followed, and which participant does an action mean.

Reads both shapes: `/conversations/{id}` (media below each participant, `calls[].state`) and `/conversations/calls/{id}`
(`participants[].state`). Lenient: unknown states count as live, unknown fields are passed over, and a picture that says
nothing of participants does not keep a conversation from being tried, because the subscription will tell. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from engine.options import Target

Reason = Literal["live", "not_found", "not_visible", "ended", "no_voice"]
Standing = Literal["coming", "talking", "over"]  # of one participant; it only ever goes on in this order

OVER_STATES = frozenset({"disconnected", "terminated", "none"})
COMING_STATES = frozenset({"alerting", "dialing", "contacting", "offering", "scheduled", "converting", "uploading"})
CALLS = "calls"
OTHER_MEDIA = (
    "callbacks",
    "chats",
    "cobrowsesessions",
    "emails",
    "internalMessages",
    "messages",
    "screenshares",
    "socialExpressions",
    "videos",
)
PURPOSES: dict[Target, tuple[str, ...]] = {"customer": ("customer", "external"), "agent": ("agent", "user")}
TRANSFER_PURPOSES = (*PURPOSES["agent"], "acd", "ivr", "workflow")  # who holds the customer's call, best first


@dataclass(frozen=True, slots=True)
class ConversationCheck:
    """Whether a conversation may be followed now, and if not, why."""

    live: bool
    reason: Reason


LIVE = ConversationCheck(live=True, reason="live")
NOT_FOUND = ConversationCheck(live=False, reason="not_found")
NOT_VISIBLE = ConversationCheck(live=False, reason="not_visible")
ENDED = ConversationCheck(live=False, reason="ended")
NO_VOICE = ConversationCheck(live=False, reason="no_voice")


def check_of(conversation: dict[str, Any]) -> ConversationCheck:
    """Judge a conversation that the platform showed us."""
    if _is_over(conversation):
        return ENDED
    if not isinstance(conversation.get("participants"), list):
        return LIVE
    legs = [leg for participant in _participants(conversation) for leg in _voice_legs(participant)]
    if not legs:
        return NO_VOICE
    return ENDED if all(map(_is_over, legs)) else LIVE


def standings_of(conversation: dict[str, Any]) -> dict[str, Standing]:
    """Say of each voice participant, by its id, how far it has come; one without an id goes by its place.

    Where the conversation itself is over, everybody is. An unknown state counts as talking.
    """
    over = _is_over(conversation)
    standings: dict[str, Standing] = {}
    for index, participant in enumerate(_participants(conversation)):
        if legs := _voice_legs(participant):
            identity = participant.get("id")
            name = identity if isinstance(identity, str) else f"#{index}"
            standings[name] = "over" if over else _standing(legs)
    return standings


def participant_of(conversation: dict[str, Any], target: Target) -> str | None:
    """Return the id of the live customer or agent, one that is connected before one that is not yet."""
    return _first_live(conversation, PURPOSES[target])


def transfer_participant(conversation: dict[str, Any]) -> str | None:
    """Return the id of whom a transfer replaces: the agent, or else the queue or IVR; never the customer."""
    return _first_live(conversation, TRANSFER_PURPOSES)


def _first_live(conversation: dict[str, Any], purposes: tuple[str, ...]) -> str | None:
    found = [
        (purposes.index(purpose), not _is_connected(legs), index, identity)
        for index, participant in enumerate(_participants(conversation))
        if (purpose := _word(participant, "purpose")) in purposes
        and isinstance(identity := participant.get("id"), str)
        and (legs := [leg for leg in _voice_legs(participant) if not _is_over(leg)])
        and not _is_over(participant)
    ]
    return min(found)[-1] if found else None


def _participants(conversation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    listed = conversation.get("participants")
    return (entry for entry in listed if isinstance(entry, dict)) if isinstance(listed, list) else iter(())


def _voice_legs(participant: dict[str, Any]) -> list[dict[str, Any]]:
    """Return its calls; itself where the shape lists no media at all; none where it has other media only."""
    calls = participant.get(CALLS)
    if isinstance(calls, list) and calls:
        legs = [call for call in calls if isinstance(call, dict)]
        return [participant] if _is_over(participant) else legs
    if any(participant.get(medium) for medium in OTHER_MEDIA) or isinstance(calls, list):
        return []
    return [participant]


def _is_over(part: dict[str, Any]) -> bool:
    ended = part.get("endTime") or part.get("disconnectedTime")
    return bool(ended) or _word(part, "state") in OVER_STATES


def _standing(legs: list[dict[str, Any]]) -> Standing:
    live = [_word(leg, "state") for leg in legs if not _is_over(leg)]
    if not live:
        return "over"
    return "coming" if all(state in COMING_STATES for state in live) else "talking"


def _is_connected(legs: list[dict[str, Any]]) -> bool:
    return any(_word(leg, "state") == "connected" for leg in legs)


def _word(part: dict[str, Any], name: str) -> str:
    value = part.get(name)
    return value.lower() if isinstance(value, str) else ""
