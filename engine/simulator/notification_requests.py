"""The platform API's part of notifications: channels, their topics, the list of queues, and the query for live conversations.

Bodies and answers are those of the SDK's models, written from them. The query knows the filters that finding live voice calls takes
(conversationEnd that does not exist; mediaType, queueId, userId), and refuses others, so that a wrong query is seen.
"""

from typing import Any

import orjson
from aiohttp import web

from engine.simulator.call import Call
from engine.simulator.cloud import Cloud
from engine.simulator.conversation import Participant, iso
from engine.simulator.options import queue_id
from engine.simulator.refusals import RefusalError

MOST_PER_PAGE = {"queues": 500, "conversations": 100}


class NotificationRequests:
    """Handlers, behind the platform API's gate."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_post("/notifications/channels", self._open)
        topics = "/notifications/channels/{channel}/subscriptions"
        router.add_put(topics, self._subscribe)
        router.add_get(topics, self._topics)
        router.add_get("/routing/queues", self._queues)
        router.add_post("/analytics/conversations/details/query", self._query)

    async def _open(self, request: web.Request) -> web.Response:
        channel = self._cloud.channels.open()
        uri = f"ws://{request.host}/notifications/{channel.id}"
        return web.json_response({"connectUri": uri, "id": channel.id, "expires": iso(channel.expires_ms)})

    async def _subscribe(self, request: web.Request) -> web.Response:
        body = await _json(request)
        if not isinstance(body, list) or not all(isinstance(each, dict) and "id" in each for each in body):
            raise RefusalError(400, "The body is not a list of topics.")
        known = [str(each["id"]) for each in body if str(each["id"]).endswith(".conversations.calls")]
        channel = self._cloud.channels.subscribe(request.match_info["channel"], known)
        states = [
            {"id": each["id"], "state": "Permitted" if each["id"] in channel.topics else "Rejected"} for each in body
        ]
        return web.json_response({"entities": states})

    async def _topics(self, request: web.Request) -> web.Response:
        channel = self._cloud.channels.find(request.match_info["channel"])
        return web.json_response({"entities": [{"id": topic} for topic in channel.topics]})

    async def _queues(self, request: web.Request) -> web.Response:
        queues = self._cloud.options.queues or (queue_id(0),)
        page, size = _paging(request.query.get("pageNumber", 1), request.query.get("pageSize", 25), "queues")
        listed = [{"id": queue, "name": f"Queue {index}"} for index, queue in enumerate(queues)]
        pages = -(-len(listed) // size)
        part = listed[(page - 1) * size : page * size]
        return web.json_response(
            {"entities": part, "pageNumber": page, "pageSize": size, "pageCount": pages, "total": len(listed)}
        )

    async def _query(self, request: web.Request) -> web.Response:
        body = await _json(request)
        if not isinstance(body, dict) or "/" not in str(body.get("interval")):
            raise RefusalError(400, "A query needs an interval.")
        paging = body.get("paging", {})
        page, size = _paging(paging.get("pageNumber", 1), paging.get("pageSize", 25), "conversations")
        filters = [_Filter(each) for name in ("conversationFilters", "segmentFilters") for each in body.get(name, [])]
        found = [call for call in self._cloud.calls.values() if all(each.passes(call) for each in filters)]
        part = found[(page - 1) * size : page * size]
        answer: dict[str, Any] = {"totalHits": len(found)}
        return web.json_response(answer | ({"conversations": [_details(call) for call in part]} if part else {}))


class _Filter:
    """One filter of a query."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._any = body.get("type") == "or"
        self._predicates = body.get("predicates", [])

    def passes(self, call: Call) -> bool:
        """RefusalError 400 for a predicate that is not known."""
        told = [self._holds(predicate, call) for predicate in self._predicates]
        return any(told) if self._any else all(told)

    def _holds(self, predicate: dict[str, Any], call: Call) -> bool:
        match predicate.get("dimension"), predicate.get("operator", "matches"):
            case "conversationEnd", "notExists":
                return call.conversation.live
            case "mediaType", "matches":
                return predicate.get("value") == "voice"
            case ("queueId" | "userId") as name, "matches":
                return predicate.get("value") in call.conversation.named(name)
        raise RefusalError(400, f"The simulator does not know the predicate {predicate.get('dimension')}.")


def _details(call: Call) -> dict[str, Any]:
    """A conversation as the analytics service tells it."""
    told = {
        "conversationId": call.conversation.id,
        "conversationStart": iso(call.conversation.participants[0].start_ms),
        "participants": [_participant(each) for each in call.conversation.participants],
    }
    return (
        told
        if call.conversation.live
        else told | {"conversationEnd": iso(call.conversation.participants[0].end_ms or 0)}
    )


def _participant(participant: Participant) -> dict[str, Any]:
    segment = {"segmentStart": iso(participant.start_ms), "segmentType": "interact"}
    if participant.end_ms is not None:
        segment["segmentEnd"] = iso(participant.end_ms)
    if "queueId" in participant.names:
        segment["queueId"] = participant.names["queueId"]
    told: dict[str, Any] = {"participantId": participant.id, "purpose": participant.purpose}
    if "userId" in participant.names:
        told["userId"] = participant.names["userId"]
    return told | {"sessions": [{"mediaType": "voice", "segments": [segment]}]}


def _paging(page: object, size: object, of: str) -> tuple[int, int]:
    try:
        wanted = int(str(page)), int(str(size))
    except ValueError as error:
        raise RefusalError(400, "Page number and size are numbers.") from error
    if wanted[0] < 1 or not 1 <= wanted[1] <= MOST_PER_PAGE[of]:
        raise RefusalError(400, f"A page has 1 to {MOST_PER_PAGE[of]} entries and a number from 1.")
    return wanted


async def _json(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise RefusalError(400, "The body is not JSON.") from error
