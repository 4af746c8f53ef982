"""What counts as the phrase, in any writing; tests of engine/speech/phrases.py."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.speech.phrases import (
    HeardWord,
    Hypothesis,
    Match,
    SpottingRule,
    heard_phrases,
    normalise,
    rules_on,
    spoken,
)
from tests.support.speech import no_entry_point, rule

WORDS = st.lists(st.sampled_from(["transfer", "me", "merchandise", "trans", "fer", "a", "[unk]"]), max_size=8)


def found(text: str, *phrases: str, **settings: Any) -> list[Match]:
    return SpottingRule.of(rule(*phrases, name="r", **settings), no_entry_point).match(text)


@given(WORDS, st.lists(st.sampled_from(["transfer", "me", "a"]), min_size=1, max_size=3))
def test_a_phrase_is_found_where_its_words_stand_in_a_row(words: list[str], phrase: list[str]) -> None:
    places = [at for at in range(len(words)) if words[at : at + len(phrase)] == phrase]
    matches = found(" ".join(words), " ".join(phrase))
    assert bool(matches) is bool(places)
    for match in matches:
        assert match.first in places
        assert words[match.first : match.last + 1] == phrase


@pytest.mark.parametrize(
    "text", ["transfer merchandise", "untransfer me", "transfer", "me transfer", "transfer-me", ""]
)
def test_whole_words_only(text: str) -> None:
    assert found(text, "transfer me") == []
    assert found(text, "transfer me", match="exact") == []
    assert found(text, "transfer me", match="regex") == []


def test_each_phrase_of_a_rule_counts() -> None:
    assert found("well cancel it", "transfer me", "cancel it") == [Match("cancel it", 1, 2)]
    assert found("cancel it then transfer me", "transfer me", "cancel it") == [
        Match("transfer me", 3, 4),
        Match("cancel it", 0, 1),
    ]


def test_signs_in_a_phrase_mean_themselves() -> None:
    assert found("transfer me", "trans.er m.") == []
    assert found("[unk]", "[unk]") == [Match("[unk]", 0, 0)]


def test_exact_is_the_whole_utterance() -> None:
    assert found("stop recording", "stop recording", match="exact") == [Match("stop recording", 0, 1)]
    assert found("stop recording now", "stop recording", match="exact") == []


@pytest.mark.parametrize(
    ("expression", "text", "match"),
    [
        (r"(talk|speak) to an? (agent|human)", "can i speak to a human now", Match("speak to a human", 2, 5)),
        (r"cancel (\w+ ){0,2}order", "please cancel my order", Match("cancel my order", 1, 3)),
        (r"agent|agents", "two agents", Match("agents", 1, 1)),
        (r"(\w+) \1", "no no", Match("no no", 0, 1)),
        (r"(?i)Transfer", "transfer", Match("transfer", 0, 0)),
        (r"(?s)(?:CANCEL).*", "do cancel all of it", Match("cancel all of it", 1, 4)),
        (r"^help", "help me", Match("help", 0, 0)),
    ],
)
def test_regular_expressions(expression: str, text: str, match: Match) -> None:
    assert found(text, expression, match="regex") == [match]


@pytest.mark.parametrize("expression", ["x*", "()", "(?=help)", "^", r"\b"])
def test_an_expression_that_matches_nothing_at_all_finds_nothing(expression: str) -> None:
    assert found("help me", expression, match="regex") == []
    assert found("", expression, match="regex") == []


def test_no_expression_stops_the_start() -> None:
    with pytest.raises(ConfigError, match=r"'a\(': not a regular expression"):
        found("", "a(", match="regex")


def test_an_entry_point_gets_the_text_and_names_what_was_meant() -> None:
    asked: list[str] = []

    def load(name: str) -> Any:
        assert name == "module:intent"
        return lambda text: asked.append(text) or ("refund" if "money" in text else None)

    match = SpottingRule.of(rule("refund", match="module:intent"), load).match
    assert match("my money back") == [Match("refund", 0, 2)]
    assert match("hello") == []
    assert match("") == [], "nothing said, nothing asked"
    assert asked == ["my money back", "hello"]


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("Transfer  ME!", "transfer me"),
        ("“transfer” me, please.", "transfer me please"),
        ("don’t", "don't"),
        ("ﬁne", "fine"),
        ("cafe\u0301", "café"),
        ("Straße", "STRASSE"),
        ("twenty-one", "twenty-one"),
        ("a - b -- 'c'", "a b 'c'"),
        ("हिन्दी!", "हिन्दी"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("상담원 연결", unicodedata.normalize("NFD", "상담원 연결")),
        ("?!…", ""),
    ],
)
def test_writing_does_not_matter(written: str, same: str) -> None:
    assert normalise(written) == normalise(same)


def test_indic_words_stay_whole() -> None:
    assert normalise("मुझे एजेंट से बात करनी है").split() == ["मुझे", "एजेंट", "से", "बात", "करनी", "है"]


@given(st.text(max_size=30))
def test_normalised_text_is_words_with_single_spaces(text: str) -> None:
    words = normalise(text)
    assert words == " ".join(words.split())
    assert normalise(words) == words
    assert all(any(map(str.isalnum, word)) for word in words.split())


def test_the_grammar_keeps_letters_that_case_folding_would_change() -> None:
    assert spoken("Große Straße!") == "große straße"
    assert normalise("große straße") == "grosse strasse"


def test_a_word_that_normalises_to_several_keeps_its_time_and_confidence() -> None:
    raw = Hypothesis((HeardWord("E.Mail", 500, 0.5), HeardWord("...", 600, 0.1), HeardWord("me", 700, 0.9)), True)
    assert raw.normalised() == Hypothesis(
        (HeardWord("e", 500, 0.5), HeardWord("mail", 500, 0.5), HeardWord("me", 700, 0.9)), True
    )
    assert raw.text == "E.Mail ... me"


def test_rules_of_a_channel() -> None:
    rules = [rule(name, channel=name) for name in ("external", "internal", "any")]
    assert [each.name for each in rules_on(rules, "external")] == ["external", "any"]
    assert [each.name for each in rules_on(rules, "internal")] == ["internal", "any"]


def test_what_goes_into_the_grammar() -> None:
    rules = [
        rule("Transfer me", name="a"),
        rule("stop", name="b", match="exact", hear=("go on",)),
        rule("(talk|speak)", name="c", match="regex", hear=("talk", "speak")),
        rule("refund", name="d", match="module:intent", hear=("my money",)),
    ]
    assert heard_phrases(rules) == {
        "a": ["Transfer me"],
        "b": ["go on", "stop"],
        "c": ["talk", "speak"],
        "d": ["my money"],
    }
