"""A live view that is made up, in the shapes of docs/live.md: any number of calls, and whatever is to be shown of them.

It stands behind a real AdminServer. What it shows is fixed by numbers, not by chance, so that pictures of it can be compared.
"""

import contextlib
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from engine.admin.events import EventStream
from engine.admin.fleet import Look
from engine.admin.live_feed import Live
from engine.admin.server import AdminParts, AdminServer
from engine.metrics import Metrics
from engine.options import AdminOptions
from tests.support.admin import Registry
from tests.support.fleet_view import MadeUpFleet

RULES = (
    {"name": "transfer-me", "phrases": ["transfer me", "let me speak to a human"], "sinks": ["crm", "transfer"]},
    {"name": "cancel-order", "phrases": ["cancel my order"], "sinks": ["crm"]},
    {"name": "complaint", "phrases": ["this is unacceptable", "i want to complain"], "sinks": ["crm", "supervisor-alert"]},
)  # fmt: skip
SPOKEN = ("could you please transfer me", "i want to cancel my order", "no this is unacceptable")
CONDITIONS = ("model_loaded", "shards_up", "not_draining", "capacity_left", "state_writable")
HISTORY = 300


def call_key(number: int) -> str:
    return f"{(number * 2654435761) % (1 << 32):08x}-52c1-4d7e-9a40-{number:012d}"


@dataclass
class MadeUp:
    """The view. `calls`, `engine` and `shards` may be changed at will; `tick` tells the followers."""

    count: int = 12
    texts: bool = False
    phrases_told: int = 9
    at: float = field(default_factory=time.time)
    events: EventStream = field(default_factory=lambda: EventStream(kept=0))
    fleet: MadeUpFleet | None = None

    def __post_init__(self) -> None:
        self.engine = {
            "status": "ready", "conditions": dict.fromkeys(CONDITIONS, True), "calls": self.count, "speaking": 0, "without_audio": 0,
            "phrases_total": 184, "commands_total": {"delivered": 271, "failed": 1, "refused": 0, "unknown": 0}, "refused_total": 0,
            "outbox_pending": 0, "outbox_dead": 0, "outbox_oldest_s": 0.0, "sinks_failing": [], "loop_lag_ms": 1.4, "token_s": 2911.0,
            "model": "vosk-model-small-en-us-0.15",
        }  # fmt: skip
        self.shards = [
            {"shard": n, "up": True, "calls": self.count, "utilization": 0.41 + 0.08 * n, "capacity_left": 0.5, "queue_frames": 2 * n,
             "dropped": 0, "restarts": 0, "memory_mb": 212 + n} for n in range(2)
        ]  # fmt: skip
        self.calls = [self.call(number) for number in range(self.count)]
        self.ended = [self.call(900 + n) | {"state": "ended", "reason": "ended", "shard": None} for n in range(3)]
        self.phrases = [self.phrase(n) for n in range(self.phrases_told)]
        self.engine["speaking"] = sum(channel["speaking"] for call in self.calls for channel in call["channels"])
        self.known: dict[str, dict[str, Any]] = {call["key"]: call for call in self.calls}
        self.asked: list[str] = []  # timelines

    def call(self, number: int) -> dict[str, Any]:
        """CALL: every fifth has one channel, every eleventh is in trouble."""
        channels = ("external",) if number % 5 == 4 else ("external", "internal")
        begun = self.at - 15 - 37.0 * (number % 23) - number % 7
        return {
            "key": call_key(number), "conversation_id": call_key(number), "source": ("realtime", "audiohook")[number % 3 == 1],
            "state": "reconnecting" if number % 11 == 10 else "listening", "reason": None, "since": begun + 2, "begun": begun,
            "shard": number % 2, "gap_ms": 480 if number % 11 == 10 else 0, "reconnects": int(number % 11 == 10), "phrases": number % 4,
            "without_audio": False,
            "channels": [
                {"channel": name, "speaking": (number + n) % 3 == 0, "late_ms": 620 if number % 13 == 7 else 0}
                for n, name in enumerate(channels)
            ],
        }  # fmt: skip

    def phrase(self, number: int, at: float | None = None) -> dict[str, Any]:
        """PHRASE: the n-th, by turns of the rules."""
        rule, call = RULES[number % 3], self.calls[number % len(self.calls)]["key"] if self.calls else call_key(0)
        told = [{"sink": sink, "outcome": "delivered", "latency_ms": 31 + number} for sink in rule["sinks"]]
        if number % 7 == 4:
            told[-1] |= {"outcome": "failed"}
        row = {
            "id": f"phrase-{number}", "at": at or self.at - 20 * (self.phrases_told - number), "key": call, "conversation_id": call,
            "channel": "external", "rule": rule["name"], "phrase": rule["phrases"][0], "confidence": 0.97 - 0.03 * (number % 4),
            "fired_on": ("partial", "final")[number % 4 == 3], "phrase_end_ms": 4000 + 9000 * number, "latency_ms": 260 + 23 * (number % 6),
            "deliveries": told,
        }  # fmt: skip
        return row | {"text": SPOKEN[number % 3]} if self.texts else row

    def history(self) -> dict[str, list[float | None]]:
        """Ten minutes that swing."""
        at = [self.at - 2 * (HISTORY - n) for n in range(HISTORY)]
        swing = [math.sin(n / 23) + 0.3 * math.sin(n / 5) for n in range(HISTORY)]
        return {
            "at": at,
            "calls": [round(max(0, self.count * (0.8 + 0.15 * s))) for s in swing],
            "speaking": [round(max(0, self.count * (0.7 + 0.3 * s))) for s in swing],
            "frames_per_s": [self.count * 50.0 for _ in swing],
            "phrases_per_min": [max(0.0, 3 + 2 * s) for s in swing],
            "commands_per_min": [max(0.0, 5 + 3 * s) for s in swing],
            "failed_per_min": [1.0 if n % 90 == 80 else 0.0 for n in range(HISTORY)],
            "frame_p50_ms": [9 + 2 * s for s in swing],
            "frame_p99_ms": [34 + 12 * s for s in swing],
            "spot_p50_ms": [None if n % 4 else 290 + 40 * s for n, s in enumerate(swing)],
            "spot_p95_ms": [None if n % 4 else 390 + 60 * s for n, s in enumerate(swing)],
            "utilization": [0.45 + 0.1 * s for s in swing],
            "loop_lag_ms": [1.5 for _ in swing],
        }

    def state(self) -> dict[str, Any]:
        """All of it, now."""
        return self._now() | {
            "version": "0.1.0", "started_at": self.at - 9200, "tick_s": 1.0, "shows_text": self.texts, "rules": list(RULES),
            "fleet": self.fleet.name if self.fleet else None,
            "calls": self.calls, "ended": self.ended, "phrases": self.phrases, "history": self.history(),
        }  # fmt: skip

    def _now(self) -> dict[str, Any]:
        return {"at": time.time(), "engine": self.engine, "shards": self.shards}

    def tick(self, changed: list[dict[str, Any]] | None = None, left: tuple[str, ...] = ()) -> None:
        """Tell a tick: `left` are gone, `changed` are new or other than before."""
        for call in changed or []:
            self.known[call["key"]] = call
        for key in left:
            self.known.pop(key, None)
        self.calls = list(self.known.values())
        self.engine["calls"] = len(self.calls)
        sample = {name: values[-1] for name, values in self.history().items()} | {"at": time.time()}
        self.events.publish("tick", self._now() | {"calls": changed or [], "left": list(left), "sample": sample})

    def spot(self, number: int, **other: Any) -> dict[str, Any]:
        """Tell a phrase, just now, that nothing was done about yet."""
        row = self.phrase(number, time.time()) | {"deliveries": []} | other
        self.phrases.append(row)
        self.events.publish("phrase", row)
        return row

    def look(self) -> Look | None:
        """Of the admin API: who tells of the fleet."""
        return self.fleet.look if self.fleet and not self.fleet.alone else None

    def timeline(self, key: str) -> dict[str, Any] | None:
        """Two minutes of talk by turns, of any call that is there."""
        self.asked.append(key)
        if key not in self.known:
            return None
        turns = [(2000 + 7000 * n, 2000 + 7000 * n + 2400 + 900 * (n % 4)) for n in range(17)]
        phrases = [
            phrase | {"key": key, "phrase_end_ms": 9000 + 22000 * n} for n, phrase in enumerate(self.phrases[:4])
        ]
        return {
            "key": key, "conversation_id": key, "state": self.known[key]["state"], "now_ms": 121_500,
            "channels": [
                {"channel": "external", "speech": [*turns[::2][:-1], [turns[16][0], None]], "gaps": [[61_000, 1800]], "phrases": phrases},
                {"channel": "internal", "speech": turns[1::2], "gaps": [], "phrases": []},
            ],
        }  # fmt: skip


@contextlib.asynccontextmanager
async def shown(view: MadeUp, port: int = 0, **settings: object) -> AsyncIterator[AdminServer]:
    """A server that shows the view; `settings` are AdminOptions'."""
    metrics = Metrics()
    live = Live(view, view.events)
    parts = AdminParts(Registry(), lambda: view.engine["conditions"], metrics, EventStream(), live, fleet=view.look)
    server = AdminServer(AdminOptions(port=port, **settings), parts)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
