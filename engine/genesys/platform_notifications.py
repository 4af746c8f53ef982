"""What is asked of the platform for notifications: channels, topics, queues, and which calls are live. Blocking, as `platform_calls.py`.

A channel is opened once per request, for each takes one of twenty places; the rest can be repeated at will, since topics are set as a
whole. Answers are read leniently: an entry that can't be read is left out. The query's answer is the analytics service's, which is
behind by seconds: it is for what the notifications have missed, never against what they said.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from engine.errors import PlatformError
from engine.genesys.notification_messages import LiveCall, QueryLive
from engine.genesys.platform_access import PlatformAccess
from engine.genesys.platform_calls import IDENTITY, OAUTH
from engine.genesys.platform_retry import Budget

CHANNELS = "/api/v2/notifications/channels"
QUERY = "/api/v2/analytics/conversations/details/query"
QUEUES = "/api/v2/routing/queues"
PAGE = 100
QUEUE_PAGE = 500
HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


class PlatformNotifications:
    """The requests by name. Safe for several threads; every method raises PlatformError only."""

    def __init__(self, access: PlatformAccess) -> None:
        self._access = access

    def open_channel(self, budget: Budget) -> tuple[str, str, float | None]:
        """Make a channel: its id, its socket's address, and the seconds that it will live if the platform says so."""

        def send(client: Any) -> Any:
            return client.call_api(CHANNELS, "POST", {}, {}, HEADERS, response_type="object", auth_settings=OAUTH)

        what = "open a notification channel"
        found = _object(self._access.act(budget, what, send), what)
        channel_id, uri = found.get("id"), found.get("connectUri")
        if not isinstance(channel_id, str) or not isinstance(uri, str) or not uri.startswith(("ws://", "wss://")):
            raise PlatformError(f"Could not {what}: the answer names no channel", status=200, happened="unknown")
        return channel_id, uri, _seconds_until(found.get("expires"))

    def subscribe(self, budget: Budget, channel_id: str, topics: tuple[str, ...]) -> tuple[str, ...]:
        """Let the channel have exactly these topics; return those that the platform refuses."""
        if not IDENTITY.fullmatch(channel_id):
            raise PlatformError("Not sent: the channel's id holds forbidden characters", status=400, happened="no")
        body = [{"id": topic} for topic in topics]
        path = f"{CHANNELS}/{channel_id}/subscriptions"
        found = self._sent(budget, "subscribe to notifications", "PUT", path, {"ignoreErrors": "true"}, body)
        return tuple(
            entry["id"]
            for entry in _entities(found, "entities")
            if isinstance(entry.get("id"), str) and str(entry.get("state")).lower() == "rejected"
        )

    def live_calls(self, budget: Budget, query: QueryLive) -> tuple[tuple[LiveCall, ...], bool]:
        """One page of live voice calls, and whether another may follow."""
        found = self._sent(budget, "query live calls", "POST", QUERY, {}, query_body(query))
        listed = list(_entities(found, "conversations"))
        calls = tuple(call for entry in listed if (call := live_call(entry)) is not None)
        return calls, len(listed) == PAGE

    def queues(self, budget: Budget, page: int) -> tuple[tuple[str, ...], bool]:
        """One page of queues' ids, and whether another follows."""
        asked = {"pageNumber": page, "pageSize": QUEUE_PAGE}
        found = self._sent(budget, "list the queues", "GET", QUEUES, asked, None)
        listed = list(_entities(found, "entities"))
        pages = found.get("pageCount")
        more = page < pages if isinstance(pages, int) else len(listed) == QUEUE_PAGE
        return tuple(filter(None, (_identity(entry, "id") for entry in listed))), more and bool(listed)

    def _sent(
        self, budget: Budget, what: str, method: str, path: str, asked: dict[str, Any], body: Any
    ) -> dict[str, Any]:
        """Send what changes nothing, or sets the same again."""

        def send(client: Any) -> Any:
            return client.call_api(
                path, method, {}, asked, dict(HEADERS), body=body, response_type="object", auth_settings=OAUTH
            )

        return _object(self._access.read(budget, what, send), what)


def query_body(query: QueryLive) -> dict[str, Any]:
    """Voice, not ended, of these queues or users, the oldest first."""
    segments = [_filter("and", [_dimension("mediaType", "voice")])]
    of = [_dimension("queueId", queue) for queue in query.queues] + [_dimension("userId", user) for user in query.users]
    if of:
        segments.append(_filter("or", of))
    unended = {"type": "dimension", "dimension": "conversationEnd", "operator": "notExists"}
    return {
        "interval": f"{query.since}/{query.until}",
        "order": "asc",
        "orderBy": "conversationStart",
        "paging": {"pageSize": PAGE, "pageNumber": query.page},
        "conversationFilters": [_filter("and", [unended])],
        "segmentFilters": segments,
    }


def live_call(entry: dict[str, Any]) -> LiveCall | None:
    """Read an entry of the answer; None where it is no live voice call."""
    identity = _identity(entry, "conversationId")
    if not identity or entry.get("conversationEnd"):
        return None
    queues: dict[str, None] = {}
    users: dict[str, None] = {}
    live = False
    for participant in _entities(entry, "participants"):
        if user := _identity(participant, "userId"):
            users[user] = None
        for session in _entities(participant, "sessions"):
            segments = list(_entities(session, "segments"))
            queues |= {queue: None for segment in segments if (queue := _identity(segment, "queueId"))}
            live |= str(session.get("mediaType")).lower() == "voice" and any(map(_is_open, segments))
    return LiveCall(identity, tuple(queues), tuple(users)) if live else None


def _is_open(segment: dict[str, Any]) -> bool:
    """Whether somebody is in it now; work after the call is none of the call."""
    return not segment.get("segmentEnd") and str(segment.get("segmentType")).lower() != "wrapup"


def _filter(kind: str, predicates: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": kind, "predicates": predicates}


def _dimension(name: str, value: str) -> dict[str, Any]:
    return {"type": "dimension", "dimension": name, "operator": "matches", "value": value}


def _object(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise PlatformError(f"Could not {what}: the answer is not a JSON object", status=200, happened="no")
    return found


def _entities(part: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    listed = part.get(name)
    return (entry for entry in listed if isinstance(entry, dict)) if isinstance(listed, list) else iter(())


def _identity(part: dict[str, Any], name: str) -> str:
    """An id that may stand in an address; "" for anything else."""
    value = part.get(name)
    return value if isinstance(value, str) and IDENTITY.fullmatch(value) else ""


def _seconds_until(moment: Any) -> float | None:
    """Seconds from now to a moment (RFC 3339); None for what is none, or is past."""
    try:
        until = datetime.fromisoformat(moment)
        left_s = (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return left_s if left_s > 0 else None
