from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.simulator.audiohook.frames import masked
from engine.simulator.audiohook.options import Gap, HookOptions
from engine.simulator.audiohook.player import Player
from engine.simulator.audiohook.recordings import Track
from engine.simulator.options import Said

MS = 1_000_000
STEP = 800  # 100 ms


def options(**settings):
    return HookOptions(url="ws://x/", **settings)


def track(samples=2000, channels=("external", "internal")):
    audio = (np.arange(samples * len(channels)) % 251).astype(np.uint8).tobytes()
    size = STEP * len(channels)
    return Track(tuple(audio[at : at + size] for at in range(0, len(audio), size)), STEP, samples, audio, channels)


def player(samples=2000, **settings):
    made = Player(options(**settings), track(samples))
    made.begin(0)
    return made


def places(pieces):
    return [(piece.start, piece.end, piece.skip) for piece in pieces]


def payload(frame):
    """What a finished frame holds; a frame that is not one is its own payload, as in `track`."""
    head = 4 if frame[1] & 0x7F == 126 else 2
    return masked(frame[head + 4 :], frame[head : head + 4])


def test_a_message_is_due_when_its_last_sample_is_spoken():
    play = player()
    assert list(play.take(99 * MS)) == []
    assert play.due_ns == 100 * MS
    [first] = play.take(100 * MS)
    assert (first.frames, first.start, first.end, first.skip) == (play.track.frames[:1], 0, 800, None)
    assert play.due_ns == 200 * MS
    assert places(play.take(200 * MS)) == [(800, 1600, None)]
    assert not play.finished
    assert places(play.take(250 * MS)) == [(1600, 2000, None)]
    assert play.finished
    assert play.position(900 * MS) == 2000


def test_before_the_beginning_nothing_is_due():
    play = Player(options(), track())
    assert play.position(10**12) == 0
    assert list(play.take(10**12)) == []
    play.begin(5 * MS)
    play.begin(500 * MS)
    assert play.started_ns == 5 * MS


def test_a_backlog_goes_out_in_as_few_messages_as_are_allowed():
    play = player(80_000)  # 10 s, 160,000 bytes
    [piece] = play.take(10_000 * MS)
    assert (piece.start, piece.end) == (0, 80_000)
    bodies = [payload(frame) for frame in piece.frames]
    assert [len(body) for body in bodies] == [64_000, 64_000, 32_000]
    assert b"".join(bodies) == play.track.audio


def test_rounds_follow_each_other_without_a_gap():
    play = player(loop=True)
    assert places(play.take(250 * MS)) == [(0, 2000, None)]
    assert play.due_ns == 350 * MS
    assert places(play.take(350 * MS)) == [(2000, 2800, None)]
    assert play.track.index_at(2799) == 3
    assert play.track.index_at(4000) == 6
    assert not play.finished


def test_gaps_take_whole_messages():
    play = player(8000, gaps=(Gap(at_s=0.15, for_s=0.2, paused=True), Gap(at_s=0.5, for_s=0.1)))
    assert places(play.take(1000 * MS)) == [
        (0, 1600, None), (1600, 3200, "pause"), (3200, 4000, None), (4000, 4800, "discard"), (4800, 8000, None),
    ]  # fmt: skip
    said = Said(phrase="x", start_ms=300, end_ms=340)
    assert not play.plays(said)
    assert play.plays(said.model_copy(update={"start_ms": 360, "end_ms": 500}))


def test_speed_makes_audio_pass_faster():
    play = player(speed=4.0)
    assert play.due_ns == 25 * MS
    assert places(play.take(50 * MS)) == [(0, 1600, None)]


def test_it_goes_on_elsewhere():
    play = player()
    other = track(2000, ("external",))
    play.turn(other, 900)
    assert play.message_start(900) == 800
    [piece] = play.take(200 * MS)
    assert (piece.start, piece.end, piece.frames) == (800, 1600, other.frames[1:2])


@given(st.lists(st.integers(0, 2000), max_size=20))
def test_however_often_it_is_asked_it_plays_the_same(moments):
    play = player(16_000)
    pieces = [piece for at in [*sorted(moments), 3000] for piece in play.take(at * MS)]
    assert pieces[0].start == 0
    assert pieces[-1].end == 16_000
    assert all(one.end == other.start for one, other in pairwise(pieces))
    audio = b"".join(
        frame if frame in play.track.frames else payload(frame) for piece in pieces for frame in piece.frames
    )
    assert audio == play.track.audio
