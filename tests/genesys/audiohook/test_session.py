import math

import pytest

from engine.genesys.audiohook import events
from engine.genesys.audiohook.events import CloseAsked, Faulty, Ignored, Over
from engine.genesys.audiohook.limits import SessionLimits
from engine.genesys.audiohook.session import AudioHookSession
from engine.genesys.audiohook.states import State
from tests.genesys.audiohook.client import GOOD, LOST, MONO, NULL, ORGANIZATION, SESSION, STEREO, Peer, opened, text

ENTITIES = [{"type": "x", "data": 1}]
FEW = SessionLimits(messages_per_s=1, burst=3)


def test_open_is_asked_and_answered():
    peer = Peer()
    (asked,) = peer.says("open", position="PT2S")
    assert isinstance(asked, events.OpenAsked)
    assert peer.session.state is State.ASKED
    assert peer.hears() == []
    assert peer.session.opened(asked.open.media[1])
    (said,) = peer.hears()
    assert said["parameters"] == {"startPaused": False, "media": [MONO]}
    assert peer.session.state is State.OPEN
    assert peer.session.media is asked.open.media[1]
    assert peer.session.position_samples == 16_000


def test_open_without_media():
    peer = Peer()
    peer.says("open", {**GOOD["open"], "media": []})
    assert peer.session.opened(None)
    assert peer.hears()[0]["parameters"]["media"] == []


@pytest.mark.parametrize(
    ("asks", "told"), [({"supportedLanguages": True}, ["en-US"]), ({"supportedLanguages": False}, None), ({}, None)]
)
def test_languages_are_told_to_who_asks(asks, told):
    peer = Peer()
    peer.says("open", {**GOOD["open"], **asks})
    peer.session.opened(None, ["en-US"])
    assert peer.hears()[0]["parameters"].get("supportedLanguages") == told


def test_media_that_were_not_offered_are_our_own_mistake():
    peer, other = Peer(), Peer()
    (asked,) = other.says("open", {**GOOD["open"], "media": [{**STEREO, "channels": ["internal", "external"]}]})
    peer.says("open")
    with pytest.raises(ValueError, match="not offered"):
        peer.session.opened(asked.open.media[0])
    assert peer.session.opened(None)


def test_opened_is_said_once_and_when_asked():
    peer = Peer()
    assert not peer.session.opened(None)
    peer.says("open")
    assert peer.session.opened(None)
    assert not peer.session.opened(None)
    assert peer.told() == [("opened", 1, 1)]


def test_opened_comes_too_late_for_who_has_gone():
    peer = Peer()
    peer.says("open")
    assert peer.says("close") == (CloseAsked("end"),)
    assert not peer.session.opened(None)
    assert peer.session.state is State.CLOSING
    assert not peer.session.tell(ENTITIES, 2000.0)
    assert peer.session.closed()
    assert peer.told() == [("closed", 1, 2)]


@pytest.mark.parametrize("size", [2, 1600, 3200, 64_000])
def test_audio_of_any_size(size):
    peer = opened()
    data = bytes(index % 256 for index in range(size))
    assert peer.plays(data) == (events.AudioReceived(data),)
    assert peer.session.position_samples == size // 2
    assert peer.hears() == []


def test_a_backlog_of_20_seconds_is_taken_at_once():
    peer = opened()
    for _ in range(5):
        assert isinstance(*peer.plays(bytes(64_000)), events.AudioReceived)
    assert peer.session.position_samples == 160_000


def test_audio_is_not_shown():
    assert repr(events.AudioReceived(b"abcd")) == "AudioReceived()"


def test_an_empty_frame_is_passed_over():
    peer = opened()
    assert peer.plays(b"") == (Ignored("audio_empty"),)
    assert peer.session.state is State.OPEN


def test_a_pause_with_loss():
    peer = opened()
    peer.plays(bytes(8000))
    assert peer.says("paused") == (events.Paused(),)
    assert peer.says("paused") == (Ignored("repeated"),)
    assert peer.plays(bytes(160)) == (Ignored("audio_paused"),)
    assert peer.session.position_samples == 4000
    assert peer.says("discarded", LOST) == (events.Discarded(4000),)
    assert peer.says("resumed", LOST) == (events.Resumed(4000),)
    assert peer.plays(bytes(160)) == (events.AudioReceived(bytes(160)),)
    assert peer.session.position_samples == 12_080


def test_resumed_without_a_pause_loses_audio_all_the_same():
    peer = opened()
    assert peer.says("resumed", LOST) == (events.Resumed(4000),)
    assert peer.session.position_samples == 4000


def test_what_else_a_peer_says():
    peer = opened()
    assert peer.says("discarded") == (events.Discarded(4000),)
    assert peer.says("update") == (events.LanguageAsked("es-419"),)
    assert peer.says("dtmf") == (events.DigitPressed(),)
    assert peer.says("error") == (events.PeerFault(408),)
    assert peer.says("weather") == (Ignored("unknown_type"),)
    assert peer.says("playback_started") == (Ignored("playback"),)
    assert peer.says("playback_completed") == (Ignored("playback"),)
    assert peer.hears() == []
    assert peer.says("close", {"reason": "error"}) == (CloseAsked("error"),)


def test_open_twice():
    peer = opened()
    assert peer.says("open") == (Ignored("repeated"),)
    assert peer.hears() == []
    assert peer.session.state is State.OPEN


def test_wishes_of_ours():
    peer = opened()
    session = peer.session
    assert session.pause()
    assert session.resume()
    assert session.reconnect("going")
    assert session.updated()
    assert session.tell(ENTITIES, peer.now_s + 1)
    peer.says("paused")
    assert session.resume()
    assert peer.told() == [
        ("pause", 2, 1),
        ("resume", 3, 1),
        ("reconnect", 4, 1),
        ("updated", 5, 1),
        ("event", 6, 1),
        ("resume", 7, 2),
    ]


def test_nothing_unsolicited_is_said_in_the_first_second():
    peer = opened()
    with pytest.raises(ValueError, match="within"):
        peer.session.tell(ENTITIES, peer.now_s + 0.999)
    with pytest.raises(ValueError, match="without entities"):
        peer.session.tell([], peer.now_s + 60)
    assert peer.hears() == []


def test_what_is_left_to_tell_is_told_before_closed():
    peer = opened()
    peer.says("close")
    assert peer.session.tell(ENTITIES, peer.now_s)
    assert peer.session.closed()
    assert not peer.session.tell(ENTITIES, peer.now_s + 60)
    assert peer.told() == [("event", 2, 2), ("closed", 3, 2)]


@pytest.mark.parametrize("reason", ["completed", "unauthorized", "error"])
def test_disconnect_and_close(reason):
    peer = opened()
    assert peer.session.disconnect(reason, "words")
    assert peer.session.state is State.DISCONNECTING
    assert peer.plays(bytes(160)) == (Ignored("after_disconnect"),)
    assert peer.says("close", {"reason": "disconnect"}) == (CloseAsked("disconnect"),)
    assert peer.session.closed()
    (said, last) = peer.hears()
    assert (said["type"], said["parameters"]) == ("disconnect", {"reason": reason, "info": "words"})
    assert (last["type"], last["seq"], last["clientseq"]) == ("closed", 3, 2)
    assert peer.session.close_code == 1000


def test_after_disconnect_no_wish_is_sent():
    peer = opened()
    session = peer.session
    session.disconnect("completed", "")
    peer.hears()
    wishes = [session.pause(), session.resume(), session.reconnect(""), session.updated(), session.closed()]
    wishes += [session.disconnect("error", ""), session.opened(None), session.tell(ENTITIES, 2000.0)]
    assert wishes == [False] * 8
    assert peer.hears() == []


@pytest.mark.parametrize("seq", [1, 2, 77, 2**63])
def test_once_disconnected_a_close_is_taken_whatever_its_numbers(seq):
    peer = opened()
    peer.session.disconnect("completed", "")
    peer.hears()
    said = text("close", seq, 2**40, {"reason": "disconnect"}, id=NULL)
    assert peer.session.receive_text(said, peer.now_s) == (CloseAsked("disconnect"),)
    peer.session.closed()
    assert peer.told() == [("closed", 3, seq)]


def test_close_before_open():
    peer = Peer()
    assert peer.says("close") == (CloseAsked("end"),)
    assert peer.session.closed()
    assert peer.told() == [("closed", 1, 1)]


def test_close_that_is_repeated():
    peer = opened()
    peer.says("close")
    assert peer.says("close") == (Ignored("repeated"),)
    assert peer.hears() == []
    assert peer.session.closed()
    assert peer.told() == [("closed", 2, 3)]
    assert not peer.session.closed()
    assert peer.says("close") == (Ignored("repeated"),)
    assert peer.told() == [("closed", 3, 4)]
    assert peer.session.state is State.CLOSED


def test_a_ping_is_answered_in_every_state():
    peer = Peer()
    pongs = []

    def ping():
        assert peer.says("ping") == ()
        assert peer.hears()[-1]["type"] == "pong"
        pongs.append(peer.session.state)

    ping()
    peer.says("open")
    ping()
    peer.session.opened(None)
    ping()
    peer.says("paused")
    ping()
    peer.session.disconnect("completed", "")
    ping()
    peer.says("close")
    ping()
    peer.session.closed()
    ping()
    assert pongs == [state for state in State if state is not State.OVER]


def test_a_pong_names_its_ping():
    peer = opened()
    peer.says("ping")
    peer.says("weather")
    peer.says("ping")
    assert peer.told() == [("pong", 2, 2), ("pong", 3, 4)]


def test_a_probe_is_opened_and_closed():
    peer = Peer()
    given = {**GOOD["open"], "conversationId": NULL, "participant": {"id": NULL, "ani": "", "aniName": "", "dnis": ""}}
    (asked,) = peer.says("open", given)
    assert asked.open.is_probe
    peer.session.opened(asked.open.media[0])
    peer.says("close")
    peer.session.closed()
    assert peer.told() == [("opened", 1, 1), ("closed", 2, 2)]


def test_another_organization_is_unauthorized():
    peer = Peer(organization=NULL)
    assert peer.says("open") == (Faulty("organization"),)
    (said,) = peer.hears()
    assert (said["type"], said["parameters"]["reason"]) == ("disconnect", "unauthorized")
    assert not peer.session.opened(None)
    assert peer.session.close_code == 1008


def test_ids_are_the_same_in_either_case():
    session = AudioHookSession(SESSION.upper(), ORGANIZATION.upper(), SessionLimits())
    assert isinstance(*session.receive_text(text("open", 1), 0.0), events.OpenAsked)


def test_a_flood_of_pings_is_answered_once():
    peer = Peer(FEW)
    assert [peer.says("ping") for _ in range(3)] == [()] * 3
    assert peer.says("ping") == (Faulty("too_many"),)
    assert [peer.says("ping") for _ in range(100)] == [(Ignored("too_many"),)] * 100
    assert peer.told() == [("pong", 1, 1), ("pong", 2, 2), ("pong", 3, 3), ("disconnect", 4, 3)]
    peer.now_s += 1
    assert peer.says("ping") == (Ignored("too_many"),)
    assert peer.told() == []


def test_who_floods_is_let_go_at_once_and_gets_one_answer():
    peer = Peer(FEW)
    for _ in range(50):
        peer.says("ping")
    assert peer.says("close") == (CloseAsked("end"),)
    peer.session.closed()
    assert [peer.says("close") for _ in range(50)] == [(Ignored("too_many"),)] * 50
    assert peer.told()[-2:] == [("disconnect", 4, 3), ("closed", 5, 51)]


@pytest.mark.parametrize(
    ("prepare", "seconds", "event", "code", "last"),
    [
        (lambda peer: None, 10, Over("no_open"), 1008, "disconnect"),
        (lambda peer: peer.says("ping"), 10, Over("no_open"), 1008, "disconnect"),
        (lambda peer: peer.says("open"), 30, Over("silent"), 1008, "disconnect"),
        (lambda peer: peer.plays(b"a"), 10, Over("no_close"), 1008, None),
        (lambda peer: peer.session.disconnect("completed", ""), 10, Over("no_close"), 1000, None),
        (lambda peer: peer.session.disconnect("error", ""), 10, Over("no_close"), 1011, None),
        (lambda peer: peer.session.disconnect("unauthorized", ""), 10, Over("no_close"), 1008, None),
        (lambda peer: (peer.says("close"), peer.session.closed()), 5, Over("lingered"), 1000, None),
        (lambda peer: (peer.plays(b"a"), peer.says("close"), peer.session.closed()), 5, Over("lingered"), 1000, None),
    ],
)
def test_waits_that_are_over(prepare, seconds, event, code, last):
    peer = Peer()
    prepare(peer)
    peer.hears()
    session, now_s = peer.session, peer.now_s
    assert session.wait_s(now_s) == seconds
    assert session.wait_over(now_s + seconds - 0.5) == ()
    assert session.wait_over(now_s + seconds) == (event,)
    assert session.state is State.OVER
    assert session.close_code == code
    assert [said["type"] for said in peer.hears()] == ([last] if last else [])
    assert session.wait_s(now_s + 60) == math.inf
    assert session.wait_over(now_s + 60) == ()
    assert peer.says("ping") == (Ignored("after_close"),)
    assert peer.plays(b"ab") == (Ignored("after_close"),)
    assert peer.hears() == []


def test_an_open_session_that_falls_silent():
    peer = opened()
    peer.now_s += 20
    peer.plays(bytes(160))
    assert peer.session.wait_s(peer.now_s + 5) == 25
    peer.now_s += 20
    peer.says("ping")
    peer.hears()
    assert peer.session.wait_s(peer.now_s) == 30
    assert peer.session.wait_over(peer.now_s + 30) == (Over("silent"),)
    assert peer.hears()[0]["parameters"] == {"reason": "error", "info": "silent for too long"}


def test_a_close_is_answered_even_where_the_owner_is_not_done():
    peer = opened()
    peer.says("close")
    assert peer.session.wait_s(peer.now_s) == 8
    assert peer.session.wait_over(peer.now_s + 8) == ()
    assert peer.told() == [("closed", 2, 2)]
    assert peer.session.state is State.CLOSED
    assert peer.session.wait_s(peer.now_s + 8) == 5
