from uuid import UUID

import pytest
from pydantic import ValidationError

from engine.simulator.options import DeliveryOptions, SimulatorOptions, conversation_id


def test_conversation_ids_are_uuids_that_do_not_change_or_repeat():
    ids = [conversation_id(number) for number in range(200)]
    assert ids == [conversation_id(number) for number in range(200)]
    assert len({UUID(each) for each in ids}) == 200


def test_one_byte_is_sixty_two_and_a_half_microseconds_of_audio():
    from engine.simulator.options import NS_PER_BYTE

    assert NS_PER_BYTE * 16_000 == 1_000_000_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fragment", 0),
        ("fragment", 50_000),
        ("fragment", "even"),
        ("burst", 0),
        ("jitter_ms", -1),
        ("speed", 0),
        ("loops", 0),
    ],
)
def test_delivery_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(ValidationError):
        DeliveryOptions.model_validate({name: value})


def test_options_are_frozen_and_know_no_other_names():
    with pytest.raises(ValidationError):
        SimulatorOptions(port=70_000)
    with pytest.raises(ValidationError):
        SimulatorOptions().port = 1
    with pytest.raises(ValidationError):
        SimulatorOptions.model_validate({"prot": 1})
