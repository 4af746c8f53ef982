"""What a service manager gets: a real datagram socket, by path and by abstract name."""

import asyncio
import contextlib
import itertools
import os
import socket
import time

import pytest
from structlog.testing import capture_logs

from engine.notify import Notifier, address_of, status_line, watchdog_period_s
from tests.support.manager import manager
from tests.support.waiting import until

PERIOD_US = 200_000


@pytest.fixture(params=["path", "abstract"])
def told(request, tmp_path):
    with manager(tmp_path, abstract=request.param == "abstract") as listening:
        yield listening


def test_the_law_of_addresses():
    assert address_of("/run/systemd/notify") == "/run/systemd/notify"
    assert address_of("@cueline/1") == "\0cueline/1"
    assert [address_of(name) for name in ("", "vsock:2:1234", "notify.sock")] == [None, None, None]


@pytest.mark.parametrize(
    ("environ", "period_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "42"}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "1.5"}, None),
        ({"WATCHDOG_USEC": "٣"}, None),
        ({}, None),
    ],
)
def test_how_long_the_manager_waits(environ, period_s):
    assert watchdog_period_s(environ, 42) == period_s


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ((), "ready, 7 conversations"),
        (("shards_up", "capacity_left"), "not ready (shards_up, capacity_left), 7 conversations"),
        (("model_loaded", "shards_up"), "starting"),
        (("not_draining", "model_loaded"), "stopping, 7 conversations"),
    ],
)
def test_what_people_read(missing, said):
    names = ("model_loaded", "shards_up", "not_draining", "capacity_left", "state_writable")
    assert status_line({name: name not in missing for name in names}, 7) == said


def test_ready_and_stopping(told):
    notifier = Notifier({"NOTIFY_SOCKET": told.name})
    notifier.ready("ready, 0 conversations")
    notifier.stopping("stopping, 3 conversations", 8.5)
    assert told.messages() == [
        "READY=1\nSTATUS=ready, 0 conversations",
        "STOPPING=1\nSTATUS=stopping, 3 conversations\nEXTEND_TIMEOUT_USEC=18500000",
    ]


async def test_signs_of_life_come_while_the_loop_turns_and_stop_with_it(told):
    conversations = 0
    notifier = Notifier({"NOTIFY_SOCKET": told.name, "WATCHDOG_USEC": str(PERIOD_US), "WATCHDOG_PID": str(os.getpid())})
    alive = asyncio.create_task(notifier.keep_alive(lambda: f"{conversations} conversations"))
    await until(lambda: told.count("WATCHDOG=1\nSTATUS=0 conversations") >= 3)
    conversations = 1
    await until(lambda: told.count("WATCHDOG=1\nSTATUS=1 conversations") >= 1)
    told.messages()
    time.sleep(3 * PERIOD_US / 1e6)  # the loop stands still: a thread would go on telling that all is well
    assert told.messages() == []
    await until(lambda: told.count("WATCHDOG=1\nSTATUS=1 conversations") >= 1)
    alive.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await alive


async def test_signs_of_life_come_twice_in_a_period(told):
    """By the loop's own clock: no two further apart than half a period and what the loop was late."""
    notifier = Notifier({"NOTIFY_SOCKET": told.name, "WATCHDOG_USEC": str(PERIOD_US)})
    loop, sent = asyncio.get_running_loop(), []
    alive = asyncio.create_task(notifier.keep_alive(lambda: sent.append(loop.time()) or ""))
    await until(lambda: len(sent) >= 4)
    alive.cancel()
    assert all(later - earlier >= PERIOD_US / 2e6 * 0.99 for earlier, later in itertools.pairwise(sent))
    assert told.count("WATCHDOG=1\nSTATUS=") == len(sent)


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "1000"}, {"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "1"}]
)
async def test_without_a_manager_nothing_is_sent_and_nobody_waits(environ, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)  # would not be callable
    notifier = Notifier(environ)
    with capture_logs() as lines:
        notifier.ready("x")
        notifier.stopping("x", 1)
        await notifier.keep_alive(lambda: "x")
    assert lines == []


def test_a_manager_that_does_not_listen_harms_nothing_and_is_told_of_once(tmp_path):
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    with capture_logs() as lines:
        for _ in range(3):
            notifier.ready("x")
    assert [line["event"] for line in lines] == ["The service manager could not be told"]


def test_a_manager_that_does_not_read_keeps_nobody_waiting(told):
    """Its queue is full after some hundred messages; the next ones are lost."""
    notifier = Notifier({"NOTIFY_SOCKET": told.name})
    begun = time.monotonic()
    for _ in range(2000):
        notifier.ready("x")
    assert time.monotonic() - begun < 20
    assert 0 < len(told.messages()) < 2000


async def test_what_a_full_queue_did_not_take_is_told_with_the_next_sign_of_life(told):
    """Signs of life fill it while the manager is busy; that the start is done must not be lost among them."""
    notifier = Notifier({"NOTIFY_SOCKET": told.name, "WATCHDOG_USEC": str(PERIOD_US)})
    _fill(notifier)
    notifier.ready("ready, 0 conversations")
    assert told.lines("READY") == []
    alive = asyncio.create_task(notifier.keep_alive(lambda: "ready, 1 conversations"))
    await until(lambda: told.count("WATCHDOG=1\nSTATUS=ready, 1 conversations"))  # one that has nothing else to tell
    alive.cancel()
    assert told.lines("READY") == ["1"]
    assert told.lines("STATUS")[-1] == "ready, 1 conversations"


async def test_a_stop_takes_the_place_of_a_start_that_could_not_be_told(told):
    notifier = Notifier({"NOTIFY_SOCKET": told.name, "WATCHDOG_USEC": str(PERIOD_US)})
    _fill(notifier)
    notifier.ready("ready, 0 conversations")
    notifier.stopping("stopping, 0 conversations", 8.5)
    told.messages()
    alive = asyncio.create_task(notifier.keep_alive(lambda: "later"))
    await until(lambda: told.count("WATCHDOG=1\nSTATUS=later"))
    alive.cancel()
    assert (told.lines("READY"), told.lines("STOPPING")) == ([], ["1"])
    assert told.lines("EXTEND_TIMEOUT_USEC") == ["18500000"]


def _fill(notifier):
    """Nothing goes into its manager's queue any more."""
    with capture_logs() as lines:
        while not lines:
            notifier.alive("")


def test_a_name_too_long_for_a_socket_is_told_of():
    with capture_logs() as lines:
        Notifier({"NOTIFY_SOCKET": "/" + "x" * 200}).ready("x")
    assert lines[0]["event"] == "The service manager could not be told"
