"""Peers that are strange at length: those that connect by the thousand, that read nothing, that dribble, that never stop.

A good call goes on beside them; at the end it has lost nothing.
"""

import asyncio
import contextlib
import resource
from types import SimpleNamespace

import pytest
import pytest_asyncio

from tests.support.commands import receiver
from tests.support.hooked import good_call, hooked, rules_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

HALF_OPEN = 100  # kept by the engine
FLOOD = 1000
CONFIG = f"""[audiohook]
half_open = {HALF_OPEN}
open_timeout_s = 10.0
close_timeout_s = 2.0
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    """The engine and the good call, which is judged at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * FLOOD)), hard))
    async with (
        receiver() as hook,
        hooked(tmp_path_factory.mktemp("strange"), config=CONFIG + rules_of(hook.url)) as it,
        good_call(it, hook) as good,
    ):
        yield SimpleNamespace(it=it, engine=it.engine, good=good)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def unharmed(world):
    """After each of them a new call is served, the good one is live, and nothing of the strange ones is left."""
    yield
    async with world.it.call() as another:
        await another.ping()
    async with asyncio.timeout(60):
        while await world.it.sockets() > 1:
            await asyncio.sleep(0.02)
    assert world.good.calls[0].state == "live"


async def counted(world, kind, wanted, timeout_s=60):
    """Wait until so many were counted."""
    async with asyncio.timeout(timeout_s):
        while (await world.it.counts())[kind] < wanted:
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def connections(world, count, data=b""):
    """So many, on which this is said and no more."""
    port = int(world.it.url.split(":")[2].split("/")[0])
    writers = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            writers.append((reader, writer))
        yield writers
    finally:
        for _, writer in writers:
            writer.transport.abort()


async def test_a_thousand_half_open_connections_leave_room_for_a_good_one(world):
    """The oldest go; in the middle of it a call opens."""
    before = (await world.it.counts())["refused half_open"]
    async with connections(world, FLOOD):
        async with world.it.call() as voice:
            await voice.ping()
            await counted(world, "refused half_open", before + FLOOD - HALF_OPEN)
        assert await world.it.sockets() <= HALF_OPEN + 2
    await counted(world, "refused no_upgrade", 1)


async def test_a_thousand_half_requests_do_neither(world):
    before = (await world.it.counts())["refused half_open"]
    head = b"GET /api/v1/audiohook/ws HTTP/1.1\r\nHost: a\r\nX-Slow: "
    async with connections(world, FLOOD, head), world.it.call() as voice:
        await counted(world, "refused half_open", before + FLOOD - HALF_OPEN)
        await voice.ping()


async def test_sockets_without_a_session_are_bounded_too(world):
    """Signed and let in, but they say nothing: more of them than are kept."""
    before = (await world.it.counts())["refused half_open"]
    async with contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(world.it.voice()) for _ in range(HALF_OPEN + 5)]
        for voice in silent:
            await voice.connect()
        await counted(world, "refused half_open", before + 5)
        with pytest.raises(Exception, match="closed the socket"):
            await silent[0].open()
        assert (await silent[-1].open()).type == "opened"
        await silent[-1].close()


async def test_a_client_that_reads_nothing_is_let_go(world):
    """20,000 pings and not one pong is taken."""
    before = (await world.it.counts())["fault too_many"]
    async with world.it.call() as voice:
        voice.stop_reading()
        for _ in range(20_000):
            voice.say("ping")
        await counted(world, "fault too_many", before + 1)
        assert (await world.engine.comes_to(voice.session_id, "failed"))["reason"] == "protocol"
        voice.vanish()
        voice.dialogue.closed = True  # nothing to say good-bye to


async def test_garbage_in_place_of_a_request_is_counted_and_closed(world):
    before = (await world.it.counts())["refused no_upgrade"]
    tls_hello = bytes.fromhex("16030100c8010000c40303") + bytes(200)
    garbage = (b"\x00" * 4096, b"GET / HTTP/9.9\r\n\r\n", tls_hello, b"A" * 100_000)

    async def one(data):
        async with connections(world, 1, data) as ((reader, _),):
            with contextlib.suppress(ConnectionError):
                while await reader.read(65_536):
                    pass

    async with asyncio.timeout(60):
        await asyncio.gather(*map(one, garbage))
    await counted(world, "refused no_upgrade", before + len(garbage))


async def test_opens_by_the_hundred_at_once_are_all_answered(world):
    """Each is closed again as soon as it is open; none is refused, whether or not there is room for its audio."""

    async def one():
        async with world.it.voice() as voice:
            await voice.connect()
            answer = await voice.open()
            assert answer.type == "opened" or answer.parameters["info"] == "no capacity left", answer
            await voice.close("disconnect" if answer.type == "disconnect" else "end")

    await asyncio.gather(*(one() for _ in range(100)))


async def test_a_clock_that_is_told_in_nonsense_harms_only_its_own_session(world):
    """Positions and losses of months: they are taken as said; the call beside keeps its own."""
    async with world.it.call() as voice:
        voice.speak(1_000, external=1)
        voice.say("discarded", {"start": "PT9999999S", "discarded": "PT9999999S"})
        voice.speak(2_000, 1_000, external=1)
        voice.say("ping", position="PT0S")
        await voice.expect("pong")
    info = await world.engine.comes_to(voice.session_id, "ended")
    assert (info["audio_ms"], info["gap_ms"]) == (2_000, 9_999_999_000)
