"""The simulated Genesys Cloud as one object that login, platform, socket and control handlers share.

Calls that are placed while it runs play the repertoire in turn; of those that have ended the latest ENDED_KEPT are shown, so that
it may run for days.
"""

import asyncio
import time

from engine.errors import ConfigError
from engine.simulator.call import Call
from engine.simulator.channels import Channels
from engine.simulator.clock import clock_ms, epoch_ms
from engine.simulator.conversation import Conversation
from engine.simulator.faults import Fault, FaultBoard, Stage
from engine.simulator.journal import Journal
from engine.simulator.options import CallOptions, FaultOptions, SimulatorOptions, conversation_id
from engine.simulator.playback import Playback
from engine.simulator.recordings import Library
from engine.simulator.refusals import RefusalError
from engine.simulator.ticker import Ticker
from engine.simulator.tokens import TokenStore

ENDED_KEPT = 100  # calls that have ended, once further ones are placed


class Cloud:
    """Calls, tokens, armed faults and the journal. Raises AudioFileError and ConfigError when made of wrong options."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.tokens = TokenStore(options.token_ttl_s, options.rate_limit_per_min)
        self.faults = FaultBoard()
        self.journal = Journal()
        self.ticker = Ticker()
        self.closing = asyncio.Event()
        self.channels = Channels(self.faults, options.channel_life_s)
        self._library = Library()
        self._placed = 0
        self.calls = {
            call.conversation_id: self._call(n, call, n * options.stagger_ms) for n, call in enumerate(options.calls)
        }
        for fault in options.faults:
            self.arm(fault)

    def _call(self, number: int, options: CallOptions, wait_ms: int = 0) -> Call:
        delivery = options.delivery or self.options.delivery
        playback = Playback(self._library.track(options.wav, delivery, number), delivery)
        queue = options.queue_id
        if queue is None and self.options.queues:
            queue = self.options.queues[number % len(self.options.queues)]
        call = Call(options, delivery, playback, Conversation(options.conversation_id, epoch_ms(), queue), wait_ms)
        call.announce = lambda: self.channels.publish(call.conversation)
        if options.ended:
            call.conversation.end(epoch_ms())
        return call

    def place(self, queue_id: str | None = None) -> Call:
        """One more call, the repertoire's next, by this queue; ConfigError where there is none."""
        if not self.options.repertoire:
            raise ConfigError(["calls: the simulator has no repertoire to place calls from"])
        played = self.options.repertoire[self._placed % len(self.options.repertoire)]
        number = len(self.options.calls) + self._placed
        self._placed += 1
        call = self._call(
            number, played.model_copy(update={"conversation_id": conversation_id(number), "queue_id": queue_id})
        )
        ended = [name for name, each in self.calls.items() if each.state == "ended"]
        for name in ended[:-ENDED_KEPT]:
            del self.calls[name]
        self.calls[call.options.conversation_id] = call
        call.conversation.ring()
        call.announce()
        call.conversation.answer()
        call.announce()
        if call.delivery.start_on == "open":
            self.start(call)
        return call

    def open(self) -> None:
        """Start the clocks of calls that do not wait for a subscription."""
        for call in self.calls.values():
            if call.delivery.start_on == "open":
                self.start(call)

    def start(self, call: Call) -> None:
        """Start a waiting call's clock, its `wait_ms` from now; one that runs or has ended is left alone."""
        if call.state == "waiting":
            call.playback.start(time.monotonic_ns() + call.wait_ms * 1_000_000)
            self.ticker.add(call)

    def visible_call(self, conversation_id: str) -> Call:
        """RefusalError 404 or 403 when there is none, or it may not be seen."""
        call = self.calls.get(conversation_id)
        if call is None:
            raise RefusalError(404, f"Conversation {conversation_id} was not found.")
        if not call.options.visible:
            raise RefusalError(403)
        return call

    def arm(self, fault: FaultOptions) -> None:
        """ConfigError when there is no such fault."""
        self.faults.arm(fault, clock_ms())

    def strike(self, stage: Stage, conversation_id: str | None = None) -> tuple[str, Fault] | None:
        """The armed fault that hits this request, if any; before it, tokens that shall expire do."""
        while self.faults.take("check", clock_ms()):
            self.tokens.expire_all()
        return self.faults.take(stage, clock_ms(), conversation_id)

    def refusal(self, status: int) -> RefusalError:
        """What an injected fault answers with."""
        asked = {"Retry-After": str(self.options.retry_after_s)} if status == 429 else {}
        return RefusalError(status, headers=asked)

    async def stall(self) -> None:
        """Hold an answer back; the simulator's end cuts it short."""
        try:
            await asyncio.wait_for(self.closing.wait(), self.options.stall_s)
        except TimeoutError:
            return
