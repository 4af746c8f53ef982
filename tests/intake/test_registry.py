import asyncio
from collections.abc import Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.errors import RefusedError
from engine.intake import registry
from engine.intake.clocks import moment_now
from engine.intake.conversation import Conversation, ConversationInfo, Share
from engine.intake.followed import Followed, Known
from engine.intake.past import Moment, Past
from engine.intake.ports import Lease
from engine.intake.registry import Conversations
from engine.metrics import Metrics
from tests.support.realtime import FakeShards
from tests.support.waiting import until


class Followers:
    """Follows conversations until it is told to let one end, or to break."""

    def __init__(self) -> None:
        self.ending: dict[str, asyncio.Event] = {}
        self.broken: set[str] = set()
        self.begun: list[str] = []

    def end(self, conversation_id: str) -> None:
        self.ending.setdefault(conversation_id, asyncio.Event()).set()

    async def follow(self, conversation: Conversation, lease: Lease) -> None:
        lease.feed("external")  # it is there
        conversation_id = conversation.conversation_id
        self.begun.append(conversation_id)
        await self.ending.setdefault(conversation_id, asyncio.Event()).wait()
        if conversation_id in self.broken:
            raise KeyError("token-1")
        conversation.end("ended", "the conversation has ended")


class Set:
    """A registry with everything around it."""

    def __init__(self, shards: FakeShards | None = None) -> None:
        self.followers = Followers()
        self.shards = shards or FakeShards()
        self.metrics = Metrics()
        self.changes: list[ConversationInfo] = []
        self.conversations = Conversations(self._follow, self.shards, Followed(), self.metrics, self.changes.append)

    def _follow(self, conversation: Conversation, lease: Lease) -> Coroutine[Any, Any, None]:
        return self.followers.follow(conversation, lease)

    def state(self, conversation_id: str) -> tuple[str, str | None] | None:
        found = {info.conversation_id: info for info in self.conversations.list()}
        info = found.get(conversation_id)
        return (info.state, info.reason) if info else None

    def refused(self, reason: str) -> float | None:
        return self.metrics.registry.get_sample_value("cueline_conversations_refused_total", {"reason": reason})

    def ended(self, reason: str) -> float | None:
        labels = {"source": "realtime", "reason": reason}
        return self.metrics.registry.get_sample_value("cueline_conversations_ended_total", labels)


@asynccontextmanager
async def followed(*conversation_ids: str):
    """A registry that follows these; it is drained at the end."""
    made = Set()
    for conversation_id in conversation_ids:
        made.conversations.add(conversation_id)
    await until(lambda: len(made.followers.begun) == len(conversation_ids))
    yield made
    await made.conversations.drain(0)
    assert made.conversations.live == 0
    assert all(lease.released == 1 for lease in made.shards.leases)


async def test_conversations_are_followed_until_they_end():
    async with followed("a", "b") as made:
        assert [(info.conversation_id, info.source) for info in made.conversations.list()] == [
            ("a", "realtime"),
            ("b", "realtime"),
        ]
        made.followers.end("a")
        await until(lambda: made.conversations.live == 1)
        assert made.state("a") == ("ended", "ended")
        assert made.state("b") == ("checking", None)
    assert [(info.conversation_id, info.state) for info in made.changes] == [
        ("a", "checking"),
        ("b", "checking"),
        ("a", "ended"),
        ("b", "ended"),
    ]


async def test_the_same_conversation_twice_is_refused_until_it_has_ended():
    async with followed("a") as made:
        with pytest.raises(RefusedError) as caught:
            made.conversations.add("a")
        assert caught.value.reason == "duplicate"
        assert made.refused("duplicate") == 1
        made.followers.end("a")
        await until(lambda: made.conversations.live == 0)
        made.followers.ending.clear()
        assert made.conversations.add("a").state == "checking"
        assert len(made.conversations.list()) == 1


async def test_where_nothing_follows_a_source_its_conversations_are_refused():
    metrics, shards = Metrics(), FakeShards()
    conversations = Conversations(None, shards, Followed(), metrics, lambda _: None)
    with pytest.raises(RefusedError, match="set GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET") as caught:
        conversations.add("a")
    assert caught.value.reason == "credentials"
    assert shards.leases == []
    labels = {"reason": "credentials"}
    assert metrics.registry.get_sample_value("cueline_conversations_refused_total", labels) == 1


@pytest.mark.parametrize("bad", ["", "a b", "../x", "a\n", "ä", "a" * 129])
async def test_an_id_that_is_none_is_refused(bad):
    async with followed() as made:
        with pytest.raises(RefusedError) as caught:
            made.conversations.add(bad)
        assert caught.value.reason == "invalid"
        assert made.refused("invalid") == 1
        assert made.conversations.list() == []


async def test_an_unexpected_fault_stays_with_its_conversation(capfd):
    async with followed("a", "b") as made:
        made.followers.broken.add("a")
        made.followers.end("a")
        await until(lambda: made.conversations.live == 1)
        assert made.state("a") == ("failed", "error")
        assert made.state("b") == ("checking", None)
        assert made.ended("error") == 1
    assert "conversation failed unexpectedly" in capfd.readouterr().out


async def test_a_follower_that_breaks_after_the_end_changes_nothing():
    async def follow(conversation: Conversation, _: Lease) -> None:
        conversation.end("no_voice", "none")
        raise OSError("late")

    conversations = Conversations(follow, FakeShards(), Followed(), Metrics(), lambda _: None)
    conversations.add("a")
    await until(lambda: conversations.live == 0)
    assert conversations.list()[0].reason == "no_voice"


async def test_remove_leaves_the_conversation():
    async with followed("a", "b") as made:
        assert await made.conversations.remove("a")
        assert made.state("a") == ("ended", "removed")
        assert made.state("b") == ("checking", None)
        assert not await made.conversations.remove("a")
        assert not await made.conversations.remove("never")


async def test_remove_before_it_has_begun():
    async with followed() as made:
        made.conversations.add("a")
        assert await made.conversations.remove("a")
        assert made.state("a") == ("ended", "removed")
        assert made.followers.begun == []


async def test_drain_lets_calls_end_and_accepts_no_more():
    async with followed("a", "b") as made:
        loop = asyncio.get_running_loop()
        draining = asyncio.ensure_future(made.conversations.drain(loop.time() + 30))
        await asyncio.sleep(0)
        with pytest.raises(RefusedError) as caught:
            made.conversations.add("c")
        assert caught.value.reason == "draining"
        made.followers.end("a")
        made.followers.end("b")
        await asyncio.wait_for(draining, 10)
        assert made.state("a") == made.state("b") == ("ended", "ended")


async def test_drain_leaves_what_is_left_at_the_deadline():
    async with followed("a", "b") as made:
        await made.conversations.drain(asyncio.get_running_loop().time() + 0.01)
        assert made.state("a") == made.state("b") == ("ended", "drained")
        assert made.ended("drained") == 2


async def test_a_second_drain_hurries_the_first():
    async with followed("a") as made:
        loop = asyncio.get_running_loop()
        draining = asyncio.ensure_future(made.conversations.drain(loop.time() + 3600))
        await asyncio.sleep(0)
        await made.conversations.drain(0)
        await asyncio.wait_for(draining, 10)
        assert made.state("a") == ("ended", "drained")


async def test_a_conversation_that_will_not_leave_is_not_waited_for(capfd):
    let_go = asyncio.Event()

    async def stubborn(conversation: Conversation, _: Lease) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await let_go.wait()

    conversations = Conversations(stubborn, FakeShards(), Followed(), Metrics(), lambda _: None, close_timeout_s=0.01)
    conversations.add("a")
    await asyncio.sleep(0)
    await conversations.drain(0)
    assert conversations.live == 1
    assert "conversations did not leave in time" in capfd.readouterr().out
    let_go.set()
    await until(lambda: conversations.live == 0)
    assert conversations.list()[0].reason == "drained"


async def test_those_that_left_are_listed_up_to_a_number():
    async def follow(conversation: Conversation, _: Lease) -> None:
        conversation.end("ended", "over")

    conversations = Conversations(follow, FakeShards(), Followed(), Metrics(), lambda _: None)
    for number in range(registry.KEPT + 5):
        conversations.add(f"c{number}")
    await until(lambda: conversations.live == 0)
    assert [info.conversation_id for info in conversations.list()] == [f"c{n}" for n in range(5, registry.KEPT + 5)]


@pytest.mark.parametrize("reason", ["capacity", "draining", "duplicate", "quarantined"])
async def test_what_no_shard_takes_is_refused_at_once_and_counted_once(reason):
    made = Set(FakeShards(RefusedError(reason, "no room")))
    with pytest.raises(RefusedError, match="no room") as caught:
        made.conversations.add("a")
    assert (caught.value.reason, made.refused(reason)) == (reason, 1)
    assert (made.conversations.list(), made.changes, made.followers.begun) == ([], [], [])


async def test_the_lease_is_taken_with_the_conversation_and_given_back_when_it_leaves_whatever_happened():
    async with followed("ends", "breaks", "removed") as made:
        made.conversations.add("never-begins")
        assert [lease.released for lease in made.shards.leases] == [0, 0, 0, 0]
        assert await made.conversations.remove("never-begins")
        made.followers.end("ends")
        made.followers.broken.add("breaks")
        made.followers.end("breaks")
        assert await made.conversations.remove("removed")
        await until(lambda: made.conversations.live == 0)
        assert [lease.released for lease in made.shards.leases] == [1, 1, 1, 1]


async def test_one_that_is_failed_for_a_reason_leaves_with_it():
    async with followed("a") as made:
        made.conversations.fail("a", "quarantined")
        made.conversations.fail("a")
        made.conversations.fail("never")
        await until(lambda: made.conversations.live == 0)
        assert made.state("a") == ("failed", "quarantined")


async def test_one_that_is_followed_again_goes_on_where_its_audio_was():
    audio: list[int] = []

    async def follow(conversation: Conversation, _: Lease) -> None:
        audio.append(conversation.audio_begins())
        conversation.heard(16 * 5000)
        conversation.end("ended", "over")

    conversations = Conversations(follow, FakeShards(), Followed(), Metrics(), lambda _: None)
    for _ in range(3):
        conversations.add("a")
        await until(lambda: conversations.live == 0)
    first, second, third = audio
    assert first == 0
    assert 5000 <= second < 15_000
    assert second + 5000 <= third < 30_000


async def test_what_an_earlier_engine_followed_is_resumed_or_refused():
    async with followed() as made:
        made.conversations.resume(Known("a", "realtime", Past(7000, moment_now())))
        await until(lambda: made.followers.begun == ["a"])
        (conversation,) = made.conversations.followed
        assert conversation.resumed
        assert conversation.past is not None
        with pytest.raises(RefusedError, match="followed already"):
            made.conversations.resume(Known("a", "realtime", None))


async def test_what_a_fleet_shares_is_not_ours_to_remember_and_its_end_is_told():
    told: list[object] = []
    now = Moment(0.0, 20.0, "fleet x")
    share = Share(Past(7000, Moment(0.0, 15.0, "fleet x")), True, False, lambda: now, told.append, told.append)
    async with followed() as made:
        conversation = made.conversations.share("a", share)
        assert conversation.resumed
        assert list(made.conversations.followed) == []
        assert conversation.audio_begins() == 12_000, "5 s after 7 s, by the clock that is shared"
        assert conversation.info.gap_ms == 5000
        with pytest.raises(RefusedError, match="followed already"):
            made.conversations.share("a", share)
        made.conversations.fail("a", "fenced")
        await until(lambda: made.conversations.live == 0)
        assert told == [5.0, "fenced"]
        assert made.state("a") == ("failed", "fenced")


async def test_a_call_that_is_handed_over_has_no_gap():
    now = Moment(0.0, 20.0, "fleet x")
    share = Share(Past(7000, Moment(0.0, 15.0, "fleet x")), True, True, lambda: now, lambda _: None, lambda _: None)
    async with followed() as made:
        conversation = made.conversations.share("a", share)
        assert conversation.audio_begins() == 12_000
        assert conversation.info.gap_ms == 0
