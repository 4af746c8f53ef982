import pytest

from engine.shards.suspects import NEAR_FRAMES, Suspects
from engine.shards.worker import TURN_FRAMES


@pytest.mark.parametrize("second", [1000, 1000 + NEAR_FRAMES, 1000 - NEAR_FRAMES])
def test_two_deaths_at_the_same_place_convict(second):
    suspects = Suspects()
    assert not suspects.convicts(7, 1000)
    assert suspects.convicts(7, second)


@pytest.mark.parametrize("second", [1001 + NEAR_FRAMES, 999 - NEAR_FRAMES, 0])
def test_a_second_death_elsewhere_is_a_first_one_there(second):
    suspects = Suspects()
    assert not suspects.convicts(7, 1000)
    assert not suspects.convicts(7, second)
    assert not suspects.convicts(7, 1000)
    assert suspects.convicts(7, 1000)


def test_two_turns_that_took_in_the_same_frame_are_near_and_no_others():
    assert NEAR_FRAMES == TURN_FRAMES - 1


def test_each_lease_answers_for_itself():
    suspects = Suspects()
    assert not suspects.convicts(7, 1000)
    assert not suspects.convicts(8, 1000)
    assert suspects.convicts(7, 1000)


def test_a_death_of_another_in_between_acquits_nobody():
    suspects = Suspects()
    for lease in (7, 8, 9):
        assert not suspects.convicts(lease, 5)
    assert suspects.convicts(7, 5)


def test_an_ended_lease_is_forgotten():
    suspects = Suspects()
    suspects.convicts(7, 1000)
    suspects.forget(7)
    suspects.forget(7)
    assert not suspects.convicts(7, 1000)
    assert suspects._died_at == {7: 1000}
