"""The feed's events, folded into what is so now. Pure; bounded by the engine's calls and by PHRASES.

After every connection a `state` replaces everything. An event that can't be read is a LiveError; one of an unknown kind is passed
over, for a newer engine may say more.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from engine.errors import LiveError
from engine.live_client import LiveEvent
from engine.top.shapes import SERIES_KEPT, Call, Delivery, Lost, Outcome, Phrase, State, Tick

PHRASES = 200


class Board:
    """What is so now. `ready` once a state has come."""

    def __init__(self) -> None:
        self.ready = False
        self.lost = False  # the feed has left something out: connect again
        self.seen = 0  # phrases told since the first state
        self.phrases: dict[str, Phrase] = {}  # the latest PHRASES, oldest first
        self.calls: dict[str, Call] = {}
        self.history: dict[str, list[float | None]] = {}
        self.sinks: dict[str, int] = {}  # by rule
        self._take(State(at=0.0))
        self._readers: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "state": self._on_state,
            "tick": self._on_tick,
            "phrase": self._on_phrase,
            "command": self._on_command,
            "lost": self._on_lost,
        }

    def apply(self, event: LiveEvent) -> None:
        """Take an event in. LiveError where it is not as docs/live.md has it."""
        read = self._readers.get(event.kind)
        if read is None:
            return
        try:
            read(event.data)
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"]))
            raise LiveError(
                f"the feed's {event.kind} can't be read ({place}): another version?", again=False
            ) from error

    def connected(self) -> None:
        """A new connection begins, whose state will replace everything."""
        self.lost = False

    def _on_state(self, data: dict[str, Any]) -> None:
        self._take(State.model_validate(data))
        self.ready = True

    def _take(self, state: State) -> None:
        self.at, self.version, self.started_at = state.at, state.version, state.started_at
        self.shows_text = state.shows_text
        self.engine, self.shards = state.engine, state.shards
        self.sinks = {rule.name: len(rule.sinks) for rule in state.rules}
        self.calls = {call.key: call for call in state.calls}
        self.phrases = {phrase.id: phrase for phrase in state.phrases[-PHRASES:]}
        self.history = {name: values[-SERIES_KEPT:] for name, values in state.history.items() if name != "at"}

    def _on_tick(self, data: dict[str, Any]) -> None:
        tick = Tick.model_validate(data)
        self.at, self.engine, self.shards = tick.at, tick.engine, tick.shards
        for key in tick.left:
            self.calls.pop(key, None)
        self.calls |= {call.key: call for call in tick.calls if call.key not in tick.left}
        for name, value in (tick.sample or {}).items():
            if name != "at":
                values = self.history.setdefault(name, [])
                values.append(value)
                del values[:-SERIES_KEPT]

    def _on_phrase(self, data: dict[str, Any]) -> None:
        phrase = Phrase.model_validate(data)
        self.phrases[phrase.id] = phrase
        self.seen += 1
        if len(self.phrases) > PHRASES:
            del self.phrases[next(iter(self.phrases))]

    def _on_command(self, data: dict[str, Any]) -> None:
        outcome = Outcome.model_validate(data)
        phrase = self.phrases.get(outcome.id)
        if phrase is not None:
            others = tuple(each for each in phrase.deliveries if each.sink != outcome.sink)
            new = Delivery(sink=outcome.sink, outcome=outcome.outcome, latency_ms=outcome.latency_ms)
            self.phrases[outcome.id] = phrase.model_copy(update={"deliveries": (*others, new)})

    def _on_lost(self, data: dict[str, Any]) -> None:
        self.lost = bool(Lost.model_validate(data).events)

    def latest(self, series: str) -> float | None:
        """The value of its newest sample; None where there is none, or it says nothing."""
        values = self.history.get(series)
        return values[-1] if values else None
