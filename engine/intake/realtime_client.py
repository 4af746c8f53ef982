"""The shell around real-time sessions: one conversation's life on sockets, from the first check to its end.

Each attempt is check → connect → subscribe → listen and comes to an outcome: the conversation is over, or it is tried again after
a pause. What a message brings about is `reaction.py`'s, what an answer means `outcomes.py`'s, when to try again `backoff.py`'s and,
for all conversations together, `retry_budget.py`'s, what may follow what the session's.
Every wait has a limit; while listening it is the WebSocket ping, for silence is a caller's right.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import assert_never

import structlog

from engine.errors import PlatformError, ProtocolError
from engine.genesys.checks import ConversationCheck
from engine.genesys.realtime import RealtimeSession, Rejected, State
from engine.genesys.realtime_messages import verdict_of
from engine.intake import outcomes
from engine.intake.backoff import Backoff
from engine.intake.conversation import Conversation
from engine.intake.leased_channel import LeasedChannel
from engine.intake.outcomes import Again, Outcome, Over
from engine.intake.ports import Lease, Platform
from engine.intake.reaction import Reaction
from engine.intake.realtime_socket import (
    TOO_LARGE,
    RealtimeSocket,
    SocketClosedError,
    SocketFailedError,
    SocketRefusedError,
)
from engine.intake.retry_budget import RetryBudget
from engine.metrics import Metrics
from engine.options import Channel, GenesysOptions

CHANNEL: Channel = "external"  # the one that this socket carries
PLATFORM_REQUESTS = 4  # a token and a check, each at most twice

log = structlog.get_logger(__name__)


class RealtimeConversation:
    """Follow one conversation to its end. `run` is called once."""

    def __init__(
        self,
        conversation: Conversation,
        lease: Lease,
        options: GenesysOptions,
        platform: Platform,
        retries: RetryBudget,
        metrics: Metrics,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._conversation = conversation
        self._options = options
        self._platform = platform
        self._audio = LeasedChannel(conversation, lease, CHANNEL)
        self._retries = retries
        self._metrics = metrics
        self._backoff = Backoff(options, uniform)
        self._refused_token: str | None = None
        self._renewed = False  # a token was refused and replaced, and audio has not flowed since
        self._flowed = False  # this attempt brought audio for a while
        self._retrying = self._live = conversation.resumed  # comes back; was live when it was asked for last
        self._unchecked = False  # the socket was opened without a check

    async def run(self) -> None:
        """Follow; on return the conversation has ended."""
        try:
            over = await self._follow()
        finally:
            self._audio.leave()
        self._conversation.end(over.reason, over.message)

    async def _follow(self) -> Over:
        if self._retrying:
            await self._wait(self._retries.sockets.turn_s(monotonic()))
        while isinstance(outcome := await self._attempt(), Again):
            pause_s = self._pause_s(outcome)
            if pause_s is None:
                return outcomes.given_up(outcome)
            log.info(
                "conversation is tried again",
                conversation_id=self._conversation.conversation_id,
                reason=outcome.reason,
                message=outcome.message,
                pause_s=round(pause_s, 3),
            )
            self._conversation.reopen(outcome.reason)
            self._retrying = True
            await asyncio.sleep(pause_s)
            await self._wait(self._retries.sockets.turn_s(monotonic()))
        return outcome

    async def _wait(self, turn_s: float) -> None:
        """Wait for a turn of the budget."""
        if turn_s > 0:
            with self._metrics.waiting_to_reconnect():
                await asyncio.sleep(turn_s)

    def _pause_s(self, again: Again) -> float | None:
        """Say how long to wait: not at all with a new token, or when a flow that was well under way broke off."""
        if again.reason == "unauthorized" or (again.reason == "dropped" and self._flowed):
            return 0.0
        return self._backoff.failed(again.retry_after_s)

    async def _attempt(self) -> Outcome:
        """Check, then connect."""
        self._audio.begin()
        self._flowed = self._unchecked = False
        try:
            async with self._platform_limit():
                token = await self._platform.token(fresher_than=self._refused_token)
            check = await self._first_check()
        except PlatformError as error:
            return outcomes.of_platform_error(error)
        if check is not None and not check.live:
            return outcomes.of_check(check, heard=self._audio.heard)
        self._live, self._unchecked = True, check is None
        if self._conversation.state == "checking":
            self._conversation.move("connecting")
        ending = await self._connect(token)
        return await self._rejected(ending, token) if isinstance(ending, Rejected) else ending

    async def _first_check(self) -> ConversationCheck | None:
        """Look before a socket is opened; None where it was live a moment ago and the budget has no look left."""
        if self._retrying:
            if self._live and not self._retries.checks.take(monotonic()):
                return None
            if not self._live:
                await self._wait(self._retries.checks.turn_s(monotonic()))
        return await self._check()

    async def _check(self) -> ConversationCheck:
        async with self._platform_limit():
            return await self._platform.check(self._conversation.conversation_id)

    @asynccontextmanager
    async def _platform_limit(self) -> AsyncIterator[None]:
        """Bound a wait for the platform, whatever happens inside it."""
        try:
            async with asyncio.timeout(PLATFORM_REQUESTS * self._options.request_timeout_s):
                yield
        except TimeoutError as error:
            raise PlatformError("the platform API did not answer in time") from error

    async def _connect(self, token: str) -> Outcome | Rejected:
        """Open a socket and stay on it for as long as it goes."""
        try:
            socket = await RealtimeSocket.open(self._options)
        except SocketRefusedError as refused:
            return Rejected("connect", refused.status, str(refused), refused.retry_after_s)
        except SocketFailedError as error:
            return Again("unreachable", str(error))
        try:
            return await self._converse(socket, RealtimeSession(self._conversation.conversation_id, token))
        except ProtocolError as error:
            return Again("protocol", str(error))
        finally:
            self._settle()
            await socket.close()

    def _settle(self) -> None:
        """Forget earlier failures where audio has flowed for as long as the first pause; less would let a flapping peer spin."""
        self._flowed = self._audio.flowing_s(monotonic()) >= self._options.reconnect_base_s
        if self._flowed:
            self._renewed = False
            self._backoff.forget()

    async def _converse(self, socket: RealtimeSocket, session: RealtimeSession) -> Outcome | Rejected:
        """Stay with a session to its end; between one step and the next nothing runs here, messages are acted on as they come."""
        reaction = Reaction(session, self._conversation, self._audio, self._metrics)
        try:
            while reaction.ending is None and session.state is not State.LISTENING:
                for text in session.data_to_send():
                    await socket.send(text)
                await self._answer(socket, session, reaction)
            while reaction.ending is None:
                await self._listen(socket, reaction)
                await self._audio.wait_for_room(monotonic)
        except SocketClosedError as error:
            if error.code == TOO_LARGE:
                self._metrics.message_ignored("too_large")
            reaction.closed(error.code, error.reason)
        assert reaction.ending is not None  # `closed` always ends
        return reaction.ending

    async def _listen(self, socket: RealtimeSocket, reaction: Reaction) -> None:
        """Take messages; where nobody looked whether the call lives on, and no audio says so, look as soon as the budget allows."""
        try:
            async with asyncio.timeout(self._options.connect_timeout_s if self._unchecked else None):
                await socket.deliver(reaction.listen)
        except TimeoutError:
            if self._audio.flowing_s(monotonic()) > 0:
                self._unchecked = False
            elif reaction.ending is None:
                check = await self._check_again()
                self._unchecked = check is None
                if check is not None and not check.live:
                    reaction.ending = outcomes.of_check(check, heard=True)

    async def _answer(self, socket: RealtimeSocket, session: RealtimeSession, reaction: Reaction) -> None:
        """Receive until one step of the opening is answered, for a limited time in all."""
        step = session.state
        try:
            async with asyncio.timeout(self._options.connect_timeout_s):
                await socket.deliver(reaction.answer)
        except TimeoutError:
            if session.state is step and reaction.ending is None:  # an answer in the last moment counts
                reaction.wait_over()

    async def _rejected(self, rejected: Rejected, token: str) -> Outcome:
        """Do what the status asks for: a new token once, a look at the conversation, or another try later."""
        verdict = verdict_of(rejected.status)
        if rejected.status == 429:
            self._metrics.rate_limited("realtime")
        match verdict:
            case "renew_token" if self._renewed:
                return outcomes.unauthorized(rejected)
            case "renew_token":
                self._renewed, self._refused_token = True, token
                return Again("unauthorized", f"401 on {rejected.step}: {rejected.message}")
            case "give_up":
                return outcomes.forbidden(rejected, await self._check_again(), heard=self._audio.heard)
            case "back_off":
                return outcomes.of_rejection(rejected)
            case _:
                assert_never(verdict)

    async def _check_again(self) -> ConversationCheck | None:
        """Ask what has become of a conversation that was live a moment ago; None where the platform can't say."""
        if self._unchecked:
            await self._wait(self._retries.checks.turn_s(monotonic()))
        try:
            return await self._check()
        except PlatformError:
            return None
