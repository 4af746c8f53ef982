"""Names made of phrases."""

import re

from hypothesis import given
from hypothesis import strategies as st

from engine.config import load
from engine.config_rules import slug


def test_slugs() -> None:
    assert slug("transfer me") == "transfer-me"
    assert slug("  Où est l'agent? ") == "ou-est-l-agent"
    assert slug("환불") == ""
    assert len(slug("word " * 40)) <= 56


@given(
    st.lists(
        st.text(st.characters(exclude_characters=",", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60),
        min_size=1,
        max_size=6,
    )
)
def test_every_phrase_gets_a_rule_of_its_own_name(phrases: list[str]) -> None:
    distinct = {" ".join(phrase.casefold().split()): phrase for phrase in phrases}
    distinct.pop("", None)
    if not distinct or len({" ".join(p.split()).casefold() for p in distinct.values()}) != len(distinct):
        return
    environ = {"GENESYS_CLIENT_ID": "i", "GENESYS_CLIENT_SECRET": "s", "TARGET_KEYWORD": ",".join(distinct.values())}
    rules = load(None, environ).rules
    assert [rule.phrases[0] for rule in rules] == [" ".join(phrase.split()) for phrase in distinct.values()]
    names = [rule.name for rule in rules]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name) for name in names)
