"""Every metric: its name, its labels (closed sets only) and one function that records it.

Supervisor-side counters are prometheus_client's; what workers count lies in shared cells and is read by a collector at
scrape time, so a scrape costs the workers nothing. Names are an interface: DESIGN §8 and the README's table.
Series whose labels are known at the start begin at 0 there: a first event is then a rise, and no picture is empty.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from itertools import product
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, generate_latest

from engine.audiohook_metrics import AudioHookMetrics
from engine.command_metrics import CommandMetrics
from engine.discovery_metrics import DiscoveryMetrics
from engine.fleet_metrics import FleetMetrics
from engine.shard_metrics import ShardCollector, ShardReading

disable_created_metrics()  # type: ignore[no-untyped-call]
# `_created` would be a second series for each counter, which nobody reads, and a third of what a scrape costs.

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Source = Literal["realtime", "audiohook", "file"]
ConversationState = Literal["checking", "connecting", "listening", "paused", "reconnecting", "ended", "failed"]
LIVE_STATES: tuple[ConversationState, ...] = ("checking", "connecting", "listening", "paused", "reconnecting")

AdminRefusal = Literal["unauthorized", "host", "cross_site", "connections", "timeout"]
RateLimited = Literal["platform", "realtime"]
LIVE_SOURCES: tuple[Source, ...] = ("realtime", "audiohook")
# Of genesys.realtime, genesys.audiohook.states and intake.session_audio; tests/test_metrics.py compares.
IGNORED = (
    *("unknown_type", "unexpected", "malformed_json", "bad_audio", "too_large", "repeated", "playback", "audio_paused"),
    *("audio_empty", "too_many", "after_disconnect", "after_close", "backlog_full", "backlog_late", "backlog_cut"),
)

# Help that says what the values of a label mean.
NOT_TAKEN = "Conversations not taken: capacity, credentials (none are set), duplicate, draining, invalid, quarantined, redis (a fleet's)."
ADMIN_REFUSED = (
    "Requests to the admin API that were refused: unauthorized is no or a wrong token, host and cross_site a browser led "
    "here, connections more than 128 at once."
)


class Metrics(CommandMetrics):
    """The supervisor's record of everything. One instance per engine, with its own registry."""

    def __init__(self, readings: Callable[[], Iterable[ShardReading]] = tuple) -> None:
        super().__init__(CollectorRegistry())
        self.registry.register(ShardCollector(readings))
        ProcessCollector(registry=self.registry)
        self._make_of_conversations()
        self.audiohook = AudioHookMetrics(self.registry)
        self.discovery = DiscoveryMetrics(self.registry)
        self.fleet = FleetMetrics(self.registry)
        self._make_of_the_engine()

    def _make_of_conversations(self) -> None:
        """Who is followed, and what is missed of them."""
        self._conversations = self._gauge(
            "cueline_conversations", "Conversations followed now, by state.", ["source", "state"]
        )
        for source, state in product(LIVE_SOURCES, LIVE_STATES):
            self._conversations.labels(source, state)
        self._ended = self._counter(
            "cueline_conversations_ended", "Conversations that left, by how.", ["source", "reason"]
        )
        self._refused = self._counter("cueline_conversations_refused", NOT_TAKEN, ["reason"])
        self._without_audio = self._gauge(
            "cueline_conversations_without_audio",
            "Conversations that have been listening for 10 s or more, and got no audio in the last 10 s.",
            ["source"],
        )
        for source in LIVE_SOURCES:
            self._without_audio.labels(source)
        self.refused_total = 0
        self._reconnects = self._counter("cueline_reconnects", "Sockets opened again.", ["reason"])
        self._waiting = self._gauge(
            "cueline_reconnects_waiting", "Conversations that wait for their turn to reconnect.", []
        )
        self._ignored = self._counter(
            "cueline_messages_ignored", "A peer's messages that were not understood.", ["reason"]
        )
        for reason in IGNORED:
            self._ignored.labels(reason)
        self._gaps = self._counter("cueline_audio_gap_seconds", "Audio missed while a socket was down.", [])

    def _make_of_the_engine(self) -> None:
        """The admin API, the loop, the platform's answers, the model."""
        self._events_lost = self._counter(
            "cueline_events_lost", "Events that a slow reader of GET /v1/events or /v1/live missed.", []
        )
        self._admin_refused = self._counter("cueline_admin_requests_refused", ADMIN_REFUSED, ["reason"])
        for refusal in get_args(AdminRefusal):
            self._admin_refused.labels(refusal)
        self._limited = self._counter("cueline_rate_limited", "Answers 429 of Genesys Cloud.", ["where"])
        for where in get_args(RateLimited):
            self._limited.labels(where)
        self._lag = self._gauge("cueline_loop_lag_seconds", "How late the event loop's last tick was.", [])
        self._token = self._gauge("cueline_token_seconds_left", "Life left of the platform token; 0 without one.", [])
        self._unrenewed = self._counter(
            "cueline_token_renewals_failed", "Tries for a new platform token that brought none.", []
        )
        self._model = self._gauge(
            "cueline_model_info", "The model in use; always 1.", ["name", "decoding", "frames_per_chunk"]
        )

    def exposition(self) -> bytes:
        """The text that `GET /metrics` answers with (CONTENT_TYPE)."""
        return generate_latest(self.registry)

    def conversations_known(self, endings: Iterable[str], reconnects: Iterable[str], refusals: Iterable[str]) -> None:
        """All reasons why a conversation can leave, its socket be opened again, or it be refused."""
        for source, reason in product(LIVE_SOURCES, endings):
            self._ended.labels(source, reason)
        for reason in reconnects:
            self._reconnects.labels(reason)
        for reason in refusals:
            self._refused.labels(reason)

    def conversation_moved(
        self, source: Source, before: ConversationState | None, after: ConversationState | None
    ) -> None:
        """A conversation changed state; None before it is taken and after it has left."""
        for state, step in ((before, -1), (after, 1)):
            if state in LIVE_STATES:
                self._conversations.labels(source, state).inc(step)

    def conversation_ended(self, source: Source, reason: str) -> None:
        """A conversation left; `reason` is one of `intake.conversation.END_REASONS`."""
        self._ended.labels(source, reason).inc()

    def conversation_refused(self, reason: str) -> None:
        """A conversation was not taken."""
        self.refused_total += 1
        self._refused.labels(reason).inc()

    def without_audio(self, source: Source, count: int) -> None:
        """So many conversations of a source get no audio now."""
        self._without_audio.labels(source).set(count)

    def reconnected(self, reason: str) -> None:
        """A socket is being opened again."""
        self._reconnects.labels(reason).inc()

    def waiting_to_reconnect(self) -> AbstractContextManager[object]:
        """A conversation waits for its turn while this is entered."""
        return self._waiting.track_inprogress()

    def message_ignored(self, reason: str) -> None:
        """A peer's message was not understood."""
        self._ignored.labels(reason).inc()

    def gap_heard(self, seconds: float) -> None:
        """Audio was missed."""
        self._gaps.inc(seconds)

    def event_lost(self) -> None:
        """A slow reader of the event stream missed an event."""
        self._events_lost.inc()

    def admin_refused(self, reason: AdminRefusal) -> None:
        """A request to the admin API, or a connection, was refused."""
        self._admin_refused.labels(reason).inc()

    def loop_lag(self, seconds: float) -> None:
        """How late a tick of the loop was."""
        self._lag.set(seconds)

    def rate_limited(self, where: RateLimited) -> None:
        """Genesys Cloud answered 429: a request to its API or for a token, or the opening of a real-time socket."""
        self._limited.labels(where).inc()

    def renewal_failed(self) -> None:
        """There was no new platform token to be had."""
        self._unrenewed.inc()

    def token_life_from(self, seconds_left: Callable[[], float]) -> None:
        """Where to ask, at scrape time, for the life left of the platform token."""
        self._token.set_function(seconds_left)

    def model_loaded(self, name: str, decoding: str, frames_per_chunk: str) -> None:
        """The model in use."""
        self._model.labels(name, decoding, frames_per_chunk).set(1)
