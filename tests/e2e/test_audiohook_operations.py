"""AudioHook in operation: the end of the engine, no room, and what stands between Genesys and us."""

import signal
import socket
from contextlib import AsyncExitStack

import pytest

from engine.simulator.audiohook import UpgradeFailedError
from tests.support.commands import receiver
from tests.support.engine import done
from tests.support.following import assert_heard, heard_in, phrases_of
from tests.support.hooked import ENVIRONMENT, KEY, SECRET, hooked
from tests.support.loopback_proxy import proxy

STOPPING = {"reason": "error", "info": "this server is stopping"}  # on which Genesys tries again, elsewhere


async def test_after_term_sessions_may_end_and_are_turned_out_at_the_deadline(tmp_path):
    """One ends by itself, one is turned out and closes, one never answers. Each end is in order, and so is the engine's."""
    async with receiver() as hook:
        environment = {"TARGET_KEYWORD": "transfer me", "CUELINE_WEBHOOK_URL": hook.url, "CUELINE_DRAIN_S": "10"}
        async with hooked(tmp_path, environment, "[audiohook]\nreconnects = true\n") as it, AsyncExitStack() as stack:
            ends, stays, deaf, late, probe = [await stack.enter_async_context(it.voice()) for _ in range(5)]
            for voice in (ends, stays, deaf):
                await voice.begin()
            stays.speak(8_000, external=1)
            it.engine.command.send(signal.SIGTERM)
            for voice in (ends, stays, deaf):
                assert (await voice.hear()).type == "reconnect"  # a wish, where the integration has it enabled
            await it.engine.ready(503)
            await late.connect()
            assert (await late.open()).parameters == STOPPING
            await late.close("disconnect")
            await probe.begin(conversationId="00000000-0000-0000-0000-000000000000")
            await probe.close()
            await ends.ping()
            await ends.close("reconnect")
            assert (await stays.expect("disconnect", timeout_s=30)).parameters == STOPPING
            await stays.close("disconnect")
            assert (await deaf.expect("disconnect")).parameters == STOPPING
            assert await deaf.gone(30) == 1001
            assert await it.engine.command.ended(30) == 0
            await it.engine.command.vanished()
    assert_heard(heard_in(hook, stays.conversation_id), phrases_of(1)[:1])
    reasons = {line["session_id"]: line["reason"] for line in it.engine.command.logged("conversation left")}
    assert reasons == {ends.session_id: "ended", stays.session_id: "drained", deaf.session_id: "drained"}
    (refused,) = it.engine.command.logged("AudioHook session refused")
    assert (refused["reason"], refused["session_id"]) == ("draining", late.session_id)


async def test_where_there_is_no_room_the_session_is_told_so_and_the_socket_is_let_in(tmp_path):
    """Three rings: a call of two channels, then one of one, then none; room comes back."""
    config = "[shards]\ncount = 1\nrings = 3\nmax_utilization = 1.0\n[audiohook]\nconnections = 4\n"
    async with hooked(tmp_path, {"TARGET_KEYWORD": "transfer me"}, config) as it, it.call() as first:
        async with it.call(channels=1) as second, it.voice() as third:
            await third.connect()
            assert (await third.open()).parameters == {"reason": "error", "info": "no capacity left"}
            await third.close("disconnect")
            assert await it.engine.metric("cueline_conversations_refused_total", reason="capacity") == 1
            assert await it.engine.info(first.session_id)
            await second.ping()
        await it.engine.ready(timeout_s=30)  # once the worker has let go of the ring
        async with it.call(channels=1) as again:
            await again.ping()
        await first.ping()
        (refused,) = it.engine.command.logged("AudioHook session refused")
        assert (refused["level"], refused["reason"], refused["session_id"]) == (
            "warning",
            "capacity",
            third.session_id,
        )


async def test_more_sockets_than_are_allowed_are_503(tmp_path):
    config = "[audiohook]\nconnections = 2\n"
    async with hooked(tmp_path, {"TARGET_KEYWORD": "transfer me"}, config) as it, it.call() as one, it.call() as two:
        async with it.voice() as three:
            with pytest.raises(UpgradeFailedError) as failed:
                await three.connect()
            assert failed.value.status == 503
        assert (await it.counts()) == {"refused connections": 1}
        await one.ping()
        await two.ping()


async def test_a_proxy_that_changes_host_and_path_is_made_up_for(tmp_path):
    """What is signed is the address in front of the proxy: told, requests are taken; not told, each is a 401 that says why."""
    public = "/hooks/cueline"
    async with proxy(public, "/api/v1/audiohook/ws") as front:
        told = {"CUELINE_AUDIOHOOK_AUTHORITY": front.authority, "CUELINE_AUDIOHOOK_PUBLIC_PATH": public}
        url = f"ws://{front.authority}{public}?site=a"
        for settings, taken in ((told, True), ({"CUELINE_AUDIOHOOK_PUBLIC_PATH": public}, False)):
            async with hooked(tmp_path, settings | {"TARGET_KEYWORD": "transfer me"}) as it, it.voice(url=url) as voice:
                front.port = int(it.url.split(":")[2].split("/")[0])
                if taken:
                    await voice.begin()
                    voice.send_silence(1)
                    await voice.ping()
                    await voice.close()
                    continue
                with pytest.raises(UpgradeFailedError, match="401"):
                    await voice.connect()
                (line,) = it.engine.command.logged("AudioHook connection refused")
                assert (line["reason"], line["peer"]) == ("signature_wrong", "127.0.0.1")
                assert "a proxy changes Host or path" in line["message"]
                assert not [word for word in (KEY, SECRET) if word in "\n".join(it.engine.command.err)]


async def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = ENVIRONMENT | {
            "CUELINE_AUDIOHOOK_PORT": str(port),
            "CUELINE_ADMIN_PORT": "0",
            "CUELINE_STATE_DIR": str(tmp_path),
            "TARGET_KEYWORD": "transfer me",
        }
        code, out, err = await done("run", environment=environment, cwd=tmp_path)
    faults = [line for line in err.splitlines() if not line.startswith("{")]
    assert (code, out) == (2, "")
    assert len([line for line in faults if f"CUELINE_AUDIOHOOK_PORT = {port}: in use already" in line]) == 1
    assert len(faults) <= 2
