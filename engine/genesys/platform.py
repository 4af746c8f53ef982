"""`PlatformClient`: the supervisor's way to the platform API. Implements intake's `Platform` without blocking anything.

It owns one platform process at a time. A process that died or hung is replaced at the next request, after a pause that
doubles with each failure in a row; nobody else notices. All times are seconds of `time.monotonic`. Never imports the SDK.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self, assert_never

import structlog

from engine.errors import PlatformError
from engine.genesys.checks import ConversationCheck
from engine.genesys.notification_messages import (
    ChannelOpened,
    ListQueues,
    LiveFound,
    OpenChannel,
    QueryLive,
    QueuesListed,
    Subscribe,
)
from engine.genesys.platform_link import START_TIMEOUT_S, PlatformLink
from engine.genesys.platform_messages import (
    CheckConversation,
    Configure,
    DescribeToken,
    Disconnect,
    GetToken,
    LimitNeared,
    Note,
    RateLimited,
    RenewalFailed,
    Request,
    Retried,
    SetAttributes,
    TokenDescribed,
    TokenRenewed,
    Transfer,
    TransferTarget,
)
from engine.options import GenesysOptions, Target

log = structlog.get_logger(__name__)

ATTEMPTS_WORTH = 3  # a request, with its look-up and repetitions, may take so many times request_timeout_s
PAUSE_BASE_S = 0.1
PAUSE_MAX_S = 10.0
CLOSE_GRACE_S = 2.0
NO_CREDENTIALS = "No credentials for the platform API: set GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET"


class PlatformClient:
    """Tokens, checks and actions. `start` before, `close` after; or `async with`.

    Without credentials it starts nothing, and every request is a PlatformError that says what to set. `on_limited` is told
    of each answer 429, `on_renewal_failed` of each try for a new token that brought none.
    """

    def __init__(
        self,
        options: GenesysOptions,
        on_limited: Callable[[], None] = lambda: None,
        on_renewal_failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_limited = on_limited
        self._on_renewal_failed = on_renewal_failed
        self._configure = (
            Configure(options.login_url, options.api_url, *options.credentials, options.request_timeout_s)
            if options.credentials
            else None
        )
        self._timeout_s = ATTEMPTS_WORTH * options.request_timeout_s
        self._link: PlatformLink | None = None
        self._starting = asyncio.Lock()
        self._failures = 0  # in a row
        self._not_before_s = 0.0
        self._number = 0
        self._closed = False
        self._token_end_s = 0.0
        self._limit_said_until_s = 0.0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._link.pid if self._link is not None and self._link.usable else None

    async def start(self) -> None:
        """Start the platform process and wait until it can serve; PlatformError."""
        if self._configure is not None:
            await self._usable_link()

    async def close(self, grace_s: float = CLOSE_GRACE_S) -> None:
        """Take no more requests, let pending ones end for so long, end the process. May be called twice."""
        self._closed = True
        async with self._starting:
            link, self._link = self._link, None
            if link is not None:
                await link.close(grace_s)

    async def token(self, *, fresher_than: str | None = None) -> str:
        """Return the token; with the one that was refused, a newer one. PlatformError."""
        return str(await self._ask(lambda number, deadline_s: GetToken(number, deadline_s, fresher_than)))

    async def describe_token(self) -> TokenDescribed:
        """Say whose token it is and what for; PlatformError."""
        described = await self._ask(DescribeToken)
        assert isinstance(described, TokenDescribed)
        return described

    async def check(self, conversation_id: str) -> ConversationCheck:
        """Say whether a conversation may be followed; PlatformError where the platform could not be asked."""
        reason = await self._ask(lambda number, deadline_s: CheckConversation(number, deadline_s, conversation_id))
        return ConversationCheck(reason == "live", reason)

    async def transfer(self, conversation_id: str, target: TransferTarget) -> None:
        """Transfer the call, blind; PlatformError, whose `happened` says whether it may be tried again."""
        await self._ask(lambda number, deadline_s: Transfer(number, deadline_s, conversation_id, target))

    async def disconnect(self, conversation_id: str, participant: Target) -> None:
        """Hang up one participant; PlatformError, whose `happened` says whether it may be tried again."""
        await self._ask(lambda number, deadline_s: Disconnect(number, deadline_s, conversation_id, participant))

    async def set_attributes(self, conversation_id: str, participant: Target, attributes: dict[str, str]) -> None:
        """Set attributes of one participant; PlatformError, whose `happened` says whether it may be tried again."""
        await self._ask(
            lambda number, deadline_s: SetAttributes(number, deadline_s, conversation_id, participant, attributes)
        )

    async def open_channel(self) -> ChannelOpened:
        """Make a notification channel; PlatformError."""
        opened = await self._ask(OpenChannel)
        assert isinstance(opened, ChannelOpened)
        return opened

    async def subscribe(self, channel_id: str, topics: tuple[str, ...]) -> tuple[str, ...]:
        """Let a channel have exactly these topics, 1,000 at most; return those that were refused. PlatformError."""
        refused = await self._ask(lambda number, deadline_s: Subscribe(number, deadline_s, channel_id, topics))
        return tuple(refused)

    async def live_calls(
        self, since: str, until: str, page: int, queues: tuple[str, ...] = (), users: tuple[str, ...] = ()
    ) -> LiveFound:
        """List voice calls that are live, one page from 1; see `QueryLive`. PlatformError."""
        found = await self._ask(
            lambda number, deadline_s: QueryLive(number, deadline_s, since, until, page, queues, users)
        )
        assert isinstance(found, LiveFound)
        return found

    async def queues(self, page: int) -> QueuesListed:
        """List the queues that the client may see, one page from 1; PlatformError."""
        listed = await self._ask(lambda number, deadline_s: ListQueues(number, deadline_s, page))
        assert isinstance(listed, QueuesListed)
        return listed

    def token_seconds_left(self, now_s: float) -> float:
        """Life left of the token in use; 0 without one."""
        return max(0.0, self._token_end_s - now_s)

    async def _ask(self, make: Callable[[int, float], Request]) -> Any:
        try:
            async with asyncio.timeout(START_TIMEOUT_S + self._timeout_s):
                link = await self._usable_link()
        except TimeoutError as error:
            raise PlatformError("The platform process could not be started in time", happened="no") from error
        self._number += 1
        try:
            return await link.ask(make(self._number, time.monotonic() + self._timeout_s))
        finally:
            if link.usable:
                self._failures = 0

    async def _usable_link(self) -> PlatformLink:
        if self._link is not None and self._link.usable and not self._closed:
            return self._link
        async with self._starting:
            if self._closed:
                raise PlatformError("The platform client is closed", happened="no")
            if self._configure is None:
                raise PlatformError(NO_CREDENTIALS, happened="no")
            if self._link is None or not self._link.usable:
                await self._replace(self._configure)
            assert self._link is not None
            return self._link

    async def _replace(self, configure: Configure) -> None:
        """End the process that failed, if there is one, and start another."""
        if (failed := self._link) is not None:
            log.warning("Platform process is replaced.", pid=failed.pid)
            self._link = None
            self._token_end_s = 0.0
            await failed.close(patience_s=0.2)
            self._delay()
        await asyncio.sleep(self._not_before_s - time.monotonic())
        try:
            self._link = await PlatformLink.start(configure, self._on_note)
        except PlatformError:
            self._delay()
            raise

    def _delay(self) -> None:
        pause_s = min(PAUSE_BASE_S * 2**self._failures, PAUSE_MAX_S)
        self._failures = min(self._failures + 1, 16)
        self._not_before_s = time.monotonic() + pause_s

    def _on_note(self, note: Note) -> None:
        match note:
            case TokenRenewed():
                self._token_end_s = note.expires_at_s
                log.info("Platform token renewed.", seconds_left=round(self.token_seconds_left(time.monotonic())))
            case Retried():
                log.warning(
                    "Platform request is repeated.",
                    reason=note.reason,
                    status=note.status,
                    attempt=note.attempt,
                    wait_s=round(note.wait_s, 2),
                )
            case LimitNeared():
                self._warn_of_limit(note)
            case RateLimited():
                self._on_limited()
            case RenewalFailed():
                self._on_renewal_failed()
            case _:
                assert_never(note)

    def _warn_of_limit(self, limit: LimitNeared) -> None:
        """Once per window, not per request."""
        if time.monotonic() >= self._limit_said_until_s:
            self._limit_said_until_s = time.monotonic() + limit.reset_s
            log.warning("Platform rate limit is nearly used up.", count=limit.count, allowed=limit.allowed)
