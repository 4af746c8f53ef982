"""Which port the console gets; what is told by the figures. The whole is in tests/e2e/test_watch.py."""

import asyncio
import socket

import pytest

from engine.demo import watching
from engine.demo.watching import WatchOptions, port_for, watch
from engine.errors import ConfigError, DemoError


@pytest.fixture
def usual(monkeypatch):
    """A port that is free for now, in the place of 8080, which somebody may have here."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setattr(watching, "PORT", port)
    return port


def test_the_usual_port_where_it_is_free(usual):
    assert port_for(None) == usual


def test_a_free_one_where_the_usual_is_taken(usual):
    with socket.create_server(("127.0.0.1", usual)):
        assert port_for(None) == 0


def test_the_wanted_one_or_none(usual):
    assert port_for(usual) == usual
    with (
        socket.create_server(("127.0.0.1", usual)),
        pytest.raises(ConfigError, match=rf"--port = {usual}: can't listen there \(Address already in use\)"),
    ):
        port_for(usual)


class Started:
    """In the place of simulator and engine: takes the port that it is told, as another program might, and fails to start."""

    def __init__(self, fails: int) -> None:
        self.ports: list[str] = []
        self.fails = fails
        self.taken: list[socket.socket] = []

    def __call__(self, _words, _phrases, _environ, _show, _hurry, settings, *_more):
        self.ports.append(settings["CUELINE_ADMIN_PORT"])
        if len(self.ports) > self.fails:
            raise asyncio.CancelledError
        if self.fails == 1:
            self.taken.append(socket.create_server(("127.0.0.1", int(self.ports[0]))))
        raise DemoError("it did not start")


@pytest.mark.parametrize(
    ("fails", "wanted", "error", "tries"),
    [(1, False, asyncio.CancelledError, 2), (1, True, DemoError, 1), (9, False, DemoError, 1)],
)
async def test_a_port_that_is_lost_to_another_program_meanwhile(usual, monkeypatch, fails, wanted, error, tries):
    """Tried again with a free one: not where it was asked for, and not where something else was wrong."""
    started = Started(fails)
    monkeypatch.setattr(watching, "staged", started)
    with pytest.raises(error):
        await watch(WatchOptions(1, "realtime", usual if wanted else None), {}, None, asyncio.Event())
    for each in started.taken:
        each.close()
    assert started.ports == [str(usual), "0"][:tries]
