"""Every fault of the specification's section 9 and of the issue's list that is a message's: one answer, and a way to the end."""

import pytest

from engine.genesys.audiohook.events import CloseAsked, Faulty, Ignored
from engine.genesys.audiohook.messages import MAX_BYTES
from engine.genesys.audiohook.states import FAULTS, State
from tests.genesys.audiohook.client import GOOD, MONO, NULL, STEREO, Peer, opened, text

TEXTS = {
    "not JSON": ("{", "json"),
    "bytes that are no text": (b"\xff", "json"),
    "a list": ("[]", "envelope"),
    "no type": ('{"version":"2"}', "envelope"),
    "version 1": (text("ping", 2, version="1"), "version"),
    "a bad position": (text("ping", 2, position="PT1M"), "position"),
    "a gap": (text("ping", 3), "seq"),
    "a repeat": (text("open", 1), "seq"),
    "far behind": (text("ping", 2**60), "seq"),
    "a serverseq not sent": (text("ping", 2, 2), "serverseq"),
    "another id": (text("ping", 2, id=NULL), "id"),
    "no parameters": (text("ping", 2).replace("parameters", "p"), "envelope"),
    "a bad parameter": (text("ping", 2, 0, {"rtt": 1}), "parameters"),
    "an update without language": (text("update", 2, 0, {}), "parameters"),
    "a bad loss": (text("discarded", 2, 0, {"start": "PT0S"}), "parameters"),
    "too large a text": (" " * (MAX_BYTES + 1), "too_large"),
    "too large as UTF-8": ("é" * (MAX_BYTES // 2 + 1), "too_large"),
}


@pytest.mark.parametrize(("said", "fault"), TEXTS.values(), ids=TEXTS)
def test_a_fault_is_answered_once_and_a_close_is_taken(said, fault):
    peer = opened()
    session = peer.session
    assert session.receive_text(said, peer.now_s) == (Faulty(fault),)
    (answer,) = peer.hears()
    assert answer["type"] == "disconnect"
    assert answer["parameters"] == {"reason": "error", "info": FAULTS[fault]}
    assert (answer["seq"], answer["clientseq"]) == (2, 2 if fault == "parameters" else 1)
    assert session.state is State.DISCONNECTING
    assert session.close_code == (1009 if fault == "too_large" else 1008)

    for again, _ in TEXTS.values():  # further faults are silent
        assert session.receive_text(again, peer.now_s) in ((), (Ignored("after_disconnect"),))
    assert {said["type"] for said in peer.hears()} <= {"pong"}
    assert session.receive_text(text("close", 2, 2, {"reason": "disconnect"}), peer.now_s) == (
        CloseAsked("disconnect"),
    )
    assert session.closed()
    assert session.close_code == 1000
    (last,) = peer.hears()
    assert (last["type"], last["clientseq"]) == ("closed", 2)


@pytest.mark.parametrize("kind", ["update", "paused", "resumed", "discarded", "dtmf"])
@pytest.mark.parametrize("asked", [False, True])
def test_nothing_of_a_stream_before_it_is_opened(kind, asked):
    peer = Peer()
    if asked:
        peer.says("open")
    assert peer.says(kind) == (Faulty("order"),)
    assert [kind for kind, _, _ in peer.told()] == ["disconnect"]


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("data", [b"", b"ab", bytes(1600), bytes(MAX_BYTES + 1)])
def test_audio_before_opened(asked, data):
    peer = Peer()
    if asked:
        peer.says("open")
    assert peer.plays(data) == (Faulty("audio_before_open"),)
    assert peer.plays(data) == (Ignored("after_disconnect"),)
    assert peer.told() == [("disconnect", 1, int(asked))]


@pytest.mark.parametrize("closed", [False, True])
def test_audio_after_close_is_passed_over(closed):
    peer = opened()
    peer.says("close")
    if closed:
        peer.session.closed()
    assert peer.plays(bytes(160)) == (Ignored("after_close"),)
    peer.session.closed()
    assert peer.told() == [("closed", 2, 2)]


@pytest.mark.parametrize("said", ["{", text("ping", 99, version="1"), text("update", 3, 0, {}), " " * (MAX_BYTES + 1)])
def test_faults_after_close_are_passed_over(said):
    peer = opened()
    peer.says("close")
    assert peer.session.receive_text(said, peer.now_s) == (Ignored("after_close"),)
    assert peer.session.closed()
    assert [kind for kind, _, _ in peer.told()] == ["closed"]


@pytest.mark.parametrize(
    ("media", "data", "fault"),
    [
        (STEREO, b"a", "audio_size"),
        (STEREO, bytes(1599), "audio_size"),
        (STEREO, bytes(MAX_BYTES + 1), "too_large"),
        (STEREO, bytes(MAX_BYTES + 2), "too_large"),
        (MONO, bytes(MAX_BYTES + 1), "too_large"),
        ({**MONO, "format": "L16"}, bytes(321), "audio_size"),
        ({**STEREO, "format": "L16"}, bytes(322), "audio_size"),
    ],
)
def test_audio_of_a_wrong_size(media, data, fault):
    peer = opened(media=[media])
    assert peer.plays(data) == (Faulty(fault),)
    assert peer.session.position_samples == 0
    assert peer.hears()[0]["parameters"]["reason"] == "error"


@pytest.mark.parametrize(
    ("media", "data", "samples"),
    [
        (MONO, bytes(321), 321),
        ({**MONO, "format": "L16"}, bytes(322), 161),
        ({**STEREO, "format": "L16"}, bytes(324), 81),
    ],
)
def test_audio_of_whole_samples(media, data, samples):
    peer = opened(media=[media])
    assert peer.plays(data)[0].data is data
    assert peer.session.position_samples == samples


def test_audio_without_media():
    peer = Peer()
    peer.says("open")
    peer.session.opened(None)
    assert peer.plays(b"") == (Ignored("audio_empty"),)
    assert peer.plays(bytes(160)) == (Faulty("audio_without_media"),)


@pytest.mark.parametrize("media", [[], [{**STEREO, "rate": 16000}, {**MONO, "format": "OPUS"}, None]])
def test_offers_of_which_none_is_known(media):
    peer = Peer()
    (asked,) = peer.says("open", {**GOOD["open"], "media": media})
    assert asked.open.media == ()
    assert peer.session.disconnect("error", "no media that we know")
    assert peer.told() == [("disconnect", 1, 1)]


def test_a_first_message_that_is_broken_comes_before_any_number():
    peer = Peer()
    assert peer.session.receive_text("{", peer.now_s) == (Faulty("json"),)
    assert peer.told() == [("disconnect", 1, 0)]
    assert peer.session.receive_text(text("close", 1), peer.now_s) == (CloseAsked("end"),)


def test_an_open_that_does_not_begin_at_1():
    peer = Peer()
    assert peer.session.receive_text(text("open", 0 + 2), peer.now_s) == (Faulty("seq"),)


def test_our_own_numbers_go_on_without_gaps_through_it_all():
    peer = opened()
    peer.says("ping")
    peer.plays(b"a")
    peer.says("ping")
    peer.says("close")
    peer.session.closed()
    peer.says("ping")
    peer.says("close")
    assert [seq for _, seq, _ in peer.told()] == [2, 3, 4, 5, 6, 7]
