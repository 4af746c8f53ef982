from dataclasses import FrozenInstanceError, fields

import pytest

from engine.speech.events import PhraseSpotted, UtteranceEnded, UtteranceStarted


def test_an_ended_utterance_shows_no_words_by_itself() -> None:
    """Events are logged and compared; what was said must not slip out with them."""
    event = UtteranceEnded(0, 900, "my number is four two")
    assert "four" not in repr(event)
    assert event == UtteranceEnded(0, 900)


def test_events_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        UtteranceStarted(0).start_ms = 1  # type: ignore[misc]


def test_every_time_names_its_unit() -> None:
    numbers = {field.name for event in (PhraseSpotted, UtteranceStarted, UtteranceEnded) for field in fields(event) if field.type in (int, "int")}  # fmt: skip
    assert numbers
    assert all(name.endswith(("_ms", "_ns")) for name in numbers)
