"""docs/logs.md has a row for every sentence of the engine's log, with its levels and fields, and no other."""

import re
from pathlib import Path

import pytest

from tests.support.log_calls import log_calls

PAGE = (Path(__file__).parents[1] / "docs" / "logs.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \|(.*?)\|.*\|$", PAGE, re.MULTILINE)
CALLS = log_calls()
# What every line may have that is logged during a delivery (commands/attempts.py binds them).
BOUND = {"failed, will be tried again": {"sink", "key"}}


def test_every_sentence_has_one_row_and_no_other_is_there() -> None:
    told = [event for event, _, _ in ROWS]
    missing = [
        f"| `{event}` | {', '.join(sorted(said.levels))} | {', '.join(f'`{name}`' for name in sorted(said.fields))} | … |"
        for event, said in CALLS.items()
        if event not in told
    ]
    assert not missing, "docs/logs.md lacks\n" + "\n".join(missing)
    assert sorted(set(told) - set(CALLS)) == [], "logged no more"
    assert len(told) == len(set(told))


@pytest.mark.parametrize(("event", "levels", "cell"), ROWS, ids=[event for event, _, _ in ROWS])
def test_a_row_has_the_levels_and_fields_of_its_calls(event: str, levels: str, cell: str) -> None:
    said = CALLS[event]
    assert set(levels.split(", ")) == said.levels
    fields = set(re.findall(r"`(\w+)`", cell))
    named = said.fields | BOUND.get(event, set())
    assert named <= fields
    assert said.more or fields == named, said.places


def test_what_is_read_is_what_is_logged() -> None:
    """The reader of the source, tried on what is known: a choice of levels, of sentences, a table's values, `**fields`."""
    assert CALLS["conversation left"].levels == {"info", "warning"}
    assert CALLS["AudioHook session was lost"].fields >= {"fault", "message"}
    assert CALLS["AudioHook session was lost"].more
    assert CALLS["conversation is paused"].fields == {"conversation_id", "session_id", "reconnects"}
    assert CALLS["channel failed"].fields == {"ring", "error", "exception"}


def test_nothing_that_a_caller_said_is_a_field() -> None:
    fields = {name for said in CALLS.values() for name in said.fields}
    assert fields & {"text", "phrase", "phrases_said", "transcript", "audio", "token", "secret", "body"} == set()
