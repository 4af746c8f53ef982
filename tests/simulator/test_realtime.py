import asyncio
import time

import pytest
import websockets

from engine.simulator.options import CallOptions
from engine.simulator.server import Simulator
from tests.support.simulated import FIRST, Heard, heard_of, noise_wav, opened, options, subscribed, token_of


@pytest.fixture
async def simulator(tmp_path):
    noise_wav(tmp_path / "a.wav", 400)
    made = options(tmp_path / "a.wav", answer_timeout_s=5)
    more = (
        CallOptions(conversation_id="hidden", wav=tmp_path / "a.wav", visible=False),
        CallOptions(conversation_id="over", wav=tmp_path / "a.wav", ended=True),
    )
    async with Simulator(made.model_copy(update={"calls": made.calls + more})) as running:
        yield running


async def closed(socket) -> Heard:
    return await socket.hear()


async def test_connect_subscribe_audio_end(simulator):
    async with opened(simulator) as socket:
        connected = await socket.connect(await token_of(simulator))
        assert connected["type"] == "connected"
        acknowledged = await socket.subscribe()
        assert acknowledged == {"type": "subscribed", "id": "voice-stream-1", "conversationId": FIRST}
        heard = await socket.hear()
    assert heard.sizes == [320] * 20
    assert heard.others == [
        {"type": "ended", "id": "voice-stream-1", "conversationId": FIRST, "reason": "completed"},
    ]
    assert heard.code == 1000
    assert ("/api/v2/interactions/realtime", 101) in [(each.path, each.status) for each in simulator.requests]


@pytest.mark.parametrize("token", ["", "made-up", 7, None])
async def test_a_wrong_token_is_rejected(simulator, token):
    async with opened(simulator) as socket:
        assert (await socket.connect(token))["status"] == 401
        assert (await closed(socket)).code == 4401


async def test_an_expired_token_is_rejected(simulator):
    token = await token_of(simulator)
    simulator.arm("expired_token")
    async with opened(simulator) as socket:
        assert (await socket.connect(token))["status"] == 401


async def test_another_version_is_rejected(simulator):
    async with opened(simulator) as socket:
        assert (await socket.connect(await token_of(simulator), version="v3"))["status"] == 400


@pytest.mark.parametrize("text", ["", "{", "[]", '"connect"', "{}", '{"type":"subscribe"}', b"\xff\xfe"])
async def test_anything_but_connect_is_rejected(simulator, text):
    async with opened(simulator) as socket:
        await socket.connection.send(text)
        heard = await closed(socket)
    assert (heard.others[0]["type"], heard.others[0]["status"], heard.code) == ("error", 400, 4400)


async def test_a_message_over_the_limit_closes_the_socket(simulator):
    async with opened(simulator) as socket:
        await socket.connection.send("x" * 70_000)
        assert (await closed(socket)).code == 1009


@pytest.mark.parametrize(
    ("conversation", "status", "code"), [("hidden", 403, 4403), ("over", 403, 4403), ("nowhere", 404, 4404)]
)
async def test_conversations_that_can_not_be_heard(simulator, conversation, status, code):
    async with opened(simulator) as socket:
        await socket.connect(await token_of(simulator))
        assert (await socket.subscribe(conversation))["status"] == status
        assert (await closed(socket)).code == code


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "queue"},
        {"mediaType": "chat"},
        {"audio": {"format": "pcm", "sampleRate": 16000}},
        {"audio": None},
        {"conversationId": None},
    ],
)
async def test_a_subscription_to_something_else_is_rejected(simulator, changes):
    async with opened(simulator) as socket:
        await socket.connect(await token_of(simulator))
        assert (await socket.subscribe(**{"conversation": FIRST, **changes}))["status"] == 400


async def test_a_subscription_without_a_request_is_rejected(simulator):
    async with opened(simulator) as socket:
        await socket.connect(await token_of(simulator))
        await socket.ask(type="subscribe", request="voice")
        assert (await closed(socket)).code == 4400


async def test_who_says_nothing_is_closed(tmp_path):
    noise_wav(tmp_path / "a.wav", 100)
    async with Simulator(options(tmp_path / "a.wav", answer_timeout_s=0.05)) as simulator:
        async with opened(simulator) as socket:
            heard = await closed(socket)
            assert (heard.code, heard.reason) == (1008, "no connect came")
        token = await token_of(simulator)
        async with opened(simulator) as socket:
            await socket.connect(token)
            assert (await closed(socket)).reason == "no subscribe came"


async def test_who_leaves_early_leaves_nothing_behind(simulator):
    async with opened(simulator) as socket:
        await socket.connect(await token_of(simulator))
    async with opened(simulator) as socket:
        socket.connection.transport.abort()
    assert len((await heard_of(simulator)).sizes) == 20


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_the_upgrade_can_be_refused(simulator, status):
    simulator.arm(f"upgrade_{status}")
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with opened(simulator):
            pass
    response = refused.value.response
    assert (response.status_code, response.headers.get("Retry-After")) == (status, "1" if status == 429 else None)
    assert (simulator.requests[-1].status, simulator.requests[-1].fault) == (status, f"upgrade_{status}")
    assert len((await heard_of(simulator)).sizes) == 20


async def test_a_slow_handshake_opens_in_the_end(simulator):
    simulator.arm("slow_handshake")
    token = await token_of(simulator)
    began = time.monotonic()
    async with opened(simulator) as socket:
        assert time.monotonic() - began >= simulator.options.stall_s
        assert (await socket.connect(token))["type"] == "connected"


async def test_a_stalled_connect_is_answered_in_the_end(simulator):
    simulator.arm("connect_stall")
    token = await token_of(simulator)
    async with opened(simulator) as socket:
        began = time.monotonic()
        assert (await socket.connect(token))["type"] == "connected"
        assert time.monotonic() - began >= simulator.options.stall_s


async def test_connect_can_be_rejected_whatever_the_token(simulator):
    simulator.arm("connect_reject_401")
    token = await token_of(simulator)
    async with opened(simulator) as socket:
        assert (await socket.connect(token))["status"] == 401
        assert (await closed(socket)).code == 4401
    async with opened(simulator) as socket:
        assert (await socket.connect(token))["type"] == "connected"


async def test_connect_can_be_met_with_silence(simulator):
    simulator.arm("connect_silence")
    token = await token_of(simulator)
    async with opened(simulator) as socket:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await socket.connect(token)
        await socket.ask(type="connect", apiVersion="v2", token=token)  # heard by nobody
        await (await socket.connection.ping())  # the socket itself is alive
    assert simulator.faults[0].left == 0


@pytest.mark.parametrize(("fault", "status"), [("subscribe_403", 403), ("subscribe_429", 429)])
async def test_subscribe_can_be_rejected(simulator, fault, status):
    simulator.arm(fault, conversation_id=FIRST)
    async with opened(simulator) as socket:
        await socket.connect(await token_of(simulator))
        answer = await socket.subscribe()
        assert (answer["status"], answer.get("retryAfter")) == (status, 1 if status == 429 else None)
        assert (await closed(socket)).code == 4000 + status
    assert len((await heard_of(simulator)).sizes) == 20


async def test_all_sockets_are_told_when_the_simulator_ends(tmp_path):
    noise_wav(tmp_path / "a.wav", 60_000)
    simulator = Simulator(options(tmp_path / "a.wav"))
    async with asyncio.timeout(20), simulator, opened(simulator) as idle, subscribed(simulator) as busy:
        await simulator.close()
        assert [(await closed(idle)).code, (await closed(busy)).code] == [1001, 1001]


async def test_two_listen_at_once_and_each_has_a_line_in_the_book(simulator):
    """As while a call is handed over from one node of a fleet to another."""
    token = await token_of(simulator)
    async with opened(simulator) as first, opened(simulator) as second:
        for socket in (first, second):
            await socket.connect(token)
            assert (await socket.subscribe())["type"] == "subscribed"
        heard = [await first.hear(), await second.hear()]
    assert heard[0].sizes == [320] * 20
    assert len(heard[1].sizes) > 0
    (call,) = [call for call in simulator.calls if call.conversation_id == FIRST]
    assert [(each.to_ms, each.client) for each in call.sent] == [(400.0, simulator.options.client_id)] * 2
