import sqlite3
from dataclasses import asdict, replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.command import Command
from engine.commands.outbox_rows import (
    DEAD,
    MAX_BODY,
    PENDING,
    SELECT,
    SETTLED,
    STATES,
    TABLES,
    decoded,
    encoded,
    read_row,
)
from engine.errors import RowError
from tests.support.commands import BASE

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
COMMANDS = st.builds(
    Command,
    idempotency_key=TEXT.filter(bool),
    sinks=st.just(("out",)),
    conversation_id=TEXT.filter(bool),
    channel=st.sampled_from(["external", "internal"]),
    rule=TEXT.filter(bool),
    phrase=TEXT,
    text=TEXT,
    confidence=st.none() | st.floats(0, 2),
    fired_on=st.sampled_from(["partial", "final"]),
    utterance_start_ms=st.integers(0, 2**40),
    phrase_end_ms=st.integers(-500, 2**40),
    audio_position_ms=st.integers(0, 2**40),
    spotted_at=st.just(BASE.spotted_at),
    phrase_end_ns=st.just(0),
)
BODY = encoded(BASE)
ROW = (1, BASE.idempotency_key, "out", "waiting", 0, "", 70.0, 10.0, BODY, 10.0)
NOT_JSON_THAT_WE_MADE = [
    "",
    "{",
    "null",
    "[]",
    '"' * 3,
    "[" * 100_000,
    BODY.replace('"v":1', '"v":2'),
    BODY.replace('"v":1', '"v":"1"'),
    BODY.replace('"v":1,', ""),
    BODY.replace('"external"', '"both"'),
    BODY.replace('"partial"', "null"),
    BODY.replace('"confidence":null', '"confidence":NaN'),
    BODY.replace('"confidence":null', '"confidence":1e999'),
    BODY.replace("1200", '"1200"'),
    BODY.replace("1200", "1200.5"),
    BODY.replace('"rule"', '"roole"'),
    BODY[:-1] + ',"more":1}',
    BODY[:-1] + ',"text":"' + "x" * MAX_BODY + '"}',
    BODY.replace("please", "ple\ud800ase"),
]


@given(COMMANDS)
def test_a_command_comes_back_as_it_was(command):
    assert decoded(command.idempotency_key, "out", encoded(command)) == command


def test_the_body_holds_every_field_of_the_command_but_what_columns_and_clocks_have():
    kept = orjson.loads(BODY)
    assert {**asdict(BASE), "v": 1}.keys() - kept.keys() == {"idempotency_key", "sinks", "phrase_end_ns"}
    assert kept["text"] == BASE.text


@pytest.mark.parametrize("body", NOT_JSON_THAT_WE_MADE, ids=range(len(NOT_JSON_THAT_WE_MADE)))
def test_any_other_body_is_refused(body):
    with pytest.raises(RowError) as caught:
        decoded("key", "out", body)
    assert "transfer me" not in str(caught.value)


@given(st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(repr))
def test_nothing_else_is_raised(body):
    with pytest.raises(RowError):
        decoded("key", "out", body)


def test_a_row_comes_back():
    kept = read_row(ROW)
    assert kept.command == replace(BASE, sinks=("out",))
    assert (kept.number, kept.sink, kept.state, kept.attempts, kept.fault) == (1, "out", "waiting", 0, "")
    assert (kept.deadline, kept.updated, kept.created) == (70.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        (0, -1, "number"),
        (0, True, "number"),
        (1, "", "key or sink"),
        (1, "k" * 1025, "key or sink"),
        (1, None, "key or sink"),
        (2, "", "key or sink"),
        (2, b"out", "key or sink"),
        (3, "gone", "state"),
        (3, None, "state"),
        (3, [], "state"),
        (4, 1.5, "attempts"),
        (5, None, "fault"),
        (6, float("inf"), "time"),
        (6, 70, "time"),
        (7, float("nan"), "time"),
        (8, None, "command is missing"),
        (8, b"{}", "command is missing"),
        (8, "{}", "body can't be read: v: Field required"),
        (9, None, "time"),
    ],
)
def test_a_row_that_is_none_is_refused_and_says_why(column, value, says):
    with pytest.raises(RowError, match=says):
        read_row((*ROW[:column], value, *ROW[column + 1 :]))


@pytest.mark.parametrize("row", [(), ROW[:-1], (*ROW, 1)])
def test_another_number_of_columns_is_refused(row):
    with pytest.raises(RowError, match="columns"):
        read_row(row)


def test_every_state_has_one_kind():
    assert sorted(PENDING + DEAD + SETTLED) == sorted(STATES)


def test_the_tables_are_made_once_and_give_such_rows():
    connection = sqlite3.connect(":memory:")
    for table in (*TABLES, *TABLES):
        connection.execute(table)
    connection.execute("INSERT INTO commands VALUES (1, 'key', ?, 10.0)", (BODY,))
    connection.execute("INSERT INTO deliveries VALUES (1, 'key', 'out', 'waiting', 0, '', 70, 10, NULL)")
    connection.execute("INSERT INTO deliveries VALUES (2, 'lost', 'out', 'waiting', 0, '', 70, 10, NULL)")
    sound, lost = connection.execute(SELECT).fetchall()
    assert read_row(sound).command.text == BASE.text
    with pytest.raises(RowError, match="command is missing"):
        read_row(lost)
