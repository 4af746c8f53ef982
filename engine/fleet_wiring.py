"""The fleet as a part of this engine: made where one is configured, begun last, left first.

What the engine does without a fleet and with one is told apart here and nowhere else.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from engine import __version__
from engine.errors import ConfigError, FleetError
from engine.fleet.effects import FleetEffects
from engine.fleet.following import CALL_KEPT_S
from engine.fleet.handing import hand_all_over, relieve
from engine.fleet.leadership import FleetLeadership
from engine.fleet.looking import look_of
from engine.fleet.node import Node
from engine.fleet.offers import FleetOffers
from engine.fleet.store import FleetStore, Offering
from engine.intake.beginning import begin_with
from engine.intake.clocks import moment_now
from engine.intake.conversation import Conversation, EndReason, Share
from engine.intake.followed import Followed, Known
from engine.intake.past import Past
from engine.intake.registry import CONVERSATION_ID, Conversations
from engine.metrics import Metrics
from engine.options import EngineOptions
from engine.shards.pool import Pool

INSTANCE_NAME = "fleet-instance"  # a file in the state folder: who effects are remembered for
ALONE = 'with fleet.without_redis = "alone" this engine would work without a fleet'
LEAVING_S = 3.0  # for what Redis is still owed, at the end

log = structlog.get_logger(__name__)


class EngineHost:
    """This engine as its node sees it."""

    def __init__(
        self, options: EngineOptions, conversations: Conversations, pool: Pool, admin_url: Callable[[], str]
    ) -> None:
        self._options = options
        self._conversations = conversations
        self._pool = pool
        self._admin_url = admin_url
        self.since_s = 0.0

    def room(self) -> int:
        """Calls that fit now; none without credentials to follow one."""
        return self._pool.placement.room if self._options.genesys.credentials else 0

    def load(self) -> float:
        """Share of the shards' limit that is used."""
        shards = self._pool.inside.shards()
        used = sum(shard.utilization for shard in shards) / len(shards) if shards else 0.0
        return used / self._options.shards.max_utilization

    def status(self) -> dict[str, object]:
        """What all nodes may see of this one."""
        return {
            "version": __version__,
            "since": round(self.since_s, 3),
            "audiohook": self._conversations.sessions,
            "utilization": round(self.load(), 3),
            "admin": self._admin_url(),
        }

    def share(self, conversation_id: str, share: Share) -> Conversation:
        """Follow a call."""
        return self._conversations.share(conversation_id, share)

    def fail(self, key: str, reason: EndReason) -> None:
        """Let go of it."""
        self._conversations.fail(key, reason)


class Fleet:
    """A node that has its Redis, and what hangs on it."""

    def __init__(
        self,
        options: EngineOptions,
        store: FleetStore,
        host: EngineHost,
        conversations: Conversations,
        metrics: Metrics,
    ) -> None:
        self._options = options
        self._store = store
        self._host = host
        self.node = Node(options.fleet, store, host, metrics.fleet)
        self.effects = FleetEffects(store, self.node.calls, metrics.fleet)
        self.look = look_of(store, options.fleet)
        self.leadership = FleetLeadership(store, options.fleet.lease_s, metrics.fleet)
        self.offers = FleetOffers(
            store,
            lambda text: bool(CONVERSATION_ID.fullmatch(text)),
            conversations.remove,
            lambda: self.leadership.epoch,
        )

    @property
    def ready(self) -> bool:
        """Whether Redis answers, or did lately."""
        return self.node.following.ready

    @asynccontextmanager
    async def running(self, followed: Followed, known: Sequence[Known], static: Iterable[str]) -> AsyncIterator[None]:
        """Take part: what an earlier engine without a fleet followed is offered first, then what the configuration names."""
        self._host.since_s = self._store.clock.moment().wall_s
        async with self.node.running():
            for each in known:
                self.node.chores.owe(partial(self._offer_known, followed, each), CALL_KEPT_S)
            for conversation_id in static:
                self.node.chores.owe(partial(self._offer_static, conversation_id), CALL_KEPT_S)
            relieving = asyncio.create_task(
                relieve(self.node, self._options.fleet.hand_over_above), name="fleet relieve"
            )
            log.info(
                "This is a node of a fleet",
                fleet=self._options.fleet.name,
                node=self._store.consumer,
                redis=self._store.where,
            )
            try:
                yield
            finally:
                relieving.cancel()

    async def _offer_known(self, followed: Followed, known: Known) -> None:
        """Its past is told on this machine's clock; the fleet wants it on its own."""
        past = known.past and Past(known.past.position_now_ms(moment_now()), self._store.clock.moment())
        said = await self._store.offer(known.conversation_id, "earlier", past=past)
        _say_refusal(known.conversation_id, said)
        if said != "full":  # then it stays on record for the next start
            followed.forget(known)

    async def _offer_static(self, conversation_id: str) -> None:
        _say_refusal(conversation_id, await self._store.offer(conversation_id, "static"))

    async def drain(self, leaving: Coroutine[Any, Any, None]) -> None:
        """Lead no more; hand all calls over, while `leaving` waits for what the peers have opened; return when none is left."""
        await self.leadership.stand_down()
        async with asyncio.TaskGroup() as both:
            both.create_task(hand_all_over(self.node))
            both.create_task(leaving)

    async def leave(self) -> None:
        """No call is followed any more: tell Redis what it is owed, and be gone from the fleet's view."""
        await self.node.chores.done(LEAVING_S)
        try:
            await self.node.leave()
        except FleetError as error:
            log.warning("The fleet could not be told that this node leaves", fault=str(error))


def _say_refusal(conversation_id: str, said: Offering) -> None:
    if said in ("full", "quarantined"):
        log.error("A call was not taken by the fleet", conversation_id=conversation_id, reason=said)


@asynccontextmanager
async def open_fleet(
    options: EngineOptions, conversations: Conversations, pool: Pool, metrics: Metrics, admin_url: Callable[[], str]
) -> AsyncIterator[Fleet | None]:
    """A node whose Redis answers; None where no fleet is configured, or may be done without. FleetError, ConfigError."""
    if not options.fleet.configured:
        yield None
        return
    store = FleetStore(options.fleet, instance=instance_of(options.state_dir))
    try:
        try:
            await store.begin()
        except FleetError as error:
            if error.kind != "unreachable":  # a wrong password is no outage
                raise
            if options.fleet.without_redis == "refuse":
                raise FleetError(f"{error}; {ALONE}", error.kind) from error
            log.error("There is no fleet: this engine works alone", fault=str(error))  # noqa: TRY400
            yield None
        else:
            metrics.fleet.redis_up(True)
            host = EngineHost(options, conversations, pool, admin_url)
            yield Fleet(options, store, host, conversations, metrics)
    finally:
        await store.close()


@asynccontextmanager
async def begun(
    options: EngineOptions,
    conversations: Conversations,
    followed: Followed,
    known: Sequence[Known],
    fleet: Fleet | None,
) -> AsyncIterator[None]:
    """What an earlier engine followed, and what the configuration names, is followed, or offered; positions are noted."""
    static = options.genesys.conversation_ids
    async with AsyncExitStack() as stack:
        if fleet:
            await stack.enter_async_context(fleet.running(followed, known, static))
        else:
            begin_with(conversations, known, static)
        noting = asyncio.create_task(followed.keep_noting(lambda: conversations.followed), name="noting")
        stack.callback(noting.cancel)
        yield


def instance_of(state_dir: Path) -> str:
    """This engine's name for what it did, the same over restarts with one state folder. ConfigError."""
    file = state_dir / INSTANCE_NAME
    try:
        if file.exists() and (text := file.read_text(encoding="ascii").strip()).isalnum():
            return text
        text = secrets.token_hex(8)
        file.write_text(text + "\n", encoding="ascii")
    except (OSError, ValueError) as error:
        raise ConfigError([f"CUELINE_STATE_DIR = {state_dir}: {INSTANCE_NAME} can't be used ({error})"]) from error
    return text
