"""Each way to watch, from the set-up to the result."""

import io

import orjson
import pytest
from rich.console import Console

from engine.demo.figures import Reading
from engine.demo.scene import Scene
from engine.demo.shows import JsonShow, PlainShow, Show, TerminalShow, show_for
from tests.support.demo import MS, call, delivery, result

CALLS = (call("a", ("transfer me", 5000)),)


def play(show: Show) -> None:
    show.begun("loading")
    show.done("loaded")
    for now_ms in (1000, 2000, 5400, 5600, 7000):
        deliveries = (delivery(),) if now_ms > 5300 else ()
        show.scene(Scene.of(CALLS, deliveries, Reading(), now_ms * MS))
    show.close()
    show.result(result(CALLS, (delivery(),)))


def console(**settings: object) -> Console:
    return Console(file=io.StringIO(), width=120, height=40, **settings)


def test_on_a_terminal_the_last_picture_stays_above_the_summary():
    screen = console(force_terminal=True, legacy_windows=False, color_system=None)
    play(TerminalShow(screen))
    text = screen.file.getvalue()
    assert "✓ loaded" in text
    assert text.rindex("●") < text.rindex("What was said")
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is back
    assert "nothing else" in text


def test_a_terminal_that_is_interrupted_in_the_set_up_has_its_cursor_back():
    screen = console(force_terminal=True, legacy_windows=False)
    show = TerminalShow(screen)
    show.begun("loading")
    show.close()
    text = screen.file.getvalue()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_plain_lines_are_few():
    screen = console()
    play(PlainShow(screen))
    lines = screen.file.getvalue().splitlines()
    assert lines[:2] == ["loading …", "loaded"]
    assert len([line for line in lines if "call live" in line]) == 2  # at the beginning and five seconds on
    assert "\x1b" not in screen.file.getvalue()


def test_json_tells_each_phrase_once(capfdbinary):
    play(JsonShow())
    lines = [orjson.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["step", "heard", "summary"]
    assert (lines[1]["phrase"], lines[1]["heard_after_ms"]) == ("transfer me", 300.0)
    assert lines[2]["ok"] is True


@pytest.mark.parametrize(("as_json", "kind"), [(True, JsonShow), (False, PlainShow)])
def test_what_stdout_is_decides(as_json, kind, capfd):
    assert isinstance(show_for(as_json=as_json), kind)


def test_a_terminal_shows_the_view_in_motion(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = show_for(as_json=False)
    shown.close()
    assert isinstance(shown, TerminalShow)
