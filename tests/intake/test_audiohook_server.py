import socket
import time
from dataclasses import replace
from uuid import UUID

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from engine.errors import ConfigError, RefusedError
from engine.genesys.audiohook.auth import Authenticator
from engine.intake.audiohook_server import AudioHookServer
from engine.metrics import Metrics
from engine.options import AudioHookKey, AudioHookOptions
from engine.simulator.audiohook import GoneError, UpgradeFailedError
from tests.support.audiohook_intake import intake
from tests.support.realtime import FakeShards
from tests.support.waiting import until


async def status_of(server, **changes) -> int | None:
    async with server.client(connected=False, **changes) as client:
        try:
            await client.connect()
        except UpgradeFailedError as failed:
            return failed.status
        return None


async def test_a_session_from_its_opening_to_its_close():
    async with intake() as server, server.client() as client:
        opened = await client.open()
        assert opened.parameters["media"][0]["channels"] == ["external", "internal"]
        client.send_silence(0.1)
        client.say("ping")
        await client.expect("pong")
        await client.close()
        await until(lambda: server.left() == [("ended", "ended")])
        (lease,) = server.shards.leases
        assert [len(b"".join(lease.feeds[channel].chunks)) for channel in ("external", "internal")] == [1600, 1600]
        await until(lambda: lease.released == 1)
        states = [info.state for info in server.changes]
        assert states == ["connecting", "listening", "ended"]
        assert server.changes[0].session_id == lease.key != lease.conversation_id


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"api_key": "another"}, 401, "key_unknown"),
        ({"client_secret": "YW5vdGhlci1zZWNyZXQ="}, 401, "signature_wrong"),
        ({"client_secret": ""}, 401, "unsigned"),
    ],
)
async def test_who_is_not_vouched_for_is_refused_after_a_while(changes, status, reason):
    async with intake() as server:
        begun = time.monotonic()
        assert await status_of(server, **changes) == status
        assert time.monotonic() - begun >= 0.5
        assert server.count("audiohook_connections_refused_total", reason=reason) == 1
        assert server.shards.leases == []


async def test_another_path_is_not_ours():
    async with intake() as server:
        assert await status_of(server, url=server.server.url + "x") == 404
        assert server.count("audiohook_connections_refused_total", reason="path") == 1


async def test_a_refusal_says_in_the_log_what_was_wrong_and_whose_it_was():
    with capture_logs() as logs:
        async with intake() as server, server.client(connected=False, url=server.server.url + "x") as client:
            with pytest.raises(UpgradeFailedError):
                await client.connect()
    (line,) = [line for line in logs if line["event"] == "AudioHook connection refused"]
    assert (line["reason"], line["status"], line["peer"]) == ("path", 404, "127.0.0.1")
    assert "CUELINE_AUDIOHOOK_PATH" in line["message"]
    assert UUID(line["session_id"])


async def test_a_key_without_a_secret_is_told_at_the_start():
    with capture_logs() as logs:
        async with intake(keys=(AudioHookKey(api_key=SecretStr("open")),)):
            pass
    assert [line["keys"] for line in logs if "unsigned" in line["event"]] == [1]


async def test_a_connectors_id_may_follow_the_path():
    async with intake() as server:
        assert await status_of(server, url=server.server.url + "/b7-2") is None
        assert await status_of(server, url=server.server.url + "/b7/2") == 404


async def test_a_query_belongs_to_what_is_signed():
    async with intake() as server:
        assert await status_of(server, url=server.server.url + "?site=a") is None


async def test_behind_a_proxy_that_changes_host_and_path():
    public = {"authority": "hooks.example.com:443", "public_path": "/cueline"}
    async with intake(**public) as server, server.client(connected=False) as client:
        upgrade = replace(client.dialer.upgrade(), authority="hooks.example.com", target="/cueline")
        await client.connect(upgrade)
        assert (await client.open()).type == "opened"


async def test_what_comes_in_clear_comes_from_a_proxy_or_this_machine(monkeypatch):
    async with intake() as server:
        monkeypatch.setattr(AudioHookServer, "_may_be_plain", lambda *_: False)
        assert await status_of(server) == 403
        assert server.count("audiohook_connections_refused_total", reason="address") == 1


async def test_more_sockets_than_allowed_are_refused():
    async with intake(connections=1) as server, server.client() as first:
        await first.open()
        assert await status_of(server) == 503
        assert server.count("audiohook_connections_refused_total", reason="connections") == 1
        await first.close()


async def test_of_those_that_say_nothing_the_oldest_goes():
    async with intake(half_open=3) as server, server.client() as live:
        await live.open()
        port = server.server.port
        silent = []
        for number in range(4):
            silent.append(socket.create_connection(("127.0.0.1", port)))
            await until(lambda number=number: server.count("audiohook_sockets") == min(4, number + 2))
        await until(lambda: server.count("audiohook_connections_refused_total", reason="half_open") == 1)
        assert server.count("audiohook_sockets") == 4
        silent[0].settimeout(10)
        assert silent[0].recv(1) == b""
        live.say("ping")
        await live.expect("pong")
        for each in silent:
            each.close()
        await live.close()
        await until(lambda: server.count("audiohook_sockets") == 0)


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [("capacity", "error"), ("draining", "error"), ("duplicate", "error"), ("quarantined", "completed")],
)
async def test_a_session_that_is_not_taken_is_told_so_in_the_protocol(refusal, reason):
    async with intake(FakeShards(RefusedError(refusal, "no"))) as server, server.client() as client:
        answer = await client.open()
        assert (answer.type, answer.parameters["reason"]) == ("disconnect", reason)
        await client.close("disconnect")
        assert server.count("conversations_refused_total", reason=refusal) == 1


async def test_a_session_id_is_used_once_at_a_time():
    async with intake() as server, server.client() as first, server.client(connected=False) as second:
        await first.open()
        await second.connect(replace(second.dialer.upgrade(), session_id=first.dialogue.id))
        answer = await second.open()
        assert (answer.type, answer.parameters["reason"]) == ("disconnect", "error")
        first.say("ping")
        await first.expect("pong")


async def test_a_probe_is_answered_and_takes_nothing():
    async with intake() as server, server.client(probe=True) as client:
        assert (await client.open()).type == "opened"
        await client.close()
        assert server.count("audiohook_probes_total") == 1
        assert server.shards.leases == [] == server.conversations.list()


async def test_audio_that_can_not_be_heard_is_not_offered():
    async with intake() as server, server.client() as client:
        answer = await client.open(media=[{"type": "audio", "format": "OPUS", "channels": ["external"], "rate": 48000}])
        assert (answer.type, answer.parameters["reason"]) == ("disconnect", "error")
        assert server.count("audiohook_faults_total", fault="media") == 1
        await client.close("disconnect")


async def test_a_port_in_use_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = AudioHookServer(AudioHookOptions(port=port), None, frozenset(), Metrics())
        with pytest.raises(ConfigError, match=f"CUELINE_AUDIOHOOK_PORT = {port}: in use already"):
            await server.start()
        await server.stop()


async def test_a_stop_closes_what_is_open():
    async with intake() as server, server.client() as client:
        await client.open()
        await server.server.stop()
        assert await client.gone() in (1001, 1005)
        await until(lambda: server.left() == [("failed", "unreachable")])


async def test_peers_are_asked_to_go_on_elsewhere():
    async with intake() as server, server.client() as client:
        await client.open()
        server.server.ask_to_reconnect()
        assert (await client.expect("reconnect")).type == "reconnect"
        await client.close("reconnect")


async def test_a_fault_of_ours_ends_one_session(monkeypatch):
    async with intake() as server, server.client() as broken, server.client() as other:
        await other.open()
        monkeypatch.setattr("engine.intake.audiohook_call.choose", lambda *_: 1 / 0)
        with pytest.raises(GoneError) as gone:
            await broken.open()
        assert gone.value.code == 1011
        await until(lambda: server.count("audiohook_faults_total", fault="internal") == 1)
        other.say("ping")
        await other.expect("pong")


async def test_a_fault_of_ours_in_the_upgrade_is_told_and_refuses_one(monkeypatch):
    """The library would answer, too, but say it to nobody."""
    async with intake() as server:
        with monkeypatch.context() as broken, capture_logs() as logs:
            broken.setattr(Authenticator, "check", lambda *_: 1 / 0)
            assert await status_of(server) == 500
        assert [each["event"] for each in logs][:1] == ["AudioHook upgrade failed unexpectedly"]
        assert server.count("audiohook_connections_refused_total", reason="internal") == 1
        assert await status_of(server) is None
