"""One call on its connection to the plain server: what is sent when, and what the answers show."""

import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection

from engine.demo.scoring import Delivery
from engine.simulator.delivery import Track, cut, dues_ns
from engine.simulator.options import MESSAGE_BYTES, NS_PER_BYTE, DeliveryOptions
from engine.simulator.playback import Playback

OVER_AND_OVER = DeliveryOptions(loops=None)


class Shown:
    """Which phrases an answer shows for the first time in its utterance."""

    def __init__(self, phrases: Sequence[str]) -> None:
        self._phrases = phrases
        self._shown: set[str] = set()

    def new(self, answer: dict[str, Any]) -> set[str]:
        """Of Vosk's JSON: a partial, or a final, which ends the utterance."""
        is_final = "text" in answer
        text = f" {answer['text'] if is_final else answer.get('partial', '')} "
        found = {phrase for phrase in self._phrases if f" {phrase} " in text} - self._shown
        self._shown = set() if is_final else self._shown | found
        return found


@dataclass(slots=True)
class Line:
    """One call on its connection."""

    conversation_id: str
    socket: ClientConnection
    playback: Playback
    shown: Shown
    sent: deque[tuple[int, int]] = field(default_factory=deque)  # not answered yet: when, and its place in the audio
    answered: list[tuple[int, int]] = field(default_factory=list)  # when sent, how long it took
    deliveries: list[Delivery] = field(default_factory=list)
    late_ns: int = 0  # at worst

    async def send_due(self) -> None:
        """Send what has become due."""
        assert self.playback.started_ns is not None
        for due_ns, chunk in self.playback.due(time.monotonic_ns()):
            now_ns = time.monotonic_ns()
            self.late_ns = max(self.late_ns, now_ns - self.playback.started_ns - due_ns)
            self.sent.append((now_ns, due_ns))
            await self.socket.send(chunk)

    async def listen(self) -> None:
        """Note every answer until the connection is closed."""
        async for text in self.socket:
            now_ns = time.monotonic_ns()
            sent_ns, place_ns = self.sent.popleft()
            self.answered.append((sent_ns, now_ns - sent_ns))
            for phrase in self.shown.new(json.loads(text)):
                name = f"{self.conversation_id}/{phrase}/{place_ns}"
                place_ms = place_ns // 1_000_000
                self.deliveries.append(
                    Delivery(name, self.conversation_id, phrase, place_ms, now_ns, signature_ok=True)
                )


def track_of(samples: bytes) -> Track:
    """A recording in messages of a frame each."""
    chunks = cut(samples, MESSAGE_BYTES, 0)
    return Track(tuple(chunks), dues_ns([len(chunk) for chunk in chunks], OVER_AND_OVER, 0), len(samples) * NS_PER_BYTE)
