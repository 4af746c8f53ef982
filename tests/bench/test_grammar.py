import pytest

from bench.grammar import phrases_of
from engine.demo.stage import wanted_phrases
from engine.simulator.options import SPEECH_DIR


@pytest.mark.parametrize("size", [1, 6, 10, 1000])
def test_so_many_different_phrases_the_calls_own_first(size):
    phrases = phrases_of(size)
    own = wanted_phrases(SPEECH_DIR)
    assert len(set(phrases)) == len(phrases) == size
    assert phrases[:6] == own[:size]
    words = {word for phrase in own for word in phrase.split()}
    assert all(words.isdisjoint(phrase.split()) for phrase in phrases[6:])
    assert phrases == phrases_of(size)
