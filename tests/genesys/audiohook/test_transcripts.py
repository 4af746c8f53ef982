import json
import math
from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.audiohook.transcripts import UNKNOWN_CONFIDENCE, entity
from tests.genesys.audiohook.client import SESSION


@dataclass(frozen=True)
class Word:
    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True)
class Heard:
    is_final: bool
    utterance_start_ms: int
    end_ms: int
    text: str
    words: tuple[Word, ...] = ()


FINAL = Heard(True, 12_300, 14_250, "cancel it", (Word("cancel", 12_300, 12_900, 0.5), Word("it", 13_000, 13_050, 1.0)))
PARTIAL = Heard(False, 12_300, 13_000, "cancel")


def test_a_final_hypothesis():
    told = entity(FINAL, 0, SESSION)
    identity = told["data"].pop("id")
    assert str(UUID(identity)) == identity
    assert told == {
        "type": "transcript",
        "data": {
            "channelId": 0,
            "isFinal": True,
            "offset": "PT12.3S",
            "duration": "PT1.95S",
            "alternatives": [
                {
                    "confidence": 0.75,
                    "interpretations": [
                        {
                            "type": "display",
                            "transcript": "cancel it",
                            "tokens": [
                                {
                                    "type": "word",
                                    "value": "cancel",
                                    "confidence": 0.5,
                                    "offset": "PT12.3S",
                                    "duration": "PT0.6S",
                                },
                                {
                                    "type": "word",
                                    "value": "it",
                                    "confidence": 1.0,
                                    "offset": "PT13S",
                                    "duration": "PT0.05S",
                                },
                            ],
                        }
                    ],
                }
            ],
        },
    }


def test_a_partial_hypothesis():
    told = entity(PARTIAL, 1, SESSION)["data"]
    assert (told["channelId"], told["isFinal"], told["offset"], told["duration"]) == (1, False, "PT12.3S", "PT0.7S")
    assert told["alternatives"] == [
        {"confidence": UNKNOWN_CONFIDENCE, "interpretations": [{"type": "display", "transcript": "cancel"}]}
    ]


def test_an_utterance_keeps_its_id_and_has_it_alone():
    def identity(heard, channel=0, session=SESSION):
        return entity(heard, channel, session)["data"]["id"]

    assert identity(PARTIAL) == identity(FINAL)
    others = [identity(Heard(True, 12_301, 14_250, "x")), identity(FINAL, 1), identity(FINAL, 0, SESSION[::-1])]
    assert len({identity(FINAL), *others}) == 4


def test_no_two_words_begin_at_one_time():
    words = tuple(Word(str(at), at, at + 5, 1.0) for at in (100, 100, 100, 101, 90, 500))
    (heard,) = entity(Heard(True, 100, 600, "x", words), 0, SESSION)["data"]["alternatives"]
    tokens = heard["interpretations"][0]["tokens"]
    assert [token["offset"] for token in tokens] == ["PT0.1S", "PT0.101S", "PT0.102S", "PT0.103S", "PT0.104S", "PT0.5S"]
    assert tokens[4]["duration"] == "PT0S"


@pytest.mark.parametrize(("said", "told"), [(1.0000001, 1.0), (-0.001, 0.0), (0.12345, 0.123), (math.nan, 0.0)])
def test_confidences_are_of_0_to_1(said, told):
    heard = entity(Heard(True, 0, 10, "x", (Word("x", 0, 10, said),)), 0, SESSION)["data"]["alternatives"][0]
    assert heard["confidence"] == heard["interpretations"][0]["tokens"][0]["confidence"] == told


words = st.builds(Word, st.text(max_size=5), st.integers(0, 10_000), st.integers(0, 10_000), st.floats())


@given(
    st.builds(Heard, st.booleans(), st.integers(0, 10_000), st.integers(0, 10_000), st.text(), st.tuples(words, words))
)
def test_any_hypothesis_is_well_formed(heard):
    told = entity(heard, 0, SESSION)["data"]
    json.dumps(told, allow_nan=False)
    (alternative,) = told["alternatives"]
    assert 0 <= alternative["confidence"] <= 1
    tokens = alternative["interpretations"][0].get("tokens", [])
    assert len({token["offset"] for token in tokens}) == len(tokens) == (2 if heard.is_final else 0)
