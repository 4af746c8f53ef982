import asyncio
import json

import numpy as np
import pytest

from engine.errors import AudioFileError, ConfigError
from engine.simulator.audiohook import AudioHookCalls, Gap, HookCall, HookOptions, calls_of_wavs
from engine.simulator.audiohook.recordings import read_ulaw
from engine.simulator.options import Said, conversation_id
from tests.support.audiohook_server import LoopbackServer, serving
from tests.support.certificates import make_certificates, needs_openssl
from tests.support.simulated import noise_wav
from tests.support.waiting import until

FIRST = conversation_id(0)


@pytest.fixture
def wav(tmp_path):
    noise_wav(tmp_path / "a.wav", 700, channels=2)
    return tmp_path / "a.wav"


def options(url, wav, count=1, **settings):
    fixed = {"url": url, "calls": calls_of_wavs([wav], count), "speed": 5.0, "rate": 1000.0, "backoff_s": 0.02}
    return HookOptions.model_validate(fixed | settings)


def long(tmp_path, **settings):
    noise_wav(tmp_path / "long.wav", 60_000, channels=2)
    return settings | {"wav": tmp_path / "long.wav", "speed": 1.0}


def woven(wav):
    left, right = read_ulaw(wav)
    return np.stack([left, right], axis=1).tobytes()


async def played(server, wav, **settings):
    """Play until all calls are over; the object then, with everything closed."""
    async with asyncio.timeout(60), serving(server) as url, AudioHookCalls(options(url, wav, **settings)) as calls:
        await calls.wait()
    return calls


async def test_a_call_is_played_from_open_to_the_sockets_close(wav):
    server = LoopbackServer()
    calls = await played(server, wav, client_secret="c2VjcmV0", first_ping_s=0.01, ping_every_s=0.01)
    [session] = server.sessions
    types = session.types()
    assert types[:2] == ["open", "ping"]
    assert types[-1] == "close"
    assert set(types[1:-1]) == {"ping"}
    assert bytes(session.audio) == woven(wav)
    assert max(session.sizes) <= 64_000
    assert session.code == 1005  # an empty close frame
    opened = session.messages[0]
    assert (opened["seq"], opened["serverseq"], opened["position"]) == (1, 0, "PT0S")
    assert opened["parameters"]["conversationId"] == FIRST
    assert [each["channels"] for each in opened["parameters"]["media"]] == [
        ["external", "internal"], ["external"], ["internal"],
    ]  # fmt: skip
    pings = session.of("ping")
    assert "rtt" not in pings[0]["parameters"]
    assert all(ping["parameters"]["rtt"].startswith("PT0.") for ping in pings[1:])
    assert session.messages[-1]["parameters"] == {"reason": "end"}
    assert session.messages[-1]["position"] == "PT0.7S"
    assert session.headers["Signature"].startswith("sig1=:")
    summary = calls.summary()
    assert (summary["ok"], summary["opened"], summary["lost"], summary["ended"]) == (True, 1, 0, {"end": 1})
    assert summary["audio_s"] == 0.7
    assert summary["opened_ms"]["count"] == 1
    assert summary["ping_ms"]["count"] == len(pings)
    [report] = calls.reports
    assert (report.state, report.ending, report.sessions) == ("ended", "end", 1)
    assert report.channels == ("external", "internal")
    assert [(sent.from_ms, sent.to_ms) for sent in report.sent] == [(0, 700)]


async def test_messages_come_in_time_and_in_the_size_asked_for(wav):
    server = LoopbackServer()
    calls = await played(server, wav, message_ms=20, speed=0.5)
    loop = server.sessions[0].sizes
    assert sum(loop) == len(woven(wav))
    assert all(size % 320 == 0 for size in loop[:-1])
    assert calls.tally.messages == len(loop)


@pytest.mark.parametrize(("choice", "channel"), [(1, 0), (2, 1)])
async def test_the_server_chooses_a_channel(wav, choice, channel):
    server = LoopbackServer()
    server.choice = choice
    calls = await played(server, wav)
    assert bytes(server.sessions[0].audio) == read_ulaw(wav)[channel].tobytes()
    assert calls.reports[0].channels == (("external", "internal")[channel],)


async def test_a_server_that_wants_no_media_gets_none(wav):
    server = LoopbackServer()
    server.choice = 9
    calls = await played(server, wav)
    assert not server.sessions[0].audio
    assert calls.summary()["ended"] == {"end": 1}


async def test_one_channel_offers_one(wav):
    server = LoopbackServer()
    await played(server, wav, channels=1, product="connector", language="en-US")
    parameters = server.sessions[0].messages[0]["parameters"]
    assert [each["channels"] for each in parameters["media"]] == [["external"]]
    assert (parameters["inputVariables"], parameters["language"]) == ({}, "en-US")


async def test_a_probe_has_null_ids_and_closes_at_once(wav):
    server = LoopbackServer()
    calls = await played(server, wav, probe=True)
    [session] = server.sessions
    null = "00000000-0000-0000-0000-000000000000"
    assert session.types() == ["open", "close"]
    parameters = session.messages[0]["parameters"]
    assert (parameters["conversationId"], parameters["participant"]["id"]) == (null, null)
    assert not session.audio
    assert calls.summary()["ok"]


async def test_a_backlog_comes_at_once(tmp_path):
    server = LoopbackServer()
    settings = long(tmp_path, backlog_s=20)
    async with serving(server) as url, AudioHookCalls(options(url, **settings)) as calls:
        await until(lambda: server.sessions and len(server.sessions[0].audio) >= 20 * 16_000)
        assert server.sessions[0].sizes[:5] == [64_000] * 5
        assert calls.reports[0].position_ms >= 20_000
        assert calls.reports[0].state == "live"


async def test_pauses_and_discards_move_the_position(wav):
    server = LoopbackServer()
    gaps = (Gap(at_s=0.1, for_s=0.2, paused=True), Gap(at_s=0.4, for_s=0.1))
    calls = await played(server, wav, gaps=gaps, speed=1.0)
    [session] = server.sessions
    spoken = [message for message in session.messages if message["type"] != "ping"]
    assert [message["type"] for message in spoken] == ["open", "paused", "resumed", "discarded", "close"]
    assert [message["position"] for message in spoken] == ["PT0S", "PT0.1S", "PT0.3S", "PT0.5S", "PT0.7S"]
    assert spoken[2]["parameters"] == {"start": "PT0.1S", "discarded": "PT0.2S"}
    assert spoken[3]["parameters"] == {"start": "PT0.4S", "discarded": "PT0.1S"}
    whole = woven(wav)
    assert bytes(session.audio) == whole[:1600] + whole[4800:6400] + whole[8000:]
    assert [(sent.from_ms, sent.to_ms) for sent in calls.reports[0].sent] == [(0, 100), (300, 400), (500, 700)]
    assert calls.summary()["discarded_s"] == 0.3


async def test_phrases_in_a_gap_or_on_a_channel_that_is_not_wanted_are_not_said(wav):
    said = [Said(phrase=f"{n}", start_ms=n, end_ms=n + 50, channel=channel) for n, channel in
            ((0, "external"), (150, "external"), (400, "internal"))]  # fmt: skip
    call = HookCall(conversation_id="a", stereo=wav, said=said)
    server = LoopbackServer()
    server.choice = 1
    calls = await played(server, wav, calls=(call,), gaps=(Gap(at_s=0.1, for_s=0.1),))
    assert [each["phrase"] for each in calls.reports[0].body()["said"]] == ["0"]


class Steering(LoopbackServer):
    """Says something of its own after the first ping."""

    def __init__(self, *says):
        super().__init__()
        self.says = says

    async def on(self, session, message):
        await super().on(session, message)
        if message["type"] == "ping" and self.says:
            says, self.says = self.says, ()
            for each in says:
                await session.say(*each)


async def test_a_disconnect_is_answered_by_close(tmp_path):
    server = Steering(("disconnect", {"reason": "completed"}))
    calls = await played(server, **long(tmp_path, first_ping_s=0.05))
    [session] = server.sessions
    assert session.messages[-1]["parameters"] == {"reason": "disconnect"}
    assert calls.summary()["ended"] == {"disconnect_completed": 1}
    assert calls.summary()["ok"]


async def test_a_disconnect_for_an_error_is_tried_again_in_a_new_session(tmp_path):
    server = Steering(("disconnect", {"reason": "error"}))
    async with serving(server) as url:
        async with AudioHookCalls(options(url, **long(tmp_path, first_ping_s=0.3))) as calls:
            await until(lambda: len(server.sessions) == 2 and server.sessions[1].audio)
            assert calls.reports[0].sessions == 2
        summary = calls.summary()
    one, two = server.sessions
    assert one.headers["Audiohook-Session-Id"] != two.headers["Audiohook-Session-Id"]
    assert (one.headers["Audiohook-Retry-Attempt"], two.headers["Audiohook-Retry-Attempt"]) == ("0", "1")
    assert two.messages[0]["position"] != "PT0S"  # the call went on meanwhile
    assert (summary["lost_by"], summary["retries"], summary["ok"]) == ({"disconnect_error": 1}, 1, False)


async def test_a_server_may_hold_the_audio_for_a_while(tmp_path):
    server = Steering(("pause",))
    async with serving(server) as url, AudioHookCalls(options(url, **long(tmp_path, first_ping_s=0.05))) as calls:
        await until(lambda: server.sessions and server.sessions[0].of("paused"))
        [session] = server.sessions
        had = len(session.audio)
        await until(lambda: calls.reports[0].position_ms > had // 16 + 300)
        assert len(session.audio) == had
        await session.say("resume")
        await until(lambda: session.of("resumed") and len(session.audio) > had)
        [resumed] = session.of("resumed")
        assert resumed["parameters"]["start"] == session.of("paused")[0]["position"] == f"PT{had / 16_000:g}S"
    assert calls.summary()["unsolicited"] == {"pause": 1, "resume": 1}


async def test_a_reconnect_is_taken_up_where_that_is_enabled(tmp_path):
    server = Steering(("reconnect",))
    settings = long(tmp_path, first_ping_s=0.3, reconnects=True)
    async with serving(server) as url, AudioHookCalls(options(url, **settings)) as calls:
        await until(lambda: len(server.sessions) == 2 and server.sessions[0].over and server.sessions[1].audio)
        one, two = server.sessions
        [last] = two.messages[0]["parameters"]["continuedSessions"]
        assert last["id"] == one.headers["Audiohook-Session-Id"]
        assert two.messages[0]["position"] == "PT0S"  # all that is kept of less than 20 seconds
        assert one.messages[-1]["parameters"] == {"reason": "reconnect"}
        assert bytes(two.audio[: len(one.audio)]) == bytes(one.audio)
    assert calls.summary()["ok"]


async def test_what_a_new_session_does_not_want_again_is_discarded(tmp_path):
    server = LoopbackServer()
    server.extra = {"discardTo": "PT15S"}
    async with serving(server) as url, AudioHookCalls(options(url, **long(tmp_path, backlog_s=20))):
        await until(lambda: server.sessions and server.sessions[0].audio)
    [discarded] = server.sessions[0].of("discarded")
    assert discarded["parameters"] == {"start": "PT0S", "discarded": "PT15S"}


@pytest.mark.parametrize(
    ("says", "code"),
    [(("opened", {"media": []}), 409), (("event", {"entities": []}), 500), (("weather",), 500)],
)
async def test_a_server_that_does_wrong_is_told_and_left(tmp_path, says, code):
    server = Steering(says)
    calls = await played(server, **long(tmp_path, first_ping_s=0.01, attempts=1))
    error, close = server.sessions[0].messages[-2:]
    assert (error["type"], error["parameters"]["code"]) == ("error", code)
    assert close["parameters"] == {"reason": "error"}
    summary = calls.summary()
    assert (summary["lost_by"], summary["given_up"], summary["ok"]) == ({"server_fault": 1}, 1, False)
    assert len(summary["server_faults"]) == 1


@pytest.mark.parametrize("product", ["monitor", "transcription"])
async def test_transcripts_are_kept_and_count_as_unsolicited_for_monitor(tmp_path, product):
    final = {"type": "transcript", "data": {"isFinal": True, "id": "1"}}
    partial = {"type": "transcript", "data": {"isFinal": False, "id": "1"}}
    server = Steering(("event", {"entities": [partial]}), ("event", {"entities": [final, {"type": "other"}]}))
    async with serving(server) as url:
        settings = long(tmp_path, first_ping_s=0.01, product=product)
        async with AudioHookCalls(options(url, **settings)) as calls:
            await until(lambda: calls.tally.finals == 1)
            [call] = calls.calls
            assert call.transcripts == [partial["data"], final["data"]]
    summary = calls.summary()
    assert summary["transcripts"] == {"partial": 1, "final": 1}
    assert summary["unsolicited"] == ({"event": 2} if product == "monitor" else {})
    assert ("supportedLanguages" in server.sessions[0].messages[0]["parameters"]) is (product == "transcription")


@pytest.mark.parametrize(
    ("mute", "wait", "ending", "says"),
    [
        ("open", "open_timeout_s", "opened_timeout", {"refused": {"opened_timeout": 1}}),
        ("ping", "pong_timeout_s", "pong_timeout", {"lost_by": {"pong_timeout": 1}}),
        ("close", "close_timeout_s", "closed_timeout", {"lost_by": {"closed_timeout": 1}}),
    ],
)
async def test_every_wait_for_the_server_has_an_end(wav, mute, wait, ending, says):
    server = LoopbackServer()
    server.mute = {mute}
    settings = {"speed": 0.2} if mute == "ping" else {}
    calls = await played(server, wav, attempts=1, first_ping_s=0.01, **{wait: 0.1}, **settings)
    summary = calls.summary()
    assert summary["ended"] == {ending: 1}
    assert {name: summary[name] for name in says} == says
    [error] = server.sessions[0].of("error")
    assert error["parameters"]["code"] == 408


async def test_a_refused_upgrade_is_not_tried_again(wav):
    server = LoopbackServer()
    server.status = 503
    calls = await played(server, wav, count=3)
    assert server.refusals == 3
    assert calls.summary()["refused"] == {"upgrade_503": 3}
    assert calls.summary()["given_up"] == 3
    assert not calls.summary()["ok"]


async def test_nobody_there_is_tried_five_times(wav, unused_tcp_port):
    async with AudioHookCalls(options(f"ws://127.0.0.1:{unused_tcp_port}/", wav)) as calls:
        await calls.wait()
    summary = calls.summary()
    assert (summary["refused"], summary["retries"], summary["given_up"]) == ({"no_connection": 5}, 4, 1)
    assert summary["why"] == {"no_connection: can't connect: Connection refused": 5}


async def test_a_call_that_never_got_a_session_by_the_end_is_given_up(wav, unused_tcp_port):
    told = []
    calls = AudioHookCalls(options(f"ws://127.0.0.1:{unused_tcp_port}/?key=hidden", wav, backoff_s=60.0))
    calls.tally.tell = told.append
    async with calls:
        await until(lambda: calls.tally.refused)
        assert calls.summary()["given_up"] == 0  # it would go on trying
    assert (calls.summary()["given_up"], calls.summary()["ok"]) == (1, False)
    assert told == ["no_connection: can't connect: Connection refused"]


async def test_calls_that_were_not_due_yet_are_not_given_up(wav):
    server = LoopbackServer()
    async with serving(server) as url, AudioHookCalls(options(url, wav, count=3, rate=0.01, loop=True)) as calls:
        await until(lambda: calls.tally.opened)
    assert (calls.summary()["given_up"], calls.summary()["ok"]) == (0, True)


async def test_what_a_server_says_of_its_disconnect_is_kept(tmp_path):
    server = Steering(("disconnect", {"reason": "error", "info": "no capacity"}))
    calls = await played(server, **long(tmp_path, first_ping_s=0.01, attempts=1))
    assert calls.summary()["why"] == {"disconnect_error: no capacity": 1}


async def test_a_socket_that_breaks_is_lost_and_tried_again(tmp_path):
    server = LoopbackServer()
    async with serving(server) as url:
        async with AudioHookCalls(options(url, **long(tmp_path))) as calls:
            await until(lambda: server.sessions and server.sessions[0].audio)
            await server.sessions[0].socket.close()
            await until(lambda: len(server.sessions) == 2 and server.sessions[1].audio)
        assert calls.summary()["lost_by"] == {"dropped": 1}


async def test_a_connection_broken_on_purpose_is_no_loss(tmp_path):
    server = LoopbackServer()
    async with serving(server) as url:
        async with AudioHookCalls(options(url, **long(tmp_path))) as calls:
            await until(lambda: server.sessions and server.sessions[0].audio)
            calls.by_id[FIRST].drop()
            await until(lambda: len(server.sessions) == 2 and server.sessions[1].audio)
            assert len(calls.reports[0].sent) == 2
        assert (calls.summary()["ended"], calls.summary()["ok"]) == ({"aborted": 1, "end": 1}, True)


async def test_looped_calls_play_until_they_are_ended(wav):
    server = LoopbackServer()
    async with serving(server) as url:
        async with AudioHookCalls(options(url, wav, loop=True, message_ms=300)) as calls:
            await until(lambda: server.sessions and len(server.sessions[0].audio) > 3 * len(woven(wav)))
            assert calls.reports[0].loops is None
            calls.by_id[FIRST].end()
            calls.by_id[FIRST].end()
            await calls.wait()
        whole = woven(wav)
        assert bytes(server.sessions[0].audio[: 3 * len(whole)]) == whole * 3


async def test_fifty_calls_share_the_clock_and_all_are_heard(wav):
    server = LoopbackServer()
    calls = await played(server, wav, count=50)
    assert [bytes(session.audio) for session in server.sessions] == [woven(wav)] * 50
    assert calls.summary()["opened"] == 50
    assert calls.load()["late_ms"] >= 0


async def test_a_server_that_does_not_read_makes_it_throw_audio_away_and_say_so(tmp_path):
    server = LoopbackServer()
    reading = asyncio.Event()
    read = server.on_audio

    async def slow(session, data):
        await reading.wait()
        await read(session, data)

    server.on_audio = slow
    settings = long(tmp_path, message_ms=500) | {"speed": 200.0}
    async with serving(server) as url, AudioHookCalls(options(url, loop=True, **settings)) as calls:
        await until(lambda: calls.tally.throttled > 3, 60)
        reading.set()
        await until(lambda: bool(server.sessions[0].of("discarded")), 60)
        [first, *_] = server.sessions[0].of("discarded")
        assert float(first["parameters"]["discarded"][2:-1]) > 0
        assert first["position"] != first["parameters"]["start"]


@needs_openssl
async def test_tls_is_checked(wav, tmp_path):
    certificates = make_certificates(tmp_path)
    server = LoopbackServer()
    async with serving(server, certificates.server_context()) as url:
        for settings, ok in (({"ca": certificates.authority}, True), ({}, False)):
            async with AudioHookCalls(options(url, wav, attempts=1, **settings)) as calls:
                await calls.wait()
            assert calls.summary()["ok"] is ok
        [why] = calls.summary()["why"]
        assert why.startswith("no_connection: the server's certificate is not trusted: ")
        async with AudioHookCalls(options(url.replace("wss:", "ws:"), wav, attempts=1)) as calls:
            await calls.wait()
        [why] = calls.summary()["why"]
        assert "closed the connection before it answered" in why
    assert len(server.sessions) == 1


async def test_no_tls_at_the_other_end_is_said(wav):
    async with serving(LoopbackServer()) as url:
        secure = options(url.replace("ws:", "wss:"), wav, attempts=1)
        async with AudioHookCalls(secure) as calls:
            await calls.wait()
    [why] = calls.summary()["why"]
    assert why.startswith("no_connection: no TLS with the server: ")


async def test_wrong_options_are_said(wav, tmp_path):
    with pytest.raises(ConfigError, match="can't be used"):
        await AudioHookCalls(options("wss://x/", wav, ca=tmp_path / "none.pem")).__aenter__()
    with pytest.raises(AudioFileError, match=r"none\.wav"):
        await AudioHookCalls(options("ws://x/", tmp_path / "none.wav")).__aenter__()
    for settings in ({"api_key": "a b"}, {"client_secret": "a"}, {"product": "connector"}, {"url": "http://x/"}):
        with pytest.raises(ValueError, match=r"api_key|client_secret|external|url"):
            options(**{"url": "ws://x/", "wav": wav} | settings)


async def test_bodies_are_json(wav):
    calls = await played(LoopbackServer(), wav)
    [body] = json.loads(json.dumps([report.body() for report in calls.reports]))
    assert {"conversation_id", "file", "state", "started_at_ns", "duration_ms", "said", "sent", "session_id"} <= set(
        body
    )
