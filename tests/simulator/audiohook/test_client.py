import pytest

from engine.simulator.audiohook import AudioHookClient, GoneError, HookOptions, UpgradeFailedError
from tests.support.audiohook_server import LoopbackServer, serving


async def test_a_session_led_by_hand():
    server = LoopbackServer()
    async with serving(server) as url, AudioHookClient(HookOptions(url=url)) as client:
        await client.connect()
        opened = await client.open(language="en-US")
        assert opened.parameters["media"][0]["channels"] == ["external", "internal"]
        client.send_silence(0.1)
        client.say("ping")
        await client.expect("pong")
        await client.close()
    [session] = server.sessions
    assert bytes(session.audio) == b"\xff" * 1600
    assert session.of("ping")[0]["position"] == "PT0.1S"
    assert session.messages[0]["parameters"]["language"] == "en-US"
    assert [message.type for message in client.heard] == ["opened", "pong", "closed"]
    assert session.code == 1005


async def test_a_refusal_has_its_status():
    server = LoopbackServer()
    server.status = 401
    async with serving(server) as url, AudioHookClient(HookOptions(url=url)) as client:
        with pytest.raises(UpgradeFailedError) as caught:
            await client.connect()
    assert caught.value.status == 401


async def test_a_socket_that_closes_is_said():
    class Closing(LoopbackServer):
        async def on(self, session, message):
            await session.socket.close(code=1011)

    async with serving(Closing()) as url, AudioHookClient(HookOptions(url=url)) as client:
        await client.connect()
        with pytest.raises(GoneError) as caught:
            await client.open()
    assert caught.value.code == 1011


async def test_nothing_in_time_is_said():
    server = LoopbackServer()
    server.mute = {"open"}
    async with serving(server) as url, AudioHookClient(HookOptions(url=url)) as client:
        await client.connect()
        client.say("open", client.open_parameters())
        with pytest.raises(TimeoutError):
            await client.hear(timeout_s=0.05)
