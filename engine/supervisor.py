"""The engine as a whole: what is made of what, the order of start, and the ladder of stop.

One event loop, every socket. The first TERM or INT starts the ladder: readiness off, no more conversations, calls may end
until the deadline (not after INT, whose sender waits), rings are heard to their heads, workers end, commands are delivered (what
can't be in time waits in the state file for the next start), everything closes in the reverse order of its start. A second signal moves the deadline to now.
"""

import asyncio
import signal
import time
from contextlib import AsyncExitStack

import structlog

from engine.admin.events import EventStream
from engine.admin.server import AdminParts, AdminServer
from engine.commands.command import Command
from engine.commands.dispatcher import Dispatcher
from engine.commands.outbox import Outbox
from engine.commands.outbox_rows import TABLES
from engine.commands.rules import Rules
from engine.commands.sinks import open_sinks
from engine.commands.traces import open_traces
from engine.fleet.offers import FleetOffers
from engine.fleet_wiring import Fleet, begun, open_fleet
from engine.genesys.platform import PlatformClient
from engine.intake.audiohook_server import AudioHookServer
from engine.intake.conversation import Conversation, ConversationInfo, EndReason
from engine.intake.followed import FOLLOWED_TABLES, Followed
from engine.intake.ports import Lease
from engine.intake.realtime_client import RealtimeConversation
from engine.intake.registry import Conversations
from engine.intake.retry_budget import RetryBudget
from engine.live_view import LiveView
from engine.metrics import Metrics
from engine.notifications import following
from engine.notify import Notifier, status_line
from engine.open_files import raise_limit
from engine.options import EngineOptions
from engine.reports import Reports
from engine.shards.admission import calls_of
from engine.shards.pool import Pool
from engine.state_file import StateFile
from engine.stopping import MIN_CLOSING_S, Stopping

WORKERS_SHARE = 0.5  # of what is left once the calls are gone is kept for workers and commands
MIN_WORKERS_S = 0.5

log = structlog.get_logger(__name__)


class Supervisor:
    """One engine. `run` is called once, on the loop that all of it lives on."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._notifier = Notifier()
        self._loop = asyncio.get_running_loop()
        self._stopping = Stopping(options.drain_s)
        self._starting: asyncio.Task[None] | None = None
        self._model_loaded = False
        self._metrics = Metrics(lambda: self._pool.readings())  # noqa: PLW0108 - made below
        self._metrics.rules_known(rule.name for rule in options.rules)
        self._platform = PlatformClient(
            options.genesys, lambda: self._metrics.rate_limited("platform"), self._metrics.renewal_failed
        )
        self._metrics.token_life_from(lambda: self._platform.token_seconds_left(time.monotonic()))
        self._events = EventStream(self._metrics.event_lost)
        self._live = LiveView(
            options, self._metrics, self._platform, self._readiness, lambda: self._pool.inside, self._info
        )
        told = (Rules(options.rules), self._metrics, self._events, self._live.board)
        self._reports = Reports(*told, offer=self._offer, fail=self._fail)
        self._pool = Pool(
            options.shards,
            options.speech,
            options.rules,
            log_level=options.log_level,
            on_spotted=self._reports.spotted,
            on_channel_failed=self._reports.channel_failed,
        )
        self._pool.inside.watch(self._live.board)
        self._files = raise_limit()
        self._orderly = True
        self._followed = Followed()
        self._retries = RetryBudget(options.genesys)
        self._conversations = Conversations(
            *(self._follow if options.genesys.credentials else None, self._pool, self._followed, self._metrics),
            on_change=self._reports.conversation,
            files=self._files,
        )
        self._audiohook = (
            AudioHookServer(options.audiohook, self._conversations.open, options.heard_channels, self._metrics)
            if options.audiohook.keys
            else None
        )
        self._fleet: Fleet | None = None
        parts = AdminParts(
            *(self._conversations, self._readiness, self._metrics, self._events, self._live.live, self._offers),
            lambda: self._fleet.look if self._fleet else None,
        )
        self._admin = AdminServer(options.admin, parts)
        self._state: StateFile | None = None
        self._dispatcher: Dispatcher | None = None

    async def run(self) -> bool:
        """Start, serve until a signal, stop. CuelineError where the start fails; nothing is left either way.

        False where the stop was not orderly: a worker ended by force, audio not heard, state not written.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_signal, number)
        async with AsyncExitStack() as stack:
            stack.callback(self._loop.create_task(self._notifier.keep_alive(self._status)).cancel)  # the last to go
            self._starting = self._loop.create_task(self._start(stack))
            try:
                await self._starting
            except asyncio.CancelledError:
                log.info("stopped while starting")
                return True
            self._notifier.ready(self._status())
            await self._stopping.wait()
            await self._drain()
        orderly = self._orderly and not self._conversations.stuck
        log.info("cueline has stopped", orderly=orderly)
        return orderly

    # start

    async def _start(self, stack: AsyncExitStack) -> None:
        """Each part is closed by the stack in the reverse order, as far as it came."""
        self._state = StateFile.open(self._options.state_dir, (*TABLES, *FOLLOWED_TABLES))
        stack.push_async_callback(self._close_state, self._state)
        self._files.warn_below(calls_of(self._options.shards))
        known = self._followed.begin(self._state)
        await stack.enter_async_context(self._platform)
        sinks = await stack.enter_async_context(open_sinks(self._options.sinks, self._platform))
        outbox = Outbox(self._state, self._options.outbox, sinks)
        stack.callback(outbox.close)
        self._state.start(outbox.heed)
        parts = (self._options, self._conversations, self._pool, self._metrics)
        self._fleet = await stack.enter_async_context(open_fleet(*parts, lambda: self._admin.url))
        trace = await stack.enter_async_context(open_traces(self._options.telemetry))
        told = (self._reports.outcome, self._reports.handed, trace)
        self._dispatcher = Dispatcher(sinks, outbox, self._metrics, *told, self._fleet.effects if self._fleet else None)
        self._live.stands.serve(outbox, self._dispatcher)
        stack.push_async_callback(self._dispatcher.close)
        stack.push_async_callback(self._stop_pool)
        prepared = await self._pool.start()
        self._model_loaded = True
        speech = self._options.speech
        self._metrics.model_loaded(speech.model_path.name, speech.decoding, str(speech.chunk_frames))
        stack.push_async_callback(self._admin.stop)
        await self._admin.start()
        stack.callback(self._events.close)
        stack.enter_context(self._live.running())
        if self._audiohook is not None:
            stack.push_async_callback(self._audiohook.stop)
            await self._audiohook.start()
        log.info(
            "cueline is up",
            admin=self._admin.url,
            audiohook=self._audiohook and self._audiohook.url,
            shards=self._options.shards.count,
            rules=len(self._options.rules),
            model=speech.model_path.name,
            model_load_ms=prepared.load_ms,
        )
        began = begun(self._options, self._conversations, self._followed, known, self._fleet)
        await stack.enter_async_context(began)
        if self._options.discovery.configured:
            await stack.enter_async_context(
                following(self._options, self._conversations, self._platform, self._metrics, self._fleet)
            )

    async def _follow(self, conversation: Conversation, lease: Lease) -> None:
        follower = RealtimeConversation(
            conversation, lease, self._options.genesys, self._platform, self._retries, self._metrics
        )
        await follower.run()

    def _offer(self, command: Command) -> None:
        if self._dispatcher is not None:  # phrases come only once there is one
            self._dispatcher.offer(command)

    def _fail(self, key: str, reason: EndReason) -> None:
        self._conversations.fail(key, reason)

    def _offers(self) -> FleetOffers | None:
        return self._fleet.offers if self._fleet else None

    def _info(self, key: str) -> ConversationInfo | None:
        return self._conversations.info(key)

    def _readiness(self) -> dict[str, bool]:
        return {
            "model_loaded": self._model_loaded,
            "shards_up": self._pool.all_up,
            "not_draining": not self._stopping.asked,
            "capacity_left": self._pool.has_capacity,
            "state_writable": self._state is not None and self._state.trouble is None,
        } | ({"fleet": self._fleet.ready} if self._fleet else {})

    def _status(self) -> str:
        return status_line(self._readiness(), self._conversations.live)

    # stop

    def _on_signal(self, number: signal.Signals) -> None:
        if not self._stopping.signalled(number):
            return
        self._conversations.forget_drained = number == signal.SIGINT  # who pressed Ctrl-C does not mean to go on
        self._notifier.stopping(self._status(), self._stopping.left_s())
        if self._starting and not self._starting.done():
            self._starting.cancel()  # once: a second time would cut off its own cleaning up

    async def _drain(self) -> None:
        """The ladder down to the delivered commands; the stack closes the rest."""
        stopping = self._stopping
        if self._audiohook is not None and self._options.audiohook.reconnects:
            self._audiohook.ask_to_reconnect()
        leaving = self._conversations.drain(stopping.call_deadline)
        leaving = self._fleet.drain(leaving) if self._fleet else leaving
        await stopping.unless_hurried(leaving, stopping.call_deadline)
        await self._conversations.drain(self._loop.time())
        if self._fleet:
            await self._fleet.leave()
        await stopping.unless_hurried(self._pool.drained(), stopping.deadline - WORKERS_SHARE * stopping.left_s())
        await self._stop_pool()
        if self._dispatcher:
            await stopping.unless_hurried(self._dispatcher.flush(stopping.deadline + 1), stopping.deadline)
            await self._dispatcher.flush(self._loop.time())  # says what is left

    async def _close_state(self, state: StateFile) -> None:
        whole = await state.close(self._stopping.left_s(MIN_CLOSING_S))
        if not whole:
            log.error("The last changes of the state could not be written and are lost", fault=state.trouble)
        self._orderly &= whole

    async def _stop_pool(self) -> None:
        """After a drain, or by the stack when the start failed; the second time it does nothing."""
        self._orderly &= await self._pool.stop(self._stopping.left_s(MIN_WORKERS_S))
