"""Utterances and gaps of a channel, from what its reader says; frames are of 20 ms."""

from engine.audio.ring import Gap
from engine.live.spans import KEPT, Bounds, Track


def test_an_utterance_opens_where_the_reader_says_and_ends_where_nothing_is_needed_any_more():
    track = Track("external")
    assert not track.speaking
    track.look(Bounds(utterance=1 + 10, safe=10))
    assert track.speaking
    assert list(track.speech) == [(200, None)]
    track.look(Bounds(utterance=1 + 10, safe=10))
    assert list(track.speech) == [(200, None)]
    track.look(Bounds(utterance=0, safe=50))
    assert not track.speaking
    assert list(track.speech) == [(200, 1000)]


def test_one_that_followed_at_once_ends_the_one_before():
    track = Track("internal")
    track.look(Bounds(utterance=1 + 0, safe=0))
    track.look(Bounds(utterance=1 + 40, safe=40))
    assert list(track.speech) == [(0, 800), (800, None)]


def test_a_gap_moves_what_follows_it_and_ends_what_was_open():
    track = Track("external")
    track.look(Bounds(utterance=1 + 5, safe=5))
    # 100 frames are missing before frame 30; by the time of the look another utterance is open, from frame 42
    track.look(Bounds(utterance=1 + 42, safe=42, gaps=[Gap(30, 100)], gap_frames=100))
    assert list(track.speech) == [(100, 600), ((42 + 100) * 20, None)]
    assert list(track.gaps) == [(600, 2000)]
    assert track.position_ms(50) == 3000


def test_what_all_gaps_have_added_is_taken_from_the_reader_and_a_gap_of_nothing_is_none():
    track = Track("external")
    track.look(Bounds(utterance=0, safe=10, gaps=[Gap(4, 0), Gap(8, 3)], gap_frames=53))  # two more were not told of
    assert list(track.gaps) == [(160, 60)]
    assert track.position_ms(0) == 53 * 20


def test_no_end_is_before_its_beginning():
    track = Track("external")
    track.look(Bounds(utterance=1 + 10, safe=10))
    track.look(Bounds(utterance=0, safe=3))
    assert list(track.speech) == [(200, 200)]


def test_the_oldest_are_forgotten():
    track = Track("external")
    for number in range(KEPT + 2):
        track.look(Bounds(utterance=1 + 10 * number, safe=10 * number))
        track.look(Bounds(utterance=0, safe=10 * number + 5))
    assert len(track.speech) == KEPT
    assert track.speech[0] == (400, 500)
