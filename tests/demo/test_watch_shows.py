"""What `cueline watch` prints, on a terminal and in a pipe."""

import time
from io import StringIO

import pytest
from rich.console import Console

from engine.demo.watch_shows import PLAIN_EVERY_S, PlainWatch, TerminalWatch, sentence, watch_show
from engine.demo.watching import Traffic, WatchOptions
from tests.support.demo import MS, delivery

OPTIONS = WatchOptions(calls=6, source="realtime")


def traffic(**changes: object) -> Traffic:
    fixed = {"seconds": 75.0, "live": 5, "placed": 12, "refused": False, "arrived": 31, "wrong": 0, "latest": None}
    return Traffic(**(fixed | changes))


def told(show_of, *, terminal: bool, options: WatchOptions = OPTIONS, console: str = "http://127.0.0.1:8080/") -> str:
    out = StringIO()
    show = show_of(Console(file=out, force_terminal=terminal, width=100, highlight=False))
    show.begun("starting")
    show.done("started")
    show.up(console, options)
    show.traffic(traffic())
    show.close()
    return out.getvalue()


@pytest.mark.parametrize(("show_of", "terminal"), [(TerminalWatch, True), (PlainWatch, False)])
def test_the_address_stands_alone(show_of, terminal):
    out = told(show_of, terminal=terminal)
    assert "http://127.0.0.1:8080/" in out
    assert "cueline top" in out
    assert "--url" not in out
    assert "6 simulated calls at a time, on and on. Ctrl-C ends it and leaves nothing." in out
    assert "5 calls live" in out


def test_another_port_is_told_and_why():
    out = told(PlainWatch, terminal=False, console="http://127.0.0.1:40001/")
    assert "cueline top --url http://127.0.0.1:40001\n" in out.replace(" \n", "\n").replace("  \n", "\n") or (
        "cueline top --url http://127.0.0.1:40001" in out
    )
    assert "(Port 8080 is taken.)" in out
    wanted = WatchOptions(calls=1, source="audiohook", port=40001)
    out = told(PlainWatch, terminal=False, options=wanted, console="http://127.0.0.1:40001/")
    assert "taken" not in out
    assert "1 simulated call at a time, customer and agent apart" in out


def test_a_pipe_gets_a_line_now_and_then():
    out = StringIO()
    show = PlainWatch(Console(file=out, width=140))
    for seconds in (0.0, 1.0, PLAIN_EVERY_S - 0.1, PLAIN_EVERY_S, PLAIN_EVERY_S + 1):
        show.traffic(traffic(seconds=seconds))
    assert [each.split()[0] for each in out.getvalue().splitlines()] == ["0:00", "0:30"]


def test_the_sentence():
    assert sentence(traffic()).plain == "  1:15   5 calls live, 12 so far   31 webhooks arrived"
    latest = delivery("stop recording", received_ms=time.monotonic_ns() // MS - 2500)
    whole = sentence(traffic(live=1, arrived=1, wrong=2, refused=True, latest=latest)).plain
    assert whole == (
        "  1:15   1 call live, 12 so far   1 webhook arrived, 2 not signed as agreed   2 s ago: stop recording"
        "   the engine takes no more calls for now"
    )


def test_without_a_terminal_it_is_plain():
    assert isinstance(watch_show(), PlainWatch)
