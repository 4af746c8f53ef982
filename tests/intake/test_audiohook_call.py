import asyncio

import pytest

from engine.intake import audiohook_terms, audiohook_transcripts
from engine.simulator.audiohook import AudioHookClient
from engine.speech.events import SpokenWord, Transcribed
from tests.support.audiohook_intake import intake
from tests.support.waiting import until

SPOKEN = Transcribed(
    True, 200, 900, "stop recording", (SpokenWord("stop", 300, 500, 0.9), SpokenWord("recording", 500, 900, 0.8))
)
HEARD_SO_FAR = Transcribed(False, 200, 600, "stop", ())


async def said(client: AudioHookClient, text: str) -> None:
    """The server has taken all up to here."""
    client.say("ping")
    assert (await client.expect("pong")).type == text


async def test_a_pause_and_what_is_lost_in_it_are_gaps_at_their_places():
    async with intake() as server, server.client() as client:
        await client.open()
        client.send_silence(0.1)
        client.say("paused")
        await said(client, "pong")
        assert server.conversations.list()[0].state == "paused"
        client.say("resumed", {"start": "PT0.1S", "discarded": "PT1.5S"})
        client.send_silence(0.1)
        client.say("discarded", {"start": "PT1.7S", "discarded": "PT0.3S"})
        await said(client, "pong")
        (info,) = server.conversations.list()
        assert (info.state, info.gap_ms, info.audio_ms) == ("listening", 1800, 200)
        assert server.shards.leases[0].feeds["internal"].gaps_ms == [0, 1500, 300]
        await client.close()


async def test_one_channel_and_channels_the_other_way_round():
    offers = [{"type": "audio", "format": "PCMU", "channels": ["internal", "external"], "rate": 8000}]
    async with intake() as server, server.client() as client:
        assert (await client.open(media=offers)).parameters["media"] == offers
        client.send_audio(bytes([0x80, 0xFF] * 800))
        await said(client, "pong")
        feeds = server.shards.leases[0].feeds
        assert feeds["internal"].chunks == [(32124).to_bytes(2, "little") * 800]
        assert feeds["external"].chunks == [bytes(1600)]


@pytest.mark.parametrize("settings", [{"open_timeout_s": 0.2}, {"silence_timeout_s": 0.2}])
async def test_silence_ends_a_session(settings):
    async with intake(**settings) as server, server.client() as client:
        if "silence_timeout_s" in settings:
            await client.open()
        assert (await client.expect("disconnect")).parameters["reason"] == "error"
        assert await client.gone() == 1008
        await until(lambda: server.count("audiohook_sockets") == 0)
        assert all(left == ("failed", "unreachable") for left in server.left())


async def test_a_client_that_vanishes_is_unreachable():
    async with intake() as server, server.client() as client:
        await client.open()
        client.vanish()
        await until(lambda: server.left() == [("failed", "unreachable")])
        await until(lambda: server.shards.leases[0].released == 1)


async def test_a_client_that_ends_by_an_error_is_told_apart():
    async with intake() as server, server.client() as client:
        await client.open()
        client.say("error", {"code": 400, "message": "not understood"})
        await client.close("error")
        await until(lambda: server.left() == [("failed", "protocol")])
        assert server.count("audiohook_faults_total", fault="peer") == 1


async def test_a_fault_is_answered_once_and_named():
    async with intake() as server, server.client() as client:
        await client.open()
        client.send_audio(b"odd")
        assert (await client.expect("disconnect")).parameters["reason"] == "error"
        await client.close("disconnect")
        await until(lambda: server.left() == [("failed", "protocol")])
        assert server.count("audiohook_faults_total", fault="audio_size") == 1


async def test_who_is_removed_is_told_not_to_come_back():
    async with intake() as server, server.client() as client:
        await client.open()
        removing = asyncio.create_task(server.conversations.remove(client.conversation_id))
        assert (await client.expect("disconnect")).parameters["reason"] == "completed"
        await client.close("disconnect")
        assert await removing
        assert server.left() == [("ended", "removed")]


async def test_who_is_cut_off_by_a_stop_may_come_back_and_one_that_does_not_answer_holds_up_nobody(monkeypatch):
    monkeypatch.setattr("engine.intake.audiohook_call.TURN_OUT_S", 0.2)
    async with intake() as server, server.client() as good, server.client() as mute:
        await good.open()
        await mute.open()
        draining = asyncio.create_task(server.conversations.drain(0))
        assert (await good.expect("disconnect")).parameters["reason"] == "error"
        await good.close("disconnect")
        await draining
        assert server.left() == [("ended", "drained")] * 2


async def test_what_has_come_is_heard_before_a_stop_lets_a_call_go(monkeypatch):
    monkeypatch.setattr("engine.intake.audiohook_call.TURN_OUT_S", 30)
    async with intake() as server, server.client() as client:
        await client.open()
        feed = server.shards.leases[0].feeds["external"]
        feed.nearly_full = True
        client.send_silence(1.0)
        await said(client, "pong")
        draining = asyncio.create_task(server.conversations.drain(0))
        await client.expect("disconnect")
        await client.close("disconnect")
        assert (feed.chunks, draining.done()) == ([], False)
        feed.nearly_full = False
        await draining
        assert sum(map(len, feed.chunks)) == 16_000
        assert server.left() == [("ended", "drained")]


async def test_transcripts_come_when_the_client_is_ready_and_the_last_before_closed(monkeypatch):
    async with intake() as server, server.client(language="en-GB", product="transcription") as client:
        opened = await client.open()
        assert opened.type == "opened"
        (lease,) = server.shards.leases
        lease.on_transcript("external", HEARD_SO_FAR)
        lease.on_transcript("internal", HEARD_SO_FAR)
        event = await client.expect("event")  # the client takes one within a second for a fault
        told = [entity["data"] for entity in event.parameters["entities"]]
        assert [(each["channelId"], each["isFinal"]) for each in told] == [(0, False), (1, False)]

        async def the_last(_timeout_s: float) -> bool:
            lease.on_transcript("external", SPOKEN)
            return True

        monkeypatch.setattr(lease, "heard", the_last)
        client.say("close", {"reason": "end"})
        event = await client.expect("event", "closed")
        assert event.parameters["entities"][0]["data"]["isFinal"]
        assert (await client.expect("event", "closed")).type == "closed"


async def test_a_language_that_is_not_ours_gets_no_transcripts():
    async with intake() as server, server.client(language="es-ES", product="transcription") as client:
        await client.open()
        assert server.shards.leases[0].on_transcript is None
        await client.close()


async def test_who_asks_for_our_languages_gets_them_and_transcripts_in_the_first():
    async with intake(languages=("en-US", "en-GB")) as server, server.client() as client:
        opened = await client.open(supportedLanguages=True)
        assert opened.parameters["supportedLanguages"] == ["en-US", "en-GB"]
        assert server.shards.leases[0].on_transcript is not None
        await client.close()


async def test_a_monitor_is_told_no_languages_and_gets_no_transcripts():
    async with intake() as server, server.client() as client:
        assert "supportedLanguages" not in (await client.open()).parameters
        assert server.shards.leases[0].on_transcript is None
        await client.close()


async def test_transcripts_rest_while_another_language_is_asked_for(monkeypatch):
    monkeypatch.setattr(audiohook_transcripts, "QUIET_S", 0.0)
    monkeypatch.setattr("engine.genesys.audiohook.session.QUIET_S", 0.0)
    async with intake() as server, server.client(language="en-US", product="transcription") as client:
        await client.open()
        (lease,) = server.shards.leases
        client.say("update", {"language": "de-DE"})
        await client.expect("updated")
        lease.on_transcript("external", SPOKEN)
        client.say("update", {"language": "en-US"})
        assert (await client.expect("updated", "event")).type == "updated"
        lease.on_transcript("external", SPOKEN)
        await client.expect("event")
        await client.close()


async def test_a_client_that_reads_nothing_is_cut_off(monkeypatch):
    monkeypatch.setattr("engine.intake.audiohook_socket.MAX_UNSENT_BYTES", -1)
    async with intake() as server, server.client() as client:
        client.say("ping")
        await client.gone()
        await until(lambda: server.count("audiohook_faults_total", fault="not_reading") == 1)


async def test_a_peer_that_does_not_close_is_aborted(monkeypatch):
    monkeypatch.setattr("engine.intake.audiohook_socket.CLOSE_S", 0.05)
    async with intake(open_timeout_s=0.1) as server, server.client() as client:
        client.stop_reading()
        await until(lambda: server.count("audiohook_sockets") == 0)


def test_each_reason_has_its_words():
    assert {reason for reason, _ in audiohook_terms.NOT_TAKEN.values()} == {"error", "completed"}
    assert {reason for reason, _ in audiohook_terms.TURNED_OUT.values()} == {"error", "completed"}
