"""The shipped model, loaded once for all tests of speech."""

import pytest

from engine.options import RuleOptions, SpeechOptions
from engine.speech.hearing import Hearing
from engine.speech.model import prepared_model
from engine.speech.vosk_binding import VoskModel
from tests.support.speech import OPTIONS, manifest, rule


def load(options: SpeechOptions) -> VoskModel:
    """As the fork server does."""
    with prepared_model(options) as folder:
        return VoskModel(folder)


@pytest.fixture(scope="session")
def model() -> VoskModel:
    return load(OPTIONS)


@pytest.fixture(scope="session")
def rules() -> list[RuleOptions]:
    """One for each phrase of the committed calls."""
    return [rule(phrase) for phrase in manifest()["phrases"]]


@pytest.fixture(scope="session")
def hearing(model: VoskModel, rules: list[RuleOptions]) -> Hearing:
    return Hearing(model, OPTIONS, rules)
