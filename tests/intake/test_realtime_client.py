import asyncio
import base64
import json
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from engine.errors import PlatformError
from engine.genesys.realtime import MAX_MESSAGE_BYTES, MAX_UNREADABLE
from engine.intake.conversation import Conversation, ConversationInfo
from engine.intake.realtime_client import RealtimeConversation
from engine.intake.retry_budget import RetryBudget
from engine.metrics import Metrics
from engine.options import GenesysOptions
from tests.support.realtime import (
    ENDED,
    LIVE,
    NOT_VISIBLE,
    FakePlatform,
    FakeShards,
    Peer,
    options,
    realtime_server,
    refuse,
    stall,
)
from tests.support.waiting import until


def no_jitter() -> float:
    return 0.0


@dataclass
class Call:
    """One followed conversation with everything around it."""

    platform: FakePlatform = field(default_factory=FakePlatform)
    shards: FakeShards = field(default_factory=FakeShards)
    metrics: Metrics = field(default_factory=Metrics)
    changes: list[ConversationInfo] = field(default_factory=list)
    retries: RetryBudget | None = None  # shared with others
    name: str = "conv-1"

    def __post_init__(self) -> None:
        self.conversation = Conversation(self.name, "realtime", self.metrics, self.changes.append)

    def client(self, genesys: GenesysOptions) -> RealtimeConversation:
        lease = self.shards.lease(self.name, ("external",))
        retries = self.retries or RetryBudget(genesys)
        return RealtimeConversation(
            self.conversation, lease, genesys, self.platform, retries, self.metrics, uniform=no_jitter
        )

    async def run(self, genesys: GenesysOptions) -> ConversationInfo:
        """Follow to the end."""
        async with asyncio.timeout(20):
            await self.client(genesys).run()
        return self.conversation.info

    @asynccontextmanager
    async def running(self, genesys: GenesysOptions):
        """Follow in the background; cancelled at the end where it still goes on."""
        task = asyncio.create_task(self.client(genesys).run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])

    @property
    def states(self) -> list[str]:
        return [info.state for info in self.changes]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


async def play_and_end(peer: Peer) -> None:
    await peer.subscribe()
    await peer.play(b"\1" * 320, b"\2" * 17)
    await peer.close(1000)


async def subscribe_and_stay(peer: Peer) -> None:
    await peer.subscribe()
    await peer.stay()


async def test_follows_a_call_from_check_to_end():
    call = Call()
    async with realtime_server(play_and_end) as server:
        info = await call.run(options(server.url))
    assert (info.state, info.reason, info.reconnects, info.gap_ms) == ("ended", "ended", 0, 0)
    assert info.audio_ms == 337 // 16
    assert call.states == ["checking", "connecting", "listening", "ended"]
    assert call.shards.feed.heard == [b"\1" * 320, b"\2" * 17]
    assert call.platform.checked == ["conv-1"]
    assert server.received == [
        [
            {"type": "connect", "apiVersion": "v2", "token": "token-1"},
            {
                "type": "subscribe",
                "id": "voice-stream-1",
                "request": {
                    "type": "conversation",
                    "conversationId": "conv-1",
                    "mediaType": "voice",
                    "audio": {"format": "pcm", "sampleRate": 8000},
                },
            },
        ]
    ]
    assert call.metric("cueline_conversations_ended_total", source="realtime", reason="ended") == 1


@pytest.mark.parametrize("sizes", [[1] * 40, [319, 321, 10_000], [0, 3]])
async def test_fragments_of_any_size_arrive_as_they_were_sent(sizes):
    chunks = [bytes([index % 256]) * size for index, size in enumerate(sizes)]

    async def script(peer: Peer) -> None:
        await peer.subscribe()
        await peer.play(*chunks)
        await peer.raw(json.dumps({"type": "audio", "audio": base64.b64encode(b"binary").decode()}).encode())
        await peer.say("conversation.terminated")
        await peer.stay()

    call = Call()
    async with realtime_server(script) as server:
        assert (await call.run(options(server.url))).reason == "ended"
    assert call.shards.feed.heard == [*chunks, b"binary"]


async def test_a_burst_waits_outside_while_the_ring_is_nearly_full_and_none_of_it_is_lost():
    ready = asyncio.Event()
    chunks = [bytes([number]) * 3200 for number in range(100)]  # 0.2 s each

    async def script(peer: Peer) -> None:
        await peer.subscribe()
        await ready.wait()
        await peer.play(*chunks)
        await peer.close(1000)

    call = Call()
    async with realtime_server(script) as server, call.running(options(server.url)) as task:
        await until(lambda: call.shards.leases)
        call.shards.feed.nearly_full = True
        ready.set()
        await until(lambda: len(call.shards.feed.heard) >= 6)  # a second ahead of its time
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(call.shards.feed.heard) < 50
        call.shards.feed.nearly_full = False
        await asyncio.wait_for(task, 20)
    assert call.shards.feed.heard == chunks
    assert call.conversation.info.reason == "ended"


async def test_unreadable_and_unknown_messages_are_counted_and_the_call_goes_on():
    async def script(peer: Peer) -> None:
        await peer.subscribe()
        await peer.say("weather", rain=True)
        await peer.raw("{ garbage")
        await peer.raw(b"\xff\x00")
        await peer.say("audio", audio="*broken*")
        await peer.raw(" " * (MAX_MESSAGE_BYTES + 1))
        await peer.play(b"heard")
        await peer.close(1000)

    call = Call()
    async with realtime_server(script) as server:
        info = await call.run(options(server.url))
    assert (info.reason, info.reconnects) == ("ended", 0)
    assert call.shards.feed.heard == [b"heard"]
    counted = {
        reason: call.metric("cueline_messages_ignored_total", reason=reason)
        for reason in ("unknown_type", "malformed_json", "bad_audio", "too_large")
    }
    assert counted == {"unknown_type": 1, "malformed_json": 2, "bad_audio": 1, "too_large": 1}


async def test_a_message_beyond_all_bounds_ends_that_socket_only():
    async def huge(peer: Peer) -> None:
        await peer.subscribe()
        await peer.play(b"before")
        await peer.raw(" " * (5 * MAX_MESSAGE_BYTES))
        await peer.stay()

    call = Call()
    async with realtime_server(huge, play_and_end) as server:
        info = await call.run(options(server.url))
    assert (info.reason, info.reconnects) == ("ended", 1)
    assert call.metric("cueline_messages_ignored_total", reason="too_large") == 1
    assert call.shards.feed.chunks == [b"before", b"\1" * 320, b"\2" * 17]


async def test_garbage_that_keeps_coming_ends_the_session_and_in_the_end_the_conversation():
    async def garbage(peer: Peer) -> None:
        await peer.subscribe()
        for _ in range(MAX_UNREADABLE + 1):
            await peer.raw("{")
        await peer.stay()

    call = Call()
    async with realtime_server(garbage) as server:
        info = await call.run(options(server.url, reconnect_tries=2))
    assert (info.state, info.reason, server.openings) == ("failed", "protocol", 2)
    assert call.metric("cueline_reconnects_total", reason="protocol") == 1


async def refuse_token(peer: Peer) -> None:
    await peer.hear()
    await peer.say("error", status=401, message="token expired")
    await peer.stay()


async def close_4401(peer: Peer) -> None:
    await peer.hear()
    await peer.close(4401, "expired")


@pytest.mark.parametrize("unauthorized", [refuse(401), refuse_token, close_4401], ids=["upgrade", "message", "close"])
async def test_401_gets_a_new_token_once(unauthorized):
    call = Call()
    async with realtime_server(unauthorized, play_and_end) as server:
        info = await call.run(options(server.url, reconnect_base_s=60))
    assert info.reason == "ended"
    assert server.received[-1][0]["token"] == "token-2"
    assert call.platform.fresher_than == [None, "token-1"]


@pytest.mark.parametrize("unauthorized", [refuse(401), refuse_token, close_4401], ids=["upgrade", "message", "close"])
async def test_401_with_a_new_token_too_is_a_clear_error(unauthorized):
    call = Call()
    async with realtime_server(unauthorized) as server:
        info = await call.run(options(server.url))
    assert (info.state, info.reason, server.openings) == ("failed", "unauthorized", 2)
    assert "conversation:view" in info.message
    assert "interaction:read" in info.message


async def test_a_token_that_expires_again_after_audio_is_renewed_again():
    async def expire(peer: Peer) -> None:
        await peer.subscribe()
        await peer.play(b"a")
        await asyncio.sleep(0.02)  # the flow goes on for longer than the first pause
        await peer.say("error", status=401)
        await peer.stay()

    call = Call()
    async with realtime_server(expire, expire, play_and_end) as server:
        info = await call.run(options(server.url))
    assert (info.reason, info.reconnects) == ("ended", 2)
    assert [talk[0]["token"] for talk in server.received] == ["token-1", "token-2", "token-3"]
    assert len(call.shards.feed.gaps_ms) == 2


async def forbid_subscription(peer: Peer) -> None:
    await peer.subscribe()
    await peer.say("error", status="403", message="no")
    await peer.stay()


@pytest.mark.parametrize(
    ("answer", "state", "reason", "word"),
    [
        (LIVE, "failed", "not_visible", "not visible"),
        (NOT_VISIBLE, "failed", "not_visible", "not visible"),
        (ENDED, "ended", "ended", "has ended"),
        (PlatformError("down", status=500), "failed", "forbidden", "could not be asked"),
    ],
)
async def test_403_on_subscribe_says_which_it_is_and_is_not_retried(answer, state, reason, word):
    call = Call(FakePlatform(LIVE, answer))
    async with realtime_server(forbid_subscription) as server:
        info = await call.run(options(server.url))
    assert (info.state, info.reason, server.openings) == (state, reason, 1)
    assert word in info.message


async def test_403_at_the_opening_is_not_retried():
    call = Call()
    async with realtime_server(refuse(403)) as server:
        info = await call.run(options(server.url))
    assert (info.state, info.reason, server.openings) == ("failed", "forbidden", 1)


async def limit_rate(peer: Peer) -> None:
    await peer.subscribe()
    await peer.say("error", status=429, message="slow down")
    await peer.stay()


@pytest.mark.parametrize(
    ("failure", "reason", "why"),
    [
        (refuse(429), "rate_limited", "rate_limited"),
        (limit_rate, "rate_limited", "rate_limited"),
        (refuse(500), "unreachable", "server_error"),
        (refuse(503), "unreachable", "server_error"),
        (refuse(404), "refused", "refused"),
        (refuse(302), "refused", "refused"),
    ],
)
async def test_what_may_pass_is_tried_five_times(failure, reason, why):
    call = Call()
    async with realtime_server(failure) as server:
        info = await call.run(options(server.url))
    assert (info.state, info.reason, server.openings) == ("failed", reason, 5)
    assert call.metric("cueline_rate_limited_total", where="realtime") == (5 if why == "rate_limited" else 0)
    assert call.metric("cueline_reconnects_total", reason=why) == 4
    assert call.states == ["checking", "connecting", "reconnecting", "failed"]


@pytest.mark.parametrize("failure", [refuse(429), limit_rate, refuse(500)], ids=["429", "429 message", "500"])
async def test_what_passes_is_forgotten(failure):
    call = Call()
    async with realtime_server(failure, failure, failure, failure, play_and_end) as server:
        info = await call.run(options(server.url))
    assert (info.reason, info.reconnects) == ("ended", 4)
    assert call.states == ["checking", "connecting", "reconnecting", "listening", "ended"]


async def test_retry_after_wins_over_the_schedule():
    call = Call()
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with realtime_server(refuse(429, Retry_After="0.05"), play_and_end) as server:
        info = await call.run(options(server.url, reconnect_base_s=60))
    assert info.reason == "ended"
    assert 0.05 <= loop.time() - began < 30


async def test_an_unreachable_host_is_given_up_after_the_tries():
    call = Call()
    info = await call.run(options("ws://127.0.0.1:9/nothing", reconnect_tries=3))
    assert (info.state, info.reason, info.reconnects) == ("failed", "unreachable", 2)
    assert "127.0.0.1:9" in info.message


async def test_a_host_without_an_address_is_unreachable():
    info = await Call().run(options("ws://no.such.host.invalid/x", reconnect_tries=1))
    assert info.reason == "unreachable"


async def connect_never(peer: Peer) -> None:
    await peer.hear()
    await peer.stay()


@pytest.mark.parametrize(
    ("silent", "why"), [(stall(), "unreachable"), (connect_never, "timeout")], ids=["handshake", "connected"]
)
async def test_silence_in_the_opening_is_a_network_failure(silent, why):
    call = Call()
    async with realtime_server(silent) as server:
        info = await call.run(options(server.url, connect_timeout_s=0.4, reconnect_tries=2))
    assert (info.state, info.reason) == ("failed", "unreachable")
    assert call.metric("cueline_reconnects_total", reason=why) == 1


async def test_a_trickle_of_noise_does_not_stretch_the_opening():
    async def trickle(peer: Peer) -> None:
        await peer.hear()
        while True:
            await peer.raw("{")
            await asyncio.sleep(0.02)

    call = Call()
    async with realtime_server(trickle) as server:
        info = await call.run(options(server.url, connect_timeout_s=0.5, reconnect_tries=1))
    assert info.reason == "unreachable"
    assert call.metric("cueline_messages_ignored_total", reason="malformed_json") < MAX_UNREADABLE


async def test_a_call_on_hold_is_listened_to_without_audio():
    call = Call()
    async with realtime_server(subscribe_and_stay) as server:
        genesys = options(server.url, connect_timeout_s=0.5, ping_interval_s=0.2)
        async with call.running(genesys) as task:
            await until(lambda: call.conversation.state == "listening")
            ended, _ = await asyncio.wait([task], timeout=0.7)  # several pings and answers long
            assert not ended
    assert call.states == ["checking", "connecting", "listening"]
    assert server.openings == 1


async def test_a_peer_that_answers_no_pings_is_dropped():
    async def freeze(peer: Peer) -> None:
        await peer.subscribe()
        await peer.play(b"a")
        peer.freeze()
        await peer.stay()

    call = Call()
    async with realtime_server(freeze, play_and_end) as server:
        info = await call.run(options(server.url, ping_interval_s=0.2))
    assert (info.reason, info.reconnects) == ("ended", 1)


def dropping(how: int | None):
    async def script(peer: Peer) -> None:
        await peer.subscribe()
        await peer.play(b"before")
        await asyncio.sleep(0.03)
        if how is None:
            peer.drop()
        else:
            await peer.close(how)

    return script


@pytest.mark.parametrize("how", [None, 1001, 1011, 4503])
async def test_a_drop_in_mid_call_is_healed_and_its_gap_told(how):
    call = Call()
    async with realtime_server(dropping(how), play_and_end) as server:
        info = await call.run(options(server.url))
    assert (info.reason, info.reconnects) == ("ended", 1)
    before, gap_ms, *after = call.shards.feed.heard
    assert (before, after) == (b"before", [b"\1" * 320, b"\2" * 17])
    assert gap_ms > 0
    assert info.gap_ms == gap_ms
    assert call.metric("cueline_audio_gap_seconds_total") == gap_ms / 1000
    assert len(call.shards.leases) == 1
    assert [len(talk) for talk in server.received] == [2, 2]
    assert call.platform.checked == ["conv-1"] * 2
    assert call.states == ["checking", "connecting", "listening", "reconnecting", "listening", "ended"]


async def test_more_drops_than_tries_are_healed_while_audio_flows():
    call = Call()
    async with realtime_server(*[dropping(None)] * 7, play_and_end) as server:
        info = await call.run(options(server.url))
    assert (info.reason, info.reconnects) == ("ended", 7)
    assert call.metric("cueline_reconnects_total", reason="dropped") == 7


async def test_a_drop_before_audio_has_flowed_uses_up_tries():
    async def flap(peer: Peer) -> None:
        await peer.subscribe()
        peer.drop()

    call = Call()
    async with realtime_server(flap) as server:
        info = await call.run(options(server.url))
    assert (info.state, info.reason, server.openings) == ("failed", "unreachable", 5)


@pytest.mark.parametrize("answer", [ENDED, NOT_VISIBLE])
async def test_a_drop_because_the_call_is_over_is_its_end(answer):
    call = Call(FakePlatform(LIVE, answer))
    async with realtime_server(dropping(None)) as server:
        info = await call.run(options(server.url))
    assert (info.state, info.reason, server.openings) == ("ended", "ended", 1)


@pytest.mark.parametrize(
    ("reason", "state"),
    [("ended", "ended"), ("not_found", "failed"), ("not_visible", "failed"), ("no_voice", "failed")],
)
async def test_what_is_not_live_is_not_connected_to(reason, state):
    call = Call(FakePlatform(type(LIVE)(live=False, reason=reason)))
    async with realtime_server(play_and_end) as server:
        info = await call.run(options(server.url))
    assert (info.state, info.reason, server.openings) == (state, reason, 0)
    assert call.metric("cueline_conversations_ended_total", source="realtime", reason=reason) == 1


@pytest.mark.parametrize(
    ("status", "reason"), [(400, "refused"), (401, "unauthorized"), (403, "forbidden"), (404, "refused")]
)
async def test_a_platform_that_says_no_is_not_asked_again(status, reason):
    call = Call(FakePlatform(token_error=PlatformError("login refused", status=status)))
    async with realtime_server(play_and_end) as server:
        info = await call.run(options(server.url))
    assert (info.state, info.reason, server.openings) == ("failed", reason, 0)
    assert "login refused" in info.message


@pytest.mark.parametrize("status", [0, 429, 500])
async def test_a_platform_that_fails_for_now_is_asked_again(status):
    call = Call(FakePlatform(PlatformError("not now", status=status, retry_after_s=0.001), LIVE))
    async with realtime_server(play_and_end) as server:
        info = await call.run(options(server.url, reconnect_base_s=60))
    assert (info.reason, info.reconnects) == ("ended", 1)


async def test_a_platform_that_never_answers_is_unreachable():
    call = Call()
    call.platform.mute = True
    info = await call.run(options("ws://127.0.0.1:9/", request_timeout_s=0.01, reconnect_tries=1))
    assert (info.state, info.reason) == ("failed", "unreachable")


async def test_a_close_before_connected_is_no_end():
    async def slam(peer: Peer) -> None:
        await peer.hear()
        await peer.close(1000)

    call = Call()
    async with realtime_server(slam, play_and_end) as server:
        info = await call.run(options(server.url))
    assert (info.reason, info.reconnects) == ("ended", 1)


async def test_cancelling_closes_the_socket():
    closed: list[int | None] = []

    async def script(peer: Peer) -> None:
        await subscribe_and_stay(peer)
        closed.append(peer._connection.close_code)

    call = Call()
    async with realtime_server(script) as server:
        async with call.running(options(server.url)) as task:
            await until(lambda: server.received and len(server.received[0]) == 2)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        await until(lambda: closed)
    assert closed == [1000]
    assert not call.conversation.over


async def test_the_token_is_in_no_log_line(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="websockets")
    call = Call()
    async with realtime_server(refuse_token, play_and_end) as server:
        await call.run(options(server.url))
    written = caplog.text + "".join(capfd.readouterr())
    assert "conversation is tried again" in written
    assert "token-" not in written
