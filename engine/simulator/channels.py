"""Notification channels: who subscribed to what, which sockets are open, and what is sent to them. No sockets here: queues of texts.

Twenty channels at most; one more takes the place of the one that was used least lately, first of those without a socket. A channel
has at most 1,000 topics. An event goes to every channel that has a topic of the call, once per topic.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson

from engine.simulator.clock import clock_ms, epoch_ms
from engine.simulator.conversation import Conversation, iso
from engine.simulator.faults import Fault, FaultBoard
from engine.simulator.refusals import RefusalError

CHANNELS = 20
TOPICS = 1000
WAITING = 10_000  # texts for a socket that does not read

Item = bytes | Fault  # a text to send, or a fault that strikes the socket


@dataclass(eq=False)
class Outlet:
    """One open socket's texts."""

    waiting: deque[Item] = field(default_factory=lambda: deque(maxlen=WAITING))
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    held: list[bytes] = field(default_factory=list)  # late ones

    def put(self, item: Item) -> None:
        """Send it, and what is late after it."""
        self.waiting.append(item)
        self.waiting.extend(self.held)
        self.held.clear()
        self.ready.set()


@dataclass(eq=False)
class Channel:
    """One channel."""

    id: str
    expires_ms: int
    used_ms: float
    topics: dict[str, None] = field(default_factory=dict)
    outlets: list[Outlet] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """For JSON."""
        return {"id": self.id, "expires": iso(self.expires_ms), "topics": list(self.topics), "open": len(self.outlets)}


class Channels:
    """All channels that live."""

    def __init__(self, faults: FaultBoard, life_s: float) -> None:
        self._faults = faults
        self._life_s = life_s
        self._channels: dict[str, Channel] = {}

    @property
    def all(self) -> tuple[Channel, ...]:
        """In the order of opening; those whose time is over are gone."""
        now_ms = epoch_ms()
        self._channels = {name: each for name, each in self._channels.items() if each.expires_ms > now_ms}
        return tuple(self._channels.values())

    def open(self) -> Channel:
        """A new channel, without topics."""
        if len(self.all) >= CHANNELS:
            oldest = min(self._channels.values(), key=lambda each: (bool(each.outlets), each.used_ms))
            del self._channels[oldest.id]
        channel = Channel(f"streaming-{uuid4()}", epoch_ms() + int(self._life_s * 1000), clock_ms())
        self._channels[channel.id] = channel
        return channel

    def find(self, channel_id: str) -> Channel:
        """RefusalError 404 where there is none."""
        found = next((each for each in self.all if each.id == channel_id), None)
        if found is None:
            raise RefusalError(404, f"Channel {channel_id} was not found.")
        return found

    def subscribe(self, channel_id: str, topics: Iterable[str]) -> Channel:
        """Exactly these topics; RefusalError 400 for too many."""
        channel = self.find(channel_id)
        wanted = dict.fromkeys(topics)
        if len(wanted) > TOPICS:
            raise RefusalError(400, f"A channel carries {TOPICS} topics at most.")
        channel.topics, channel.used_ms = wanted, clock_ms()
        return channel

    def publish(self, conversation: Conversation) -> None:
        """Tell everybody who subscribed to the call's queues or users how it is now."""
        topics = [f"v2.routing.queues.{queue}.conversations.calls" for queue in conversation.named("queueId")]
        topics += [f"v2.users.{user}.conversations.calls" for user in conversation.named("userId")]
        body = conversation.as_event()
        for channel in self.all:
            for topic in topics:
                if topic in channel.topics:
                    text = event(topic, body, {"CorrelationId": str(uuid4())})
                    for outlet in channel.outlets:
                        self.send(outlet, text)

    def send(self, outlet: Outlet, text: bytes) -> None:
        """One text, and the fault that strikes it."""
        struck = self._faults.take("notify", clock_ms())
        match struck[1].effect if struck else None:
            case None:
                outlet.put(text)
            case "skip":
                pass
            case "repeat":
                outlet.put(text)
                outlet.put(text)
            case "hold":
                outlet.held.append(text)
            case _:
                assert struck is not None
                outlet.put(struck[1])
                outlet.put(text)


def event(topic: str, body: object, metadata: dict[str, str] | None = None) -> bytes:
    """A message of a channel."""
    told = {"topicName": topic, "version": "2", "eventBody": body}
    return orjson.dumps(told if metadata is None else told | {"metadata": metadata})
