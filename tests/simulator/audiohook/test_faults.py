import asyncio

import pytest

from engine.errors import ConfigError
from engine.simulator.audiohook import FAULTS, HookOptions, run_fault
from engine.simulator.audiohook.faults import check_fault
from tests.support.audiohook_server import LoopbackServer, serving
from tests.support.waiting import until

SECRET = "c2VjcmV0"


class Strict(LoopbackServer):
    """Counts what it objects to, and closes after a while where the client does nothing."""

    def __init__(self):
        super().__init__()
        self.objections = 0

    async def object(self, session):
        self.objections += 1
        await super().object(session)


async def outcome_of(name, server=None, **settings):
    server = server or Strict()
    async with asyncio.timeout(60), serving(server) as url:
        return await run_fault(name, HookOptions(url=url, client_secret=SECRET, **settings)), server


@pytest.mark.parametrize("name", ["not_json", "seq_repeat", "odd_stereo", "text_oversize"])
async def test_what_the_server_objects_to_ends_in_its_disconnect(name):
    outcome, server = await outcome_of(name)
    assert (outcome.ended, outcome.reason, outcome.closed) == ("disconnect", "error", True)
    assert outcome.as_expected
    assert server.objections == 1
    assert server.sessions[0].messages[-1]["parameters"] == {"reason": "disconnect"}


@pytest.mark.parametrize(
    "name",
    ["open_twice", "probe", "media_reversed", "empty_audio", "tiny_audio", "fragmented_audio", "paused_twice",
     "ping_after_close", "unknown_type", "ping_before_open", "close_before_open", "media_empty"],
)  # fmt: skip
async def test_what_passes_ends_in_an_ordinary_close(name):
    class Once(Strict):
        async def on(self, session, message):
            if message["type"] != "open" or len(session.of("open")) == 1:
                await super().on(session, message)

    outcome, _ = await outcome_of(name, Once())
    assert (outcome.ended, outcome.closed, outcome.detail) == ("closed", True, "")
    assert outcome.as_expected


@pytest.mark.parametrize("name", ["binary_megabyte", "text_megabyte", "reserved_opcode", "not_utf8"])
async def test_what_no_websocket_takes_is_dropped(name):
    outcome, _ = await outcome_of(name)
    assert outcome.ended == "dropped"
    assert outcome.close_code in (1002, 1007, 1009)
    assert outcome.as_expected


@pytest.mark.parametrize("name", ["vanishes", "hangs_up", "half_frame"])
async def test_a_client_that_goes_is_gone(name):
    outcome, server = await outcome_of(name)
    assert (outcome.ended, outcome.as_expected) == ("left", True)
    await until(lambda: server.sessions[0].over)
    assert "close" not in server.sessions[0].types()


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.expects == {"refused"}])
async def test_every_wrong_upgrade_is_recognised_when_it_is_refused(name):
    class Refusing(Strict):
        """Takes one good session, for the nonce that is used twice."""

        async def serve(self, request):
            if name == "replayed_nonce" and not self.sessions:
                return await super().serve(request)
            self.status = 401
            self.seen = request
            return await super().serve(request)

    server = Refusing()
    outcome, _ = await outcome_of(name, server)
    assert (outcome.ended, outcome.as_expected) == ("refused", True)
    if name != "wrong_path":
        assert outcome.status == 401
        headers = [key.lower() for key, _ in server.seen.headers.items()]
        twice = {"duplicate_key": "x-api-key", "duplicate_signature": "signature"}
        if name in twice:
            assert headers.count(twice[name]) == 2


async def test_a_server_that_takes_it_is_told_apart():
    outcome, _ = await outcome_of("wrong_secret")
    assert (outcome.ended, outcome.as_expected) == ("closed", False)
    assert outcome.body()["expects"] == ["refused"]


async def test_a_disconnect_may_stay_unanswered():
    class Impatient(Strict):
        async def object(self, session):
            await super().object(session)
            await session.socket.close(code=1008)

    outcome, server = await outcome_of("ignores_disconnect", Impatient())
    assert (outcome.ended, outcome.close_code, outcome.closed) == ("disconnect", 1008, False)
    assert "close" not in server.sessions[0].types()


async def test_a_server_that_closes_first_is_waited_for():
    class Tidy(Strict):
        async def on(self, session, message):
            await super().on(session, message)
            if message["type"] == "close":
                await session.socket.close()

    outcome, _ = await outcome_of("never_closes", Tidy())
    assert (outcome.ended, outcome.closed, outcome.close_code) == ("closed", True, 1000)


async def test_half_open_connections_are_dropped_by_the_server():
    async def drop(reader, writer):
        await reader.read(10)
        writer.close()

    server = await asyncio.start_server(drop, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for name in ("half_request", "no_websocket"):
            outcome = await run_fault(name, HookOptions(url=f"ws://127.0.0.1:{port}/x"))
            assert (outcome.ended, outcome.as_expected) == ("dropped", True)


async def test_a_flood_goes_out_whole():
    outcome, server = await outcome_of("ping_flood")
    assert outcome.ended == "closed"
    assert server.sessions[0].types().count("ping") == 20_001
    assert len(outcome.heard) == 100


def test_unknown_faults_and_those_that_need_a_secret_are_said():
    with pytest.raises(ConfigError, match="no such fault; `--fault list` has all"):
        check_fault("nothing")
    with pytest.raises(ConfigError, match="no such fault; perhaps seq_repeat"):
        check_fault("seq_repeats")
    with pytest.raises(ConfigError, match="needs a client secret"):
        check_fault("wrong_secret", HookOptions(url="ws://x/"))


def test_every_row_says_something_and_expects_something():
    for name, fault in FAULTS.items():
        assert fault.says, name
        assert fault.expects, name
        assert fault.expects <= {"refused", "disconnect", "closed", "dropped", "left", "silent"}, name
    assert len(FAULTS) >= 50
