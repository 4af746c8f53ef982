"""The callable is somebody else's: whatever it does costs its rule at most."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine.errors import ConfigError
from engine.speech.intents import load_entry_point

MODULE = """
WORDS = "not callable"

class Intents:
    @staticmethod
    def refund(text):
        return "refund" if "money" in text else None

def raises(text):
    raise ValueError("said: " + text)

def wrong(text):
    return {"a": 1, "b": 0, "c": "", "d": True, "e": b"bytes"}[text]
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cueline_test_intents.py").write_text(MODULE)
    (tmp_path / "cueline_test_broken.py").write_text("1 / 0")
    (tmp_path / "cueline_test_syntax.py").write_text("def (:")
    monkeypatch.syspath_prepend(tmp_path)


def test_what_it_returns_is_what_was_meant() -> None:
    meant = load_entry_point("cueline_test_intents:Intents.refund")
    assert meant("i want my money back") == "refund"
    assert meant("hello") is None


def test_what_it_raises_is_logged_without_the_words() -> None:
    meant = load_entry_point("cueline_test_intents:raises")
    with capture_logs() as logs:
        assert meant("my secret") is None
    assert [(line["event"], line["error"]) for line in logs] == [("intent callable failed", "ValueError")]
    assert "secret" not in str(logs)


@pytest.mark.parametrize("text", list("abcde"))
def test_only_a_name_counts(text: str) -> None:
    assert load_entry_point("cueline_test_intents:wrong")(text) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no_such_module:x", "can't be imported"),
        ("cueline_test_intents:nothing", "can't be imported"),
        ("cueline_test_broken:x", "can't be imported .division by zero"),
        ("cueline_test_syntax:x", "can't be imported"),
        ("not a name", "can't be imported"),
        ("cueline_test_intents:WORDS", "not callable"),
    ],
)
def test_what_can_not_be_called_stops_the_start(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        load_entry_point(name)
    assert len(caught.value.faults) == 1
    assert repr(name) in caught.value.faults[0]
