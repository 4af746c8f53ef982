"""The sentences of the verdict, each from a book that asks for it; who hears what; and what it looks like."""

import io

import orjson
import pytest
from rich.console import Console

from engine.demo.fleet_book import Stretch, book
from engine.demo.fleet_pictures import picture, plain, summary
from engine.demo.fleet_scene import Act, NodeRow
from engine.demo.fleet_shows import JsonFleet, PlainFleet, TerminalFleet, fleet_show
from engine.demo.fleet_simulator import FleetCall
from engine.simulator.call import Sent
from tests.support.fleet_demo import MS, booked, ended, kill, webhook

HEARD = (webhook(10_300),)


def test_the_book_names_nodes_by_their_clients():
    call = FleetCall(
        conversation_id="x",
        name="call-01.wav",
        started_ns=5,
        duration_ms=9,
        sent=(Sent(20, 40, "cueline-simulator.node-1"),),
    )
    (found,) = book([call])
    assert (found.number, found.conversation_id, found.sent) == (1, "x", (Stretch(20, 40, "node-1"),))


def test_who_hears_a_call():
    call = booked((20, 12_000, "a"), (9000, 12_000, "b"))
    assert call.hearers(12_300 * MS) == ("a", "b")
    assert (call.hearers(12_500 * MS), call.unheard_s(12_500 * MS)) == ((), 0.5)
    assert call.unheard_s(12_300 * MS) is None
    assert (booked(begun=False).hearers(0), booked(begun=False).unheard_s(0)) == ((), None)


def test_all_was_well():
    call = booked((20, 5000, "a"), (8000, 30_000, "b"))
    result = ended(call, deliveries=HEARD, killed=(kill("a", 5000),), exit_codes={"b": 0})
    assert result.problems == ()
    assert [each.again_s for each in result.prompt] == [3.0]
    assert result.limit_s == 5.0


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (ended(), "No phrase was said"),
        (ended(booked((20, 30_000, "a"))), "1 phrase lost though their call was followed; the first: 'transfer me' in c-1 at 10.0 s."),
        (ended(booked((20, 30_000, "a")), deliveries=(*HEARD, webhook(10_900))), "1 command delivered a second time: c-1/transfer me/10900."),
        (ended(booked((20, 30_000, "a")), deliveries=(webhook(10_300, signed=False),)), "1 message to the receiver not signed"),
        (ended(booked((20, 30_000, "a")), deliveries=HEARD, unreadable=2), "2 messages to the receiver not signed"),
        (ended(booked((20, 30_000, "a")), booked(begun=False, number=2), deliveries=HEARD), "1 call never followed"),
        (ended(booked((20, 5000, "a"), (10_100, 30_000, "b")), deliveries=HEARD, killed=(kill("a", 5000),)), "c-1 of a was followed again after 5.1 s; 5 s is the limit."),
        (ended(booked((20, 5000, "a")), deliveries=HEARD, killed=(kill("a", 5000),)), "c-1 of a was followed again never"),
        (ended(booked((20, 5000, "a")), deliveries=HEARD, killed=(kill("a", 5000, room=0, relief_ms=9000),)), "c-1 was never taken up though"),
        (ended(booked((20, 5000, "a"), (15_100, 30_000, "b")), deliveries=HEARD, killed=(kill("a", 5000, 0, 9000),)), "c-1 was taken up 6.1 s later though"),
        (ended(booked((20, 5000, "a"), (5200, 30_000, "b")), deliveries=HEARD), "180 ms of c-1 were heard by nobody on its way from a to b."),
        (ended(booked((20, 30_000, "a")), deliveries=HEARD, exit_codes={"a": 3}), "a drained and ended with exit code 3."),
    ],
)  # fmt: skip
def test_what_was_not_well_is_said(result, says):
    assert any(says in problem for problem in result.problems), result.problems
    assert len(result.problems) == 1


def test_who_had_to_wait_for_room_is_measured_from_then():
    calls = [booked((20, 5000, "a"), (again, 30_000, "b"), number=n) for n, again in ((1, 12_000), (2, 8000))]
    heard = (webhook(10_300), webhook(10_300, number=2))
    result = ended(*calls, deliveries=heard, killed=(kill("a", 5000, room=1, relief_ms=11_500),))
    assert [each.conversation_id for each in result.prompt] == ["c-2"]
    assert [result.waited_s(each) for each in result.waited] == [0.5]
    assert result.problems == ()
    early = ended(*calls, deliveries=heard, killed=(kill("a", 5000, room=1, relief_ms=12_500),))
    assert [early.waited_s(each) for each in early.waited] == [0.0]


ROWS = (NodeRow("a", "dead", 2), NodeRow("b", "up", 2, (1, 3)), NodeRow("c", "draining", 2, (2,)))
CALLS = (
    booked((20, 5000, "a"), (8000, 24_900, "b")),
    booked((20, 20_000, "c"), number=2),
    booked(begun=False, number=3),
)
RESULT = ended(
    *CALLS, deliveries=(webhook(10_300), webhook(10_300, number=2), webhook(2000)), killed=(kill("a", 5000, 1),),
    rows=ROWS, late_ms=900, complaints=("b: warning: slow",),
)  # fmt: skip


def shown(*things: object) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(*things)
    return console.file.getvalue()


def test_the_picture_tells_nodes_calls_and_who_is_heard_by_nobody():
    text = shown(picture(RESULT.scene))
    for each in (
        "✗ dead",
        "■■ 2 of 2",
        "■□ 1 of 2",
        "01 03",
        "02 5 s",
        "not begun  ",
        "1 call",
        "2 delivered",
        "0 lost",
    ):
        assert each in text, text
    assert "b [1 3]; c [2]; nobody hears [2]." in shown(plain(RESULT.scene))


def test_the_summary_tells_figures_and_faults():
    text = shown(summary(RESULT))
    for each in (
        "2  phrases spoken",
        "of nothing said",
        "3.0 s at worst; limit 5 s",
        "0.9 s late",
        "✗ 1 call never followed",
        "b: warning: slow",
    ):
        assert each in text, text
    well = ended(
        booked((20, 9000, "a"), (12_000, 30_000, "b"), phrases=(("transfer me", 10_000, 11_000),)),
        booked((20, 9000, "a"), (14_000, 17_000, "b"), (15_000, 30_000, "c"), phrases=(), number=2),
        killed=(kill("a", 9000, 1, 13_500),),
    )  # fmt: skip
    text = shown(summary(well))
    for each in (
        "✓ 1 spoken = 0 delivered + 1 in the gap. Nothing was lost, nothing came twice.",
        "1 inside of it, 0 at its edge",
        "taken 0.5 s after a node with room had come",
        "longest break 0 ms, limit 100; both heard it for 2.0 s",
    ):
        assert each in text, text


def play(show) -> None:
    show.begun("starting")
    show.done("started")
    show.act(Act(1, "a title", "what it shows"))
    show.told("something")
    show.scene(RESULT.scene)
    show.scene(RESULT.scene)
    show.close()
    show.result(RESULT)


@pytest.mark.parametrize(("kind", "terminal"), [(TerminalFleet, True), (PlainFleet, False)])
def test_it_is_told_on_terminals_and_in_pipes(kind, terminal):
    console = Console(file=io.StringIO(), width=140, force_terminal=terminal)
    play(kind(console))
    text = console.file.getvalue()
    for each in ("started", "a title", "what it shows", "0.0 s", "something", "phrases spoken"):
        assert each in text
    if not terminal:
        assert text.count("b [1 3]") == 1  # now and then


def test_it_is_told_in_json(capfdbinary):
    play(JsonFleet())
    lines = [orjson.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["step", "act", "told", "summary"]
    assert lines[-1]["takeovers_s"] == [3.0]
    assert lines[-1]["problems"] == ["1 call never followed though there was room."]


def test_the_show_fits_where_it_is_seen():
    assert isinstance(fleet_show(as_json=True), JsonFleet)
    assert isinstance(fleet_show(as_json=False), PlainFleet)
