from engine.speech.background import EVERYDAY_ENGLISH
from engine.speech.phrases import spoken
from engine.speech.vosk_binding import VoskModel


def test_each_word_stands_once_as_models_write_it() -> None:
    assert len(set(EVERYDAY_ENGLISH)) == len(EVERYDAY_ENGLISH)
    assert [spoken(word) for word in EVERYDAY_ENGLISH] == list(EVERYDAY_ENGLISH)


def test_the_shipped_model_knows_them(model: VoskModel) -> None:
    assert [word for word in EVERYDAY_ENGLISH if not model.knows(word)] == []
