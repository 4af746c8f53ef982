"""`cueline commands` on a state file that an outbox has filled: what it shows, what it changes, what it refuses."""

import json
import re
import time
from contextlib import closing

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.commands.outbox_rows import STATES
from engine.commands_cli import _KINDS, Choice
from engine.options import LogSink
from engine.state_connection import FILE_NAME, connect
from tests.support.commands import GateSink, command, deliveries, opened_outbox
from tests.support.waiting import until

KEYS = [command(number).idempotency_key for number in range(10)]
SECRET_WORDS = ("please", "transfer me", "me now")


@pytest.fixture
async def folder(tmp_path):
    """One command in every state but `sending`, then one that is being sent; command 8 goes to two sinks."""
    sinks = {name: GateSink(LogSink(name=name), idempotent=name != "once") for name in ("out", "once")}
    async with opened_outbox(tmp_path, *sinks.values()) as outbox:
        ends = ("delivered", "failed", "expired", "unknown", "discarded")
        for number, state in enumerate(ends, start=1):
            outbox.put(command(number, ("once",)))
            await until(lambda: list(outbox._boxes.ready_sinks()))
            delivery = outbox.take("once")
            await outbox.begins(delivery)
            outbox.done(delivery, state, f"why {state}")
        outbox.put(command(6, ("once",)))
        await until(lambda: list(outbox._boxes.ready_sinks()))
        await outbox.begins(outbox.take("once"))
        outbox.put(command(7))
        outbox.put(command(8, ("once", "out")))
        await until(lambda: len(deliveries(tmp_path)) == 9)
    return tmp_path


def cueline(folder, *words, **environment):
    environment = {"CUELINE_STATE_DIR": str(folder), "COLUMNS": "200"} | environment
    result = CliRunner().invoke(app, ["commands", *words], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def rows(folder, *words):
    code, out, err = cueline(folder, *words, "--json")
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def state_of(folder, number, sink="once"):
    return deliveries(folder)[KEYS[number], sink][0]


def test_every_state_can_be_asked_for():
    assert {choice.value for choice in Choice} == {*STATES, "pending", "dead", "all"} == set(_KINDS)


async def test_pending_and_dead_are_listed_and_nothing_that_was_said(folder):
    found = rows(folder, "list")
    assert [(row["key"], row["sink"], row["state"]) for row in found] == [
        (KEYS[2], "once", "failed"),
        (KEYS[3], "once", "expired"),
        (KEYS[4], "once", "unknown"),
        (KEYS[6], "once", "sending"),
        (KEYS[7], "out", "waiting"),
        (KEYS[8], "once", "waiting"),
        (KEYS[8], "out", "waiting"),
    ]
    assert (found[0]["attempts"], found[0]["fault"]) == (1, "why failed")
    assert found[0]["created"].endswith("Z")
    code, out, err = cueline(folder, "list")
    assert (code, err) == (0, "")
    assert "7 in all" in out
    assert all(key in out for key in KEYS[2:5])
    assert not [words for words in SECRET_WORDS if words in out + json.dumps(found)]


TERMINAL = {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}  # to rich
LONG = "sink once: recordings.example:8443: connection refused, and more words than a line has room for, to the end"


async def test_at_80_columns_each_key_is_whole_and_the_rest_below_it(folder):
    with closing(connect(folder)) as connection:
        connection.execute("UPDATE deliveries SET fault = ? WHERE key = ?", (LONG, KEYS[3]))
    code, out, err = cueline(folder, "list", COLUMNS="80", **TERMINAL)
    assert (code, err) == (0, "")
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", out).splitlines()]
    below = lines[lines.index(KEYS[2]) + 1]
    assert re.fullmatch(r"  once: failed, 1 attempt, \d+ s old: why failed", below), below
    assert lines[lines.index(KEYS[7]) + 1].startswith("  out: waiting, 0 attempts, ")
    assert all(len(line) <= 80 for line in lines if line not in KEYS)
    begin, end = lines.index(KEYS[3]) + 1, lines.index(KEYS[4])
    assert " ".join(line.strip() for line in lines[begin:end]).endswith(LONG)


async def test_a_wide_terminal_has_a_table_and_a_pipe_whole_lines(folder):
    out = cueline(folder, "list", **TERMINAL)[1]
    assert ("┃" in out, KEYS[2] in out) == (True, True)
    piped = cueline(folder, "list", COLUMNS="80")[1].splitlines()
    assert piped[0].split() == ["key", "sink", "state", "attempts", "age", "fault"]
    (row,) = [line.split() for line in piped if KEYS[2] in line]
    assert (row[:4], row[-2:]) == ([KEYS[2], "once", "failed", "1"], ["why", "failed"])


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--state", "all"), 9),
        (("--state", "dead"), 3),
        (("--state", "pending"), 4),
        (("--state", "delivered", "--state", "discarded"), 2),
        (("--state", "dead", "--state", "failed"), 3),
    ],
)
async def test_states_are_chosen(folder, words, count):
    assert len(rows(folder, "list", *words)) == count


async def test_the_latest_are_shown_and_that_there_are_more(folder):
    code, out, _ = cueline(folder, "list", "--limit", "2")
    assert (code, out.splitlines()[-1]) == (0, "2 of 7 shown")
    assert KEYS[8] in out
    assert KEYS[7] not in out


async def test_show_has_all_of_a_command(folder):
    code, out, err = cueline(folder, "show", KEYS[2])
    assert (code, err) == (0, "")
    assert all(words in out for words in ("please transfer me now", "why failed", "attempts:  1", "conv-1"))
    (once, other) = rows(folder, "show", KEYS[8])
    assert (once["sink"], other["sink"]) == ("once", "out")
    assert once["command"]["text"] == "please transfer me now"


async def test_rows_that_cannot_be_read_are_shown_as_far_as_they_can(folder):
    with closing(connect(folder)) as connection:
        connection.execute("UPDATE commands SET body = '{', created = 9e999 WHERE key = ?", (KEYS[2],))
        connection.execute("DELETE FROM commands WHERE key = ?", (KEYS[3],))
        connection.execute("UPDATE deliveries SET fault = '[red]' WHERE key = ?", (KEYS[4],))
    found = {row["key"]: row for row in rows(folder, "list", "--state", "all")}
    assert (found[KEYS[2]]["created"], found[KEYS[3]]["created"]) == (None, None)
    assert rows(folder, "show", KEYS[2])[0]["command"] == "{"
    assert rows(folder, "show", KEYS[3])[0]["command"] is None
    for key in KEYS[2:4]:
        assert cueline(folder, "show", key)[0] == 0
    assert "[red]" in cueline(folder, "list", "--state", "all")[1]


async def test_dead_letters_wait_again_with_a_fresh_deadline(folder):
    before = time.time()
    assert cueline(folder, "retry", KEYS[2], KEYS[5])[:2] == (0, "2 deliveries wait again\n")
    assert (state_of(folder, 2), state_of(folder, 5)) == ("waiting", "waiting")
    with closing(connect(folder)) as connection:
        kept = connection.execute("SELECT deadline, asked FROM deliveries WHERE key = ?", (KEYS[2],)).fetchone()
    assert before + 59 < kept[0] < time.time() + 61
    assert before <= kept[1] <= time.time()


async def test_what_may_have_happened_needs_force_and_says_why(folder):
    code, out, err = cueline(folder, "retry", KEYS[2], KEYS[4])
    assert (code, out) == (2, "")
    assert f"{KEYS[4]} (once): may have happened already" in err
    assert state_of(folder, 2) == "failed", "nothing was changed"
    assert cueline(folder, "retry", KEYS[4], "--force")[:2] == (0, "1 delivery waits again\n")
    assert state_of(folder, 4) == "waiting"


@pytest.mark.parametrize(
    ("words", "count"), [((), 2), (("--force",), 3), (("--sink", "once"), 2), (("--sink", "out"), 0)]
)
async def test_all_dead_letters_at_once(folder, words, count):
    code, out, _ = cueline(folder, "retry", "--all-dead", *words)
    assert (code, out) == (0, f"{count} deliveries wait again\n" if count else "nothing to do\n")
    assert [state for state, _, _ in deliveries(folder).values()].count("waiting") == 3 + count


async def test_what_waits_and_what_is_dead_can_be_discarded(folder):
    assert cueline(folder, "discard", KEYS[2], KEYS[8], "--sink", "once")[:2] == (0, "2 deliveries are discarded\n")
    assert (state_of(folder, 2), state_of(folder, 8), state_of(folder, 8, "out")) == (
        "discarded",
        "discarded",
        "waiting",
    )
    assert cueline(folder, "discard", KEYS[7])[:2] == (0, "1 delivery is discarded\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "nonsense"), "nonsense: no such command"),
        (("retry", "nonsense", "other"), "other: no such command"),
        (("retry", KEYS[1]), f"{KEYS[1]}: is once: delivered; has to be failed, expired, unknown or discarded"),
        (("retry", KEYS[6]), "is once: sending"),
        (("retry", KEYS[2], "--sink", "out"), "no delivery to out"),
        (("retry", KEYS[2], "nonsense"), "nonsense: no such command"),
        (("retry",), "give either keys or --all-dead"),
        (("retry", KEYS[2], "--all-dead"), "give either keys or --all-dead"),
        (("discard", KEYS[6]), "is once: sending; has to be waiting, failed, expired or unknown"),
        (("discard", KEYS[2], KEYS[1]), "is once: delivered"),
        (("discard",), "KEY"),
        (("list", "--state", "gone"), "gone"),
        (("list", "--limit", "0"), "limit"),
    ],
)
async def test_wrong_input_changes_nothing_and_says_what_is_allowed(folder, words, says):
    before = deliveries(folder)
    code, out, err = cueline(folder, *words)
    assert (code, out) == (2, "")
    assert says in err
    assert deliveries(folder) == before


@pytest.mark.parametrize("words", [("list",), ("show", "k"), ("retry", "--all-dead"), ("discard", "k")])
def test_a_folder_without_a_state_or_with_a_broken_one_is_said(tmp_path, words):
    code, _, err = cueline(tmp_path, *words)
    assert (code, "no engine has run with it" in err) == (2, True)
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    code, _, err = cueline(tmp_path, *words)
    assert (code, "can't be read" in err) == (2, True)


async def test_the_folder_may_stand_in_the_file(folder, tmp_path):
    (tmp_path / "c.toml").write_text(f'state_dir = "{folder}"\n')
    result = CliRunner().invoke(
        app, ["commands", "list", "--config", str(tmp_path / "c.toml")], env={"CUELINE_STATE_DIR": ""}
    )
    assert (result.exit_code, "7 in all" in result.stdout) == (0, True)


async def test_a_running_outbox_takes_up_what_is_retried_and_drops_what_is_discarded(folder):
    sinks = [GateSink(LogSink(name="out")), GateSink(LogSink(name="once"), idempotent=False)]
    async with opened_outbox(folder, *sinks) as outbox:
        await until(lambda: outbox.dead == 4)  # the one that was being sent is unknown now
        assert outbox.pending == 3
        assert cueline(folder, "discard", KEYS[7], KEYS[8])[0] == 0
        await until(lambda: outbox.pending == 0)
        assert cueline(folder, "retry", KEYS[2])[0] == 0
        await until(lambda: outbox.pending == 1)
        assert outbox.take("once").key == KEYS[2]
