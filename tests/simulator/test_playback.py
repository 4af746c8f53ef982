from hypothesis import given
from hypothesis import strategies as st

from engine.simulator.delivery import Track
from engine.simulator.options import DeliveryOptions
from engine.simulator.playback import Playback

MS = 1_000_000
TRACK = Track((b"a", b"b", b"c"), (20 * MS, 40 * MS, 60 * MS), 60 * MS)


def playback(**settings):
    return Playback(TRACK, DeliveryOptions(**settings))


def messages(play, now_ns):
    return [message for _, message in play.due(now_ns)]


def test_nothing_is_due_before_the_start():
    play = playback()
    assert messages(play, 10**12) == []
    assert play.position_ns(10**12) == 0
    play.start(100 * MS)
    assert messages(play, 99 * MS) == []
    assert play.position_ns(99 * MS) == 0


def test_messages_come_once_with_their_place_and_then_the_end():
    play = playback()
    play.start(0)
    assert list(play.due(45 * MS)) == [(20 * MS, b"a"), (40 * MS, b"b")]
    assert messages(play, 45 * MS) == []
    assert not play.finished
    assert messages(play, 60 * MS) == [b"c"]
    assert play.finished
    assert play.position_ns(900 * MS) == 60 * MS


def test_starting_again_changes_nothing():
    play = playback()
    play.start(0)
    play.start(50 * MS)
    assert play.started_ns == 0


def test_speed_makes_audio_pass_faster():
    play = playback(speed=4.0)
    play.start(0)
    assert messages(play, 10 * MS) == [b"a", b"b"]
    assert play.position_ns(10 * MS) == 40 * MS


def test_rounds_follow_each_other_without_a_gap():
    play = playback(loops=2)
    play.start(0)
    assert list(play.due(85 * MS))[-1] == (80 * MS, b"a")
    assert messages(play, 120 * MS) == [b"b", b"c"]
    assert play.finished
    assert play.duration_ms == 60


def test_endless_playing_never_finishes():
    play = playback(loops=None)
    play.start(0)
    assert len(messages(play, 60_000 * MS)) == 3000
    assert not play.finished
    assert play.position_ns(60_000 * MS) == 60_000 * MS


def test_stopping_freezes_the_position():
    play = playback(loops=None)
    play.start(0)
    play.stop(30 * MS)
    play.stop(50 * MS)
    assert play.position_ns(99 * MS) == 30 * MS
    assert messages(play, 99 * MS) == [b"a"]


def test_messages_late_by_jitter_still_come_after_the_recordings_length():
    play = Playback(Track((b"a",), (90 * MS,), 60 * MS), DeliveryOptions())
    play.start(0)
    assert messages(play, 80 * MS) == []
    assert messages(play, 90 * MS) == [b"a"]


@given(st.lists(st.integers(0, 400), max_size=30), st.integers(1, 4))
def test_however_often_it_is_asked_it_plays_the_same(moments, loops):
    play = playback(loops=loops)
    play.start(0)
    got = [message for at in [*sorted(moments), 1000] for message in messages(play, at * MS)]
    assert got == [b"a", b"b", b"c"] * loops
