"""`cueline fleet` before a real Redis: what is printed on a terminal, into a pipe and as JSON, and what may be typed wrongly."""

import asyncio
import io
import json
import os
import pty
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from rich.console import Console
from typer.testing import CliRunner

from engine import fleet_views
from engine.cli import app
from engine.commands_views import plain
from engine.config import load_fleet
from engine.errors import ConfigError
from engine.fleet.overview import overview
from engine.fleet.store import FleetStore
from engine.options import FleetOptions
from tests.support.fleet_view import NOBODY, USUAL, node
from tests.support.redis_server import Redis, redis_fixture, redis_server  # noqa: F401
from tests.support.waiting import until

ROOT = Path(__file__).parents[1]


@pytest.fixture
async def fleet(redis):
    """Two nodes: `a` has two calls and room for six, `b` leads and is full; one call waits."""
    stores = [FleetStore(FleetOptions(redis_url=redis.url, node=name)) for name in ("a", "b")]
    for store in stores:
        await store.begin()
    for number in range(3):
        await stores[0].offer(f"call-{number}", "api")
    assert len(await stores[0].take(2, 0.1)) == 2
    await stores[0].renew([], node("a", 2).status)
    await stores[1].renew([], node("b", 8).status)
    assert await stores[1].lead(10.0)
    yield stores
    for store in stores:
        await store.close()


def cueline(redis: Redis | None, *words, **environment):
    """Exit code, what was printed, what was said of faults."""
    environment |= {"CUELINE_REDIS_URL": redis.url} if redis else {}
    result = CliRunner().invoke(app, ["fleet", *words], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


async def cueline_in_thread(*words, **environment):
    return await asyncio.to_thread(lambda: run_apart(*words, **environment))


def run_apart(*words, **environment):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "engine", "fleet", *words], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


async def test_json_is_the_overview(redis, fleet):
    code, out, err = await cueline_in_thread("--json", CUELINE_REDIS_URL=redis.url)
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["calls"], told["waiting"], told["room"], told["leader"]) == (2, 1, 6, "b")
    assert [(each["node"], each["state"], each["pending"]) for each in told["nodes"]] == [
        ("a", "ready", 2),
        ("b", "full", 0),
    ]


async def test_a_pipe_gets_whole_lines(redis, fleet):
    code, out, err = await cueline_in_thread(CUELINE_REDIS_URL=redis.url)
    assert (code, err) == (0, "")
    first, about, titles, *rows = out.splitlines()
    assert first.startswith("2 nodes follow 2 calls, room for 6 more; 1 call waits for a node, the oldest for ")
    assert about.startswith("fleet default · leader b (epoch ")
    assert titles.split() == [
        "node",
        "state",
        "calls",
        "AudioHook",
        "room",
        "busy",
        "lag",
        "heard",
        "up",
        "for",
        "version",
        "admin",
        "API",
    ]
    assert [row.split()[:5] for row in rows] == [["a", "ready", "2", "of", "8"], ["b", "full,", "leads", "8", "of"]]


async def test_two_fleets_on_one_redis_are_two(redis, fleet):
    code, out, _ = await cueline_in_thread(CUELINE_REDIS_URL=redis.url, CUELINE_FLEET="staging")
    assert (code, out.splitlines()[0]) == (0, "No node is here; nothing waits.")


async def test_it_watches_until_it_is_stopped(redis, fleet):
    code = [sys.executable, "-P", "-m", "engine", "fleet", "--watch", "--json"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CUELINE_REDIS_URL": redis.url}
    process = await asyncio.create_subprocess_exec(*code, cwd=ROOT, env=environment, stdout=-1, stderr=-1)
    first = json.loads(await process.stdout.readline())
    await fleet[0].renew([], node("a", 7).status)
    async with asyncio.timeout(30):
        while json.loads(await process.stdout.readline())["nodes"][0]["calls"] != 7:
            pass
        redis.kill()
        assert b"can't be reached" in await process.stderr.readline()
        redis.start()  # it has forgotten all
        while json.loads(await process.stdout.readline())["nodes"]:
            pass
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 0
    assert first["nodes"][0]["calls"] == 2


async def test_on_a_terminal_it_keeps_the_last_picture_while_redis_is_away(redis, fleet):
    ours, theirs = pty.openpty()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "CUELINE_REDIS_URL": redis.url,
        "TERM": "xterm-256color",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "engine", "fleet", "--watch", cwd=ROOT, env=environment | {"COLUMNS": "100", "LINES": "30"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = bytearray()
    reading = asyncio.get_running_loop()
    reading.add_reader(ours, lambda: shown.extend(os.read(ours, 65536)))
    try:
        await until(lambda: b"2 nodes follow 2 calls" in shown)
        redis.kill()
        await until(lambda: b"what stands below is from" in shown)
        await until(lambda: b"2 nodes follow 2 calls" in bytes(shown).rpartition(b"what stands below is from")[2])
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    finally:
        reading.remove_reader(ours)
        os.close(ours)


def test_no_fleet_is_wrong_input():
    code, out, err = cueline(None, CUELINE_REDIS_URL="")
    assert (code, out) == (2, "")
    assert "CUELINE_REDIS_URL" in err


def test_an_address_that_is_none_is_not_shown():
    code, _, err = cueline(None, CUELINE_REDIS_URL="http://:open-sesame@here")
    assert code == 2
    assert "sesame" not in err
    assert "redis://HOST:PORT/DB" in err


def test_redis_away_is_said_without_the_password(redis):
    address = redis.url.replace("//", "//:open-sesame@")
    redis.kill()
    code, _, err = cueline(None, CUELINE_REDIS_URL=address)
    assert code == 1
    assert f"127.0.0.1:{redis.port}" in err
    assert "sesame" not in err


def test_a_wrong_password(tmp_path):
    with redis_server(tmp_path / "redis", password="open-sesame") as redis:
        code, _, err = cueline(
            None, CUELINE_REDIS_URL=f"redis://127.0.0.1:{redis.port}", CUELINE_REDIS_PASSWORD="shut-sesame"
        )
    assert code == 1
    assert "sesame" not in err


def test_only_what_is_the_fleets_is_looked_at(tmp_path):
    (tmp_path / "it.toml").write_text(
        '[fleet]\nredis_url = "redis://there:1/0"\nname = "two"\n[genesys]\nregion = "nowhere"\n'
    )
    options = load_fleet(tmp_path / "it.toml", {"CUELINE_WEBHOOK_SECRET_FILE": "/not/mine", "CUELINE_FLEET": "three"})
    assert (options.name, options.redis_url.get_secret_value()) == ("three", "redis://there:1/0")
    with pytest.raises(ConfigError, match="CUELINE_LEASE_S"):
        load_fleet(tmp_path / "it.toml", {"CUELINE_LEASE_S": "0"})


@pytest.mark.parametrize(("width", "columns"), [(60, 6), (84, 8), (130, 11), (None, 11)])
def test_as_many_columns_as_the_terminal_has_room_for(width, columns):
    assert len(fleet_views._columns(width)) == columns
    told = overview(USUAL, "default", 10.0)
    console = Console(width=width or 200, record=True, file=io.StringIO())
    console.print(fleet_views.picture(told, width))
    assert all(len(line) <= (width or 200) for line in console.export_text().splitlines())


def test_what_is_not_known_is_a_dash_and_markup_is_text():
    unknown = dict.fromkeys(("state", "calls", "max_calls", "room", "utilization", "lag_s", "version"))
    odd = replace(node("[red]x[/]"), status=orjson.dumps(unknown | {"audiohook": 0, "admin": "[b]"}))
    seen = overview(replace(NOBODY, nodes=(odd,)), "f", 1.0)
    row = plain(fleet_views.picture(seen)).splitlines()[-1]
    assert row.split()[:7] == ["[red]x[/]", "unknown", "–", "0", "–", "–", "–"]
    assert row.endswith("[b]")


def test_concerns_stand_above_the_table():
    told = overview(replace(USUAL, nodes=(node("a", age_s=12),), waiting=1, oldest_s=45.0), "default", 10.0)
    lines = plain(fleet_views.picture(told)).splitlines()
    assert [line[0] for line in lines[2:5]] == ["■", "■", "▲"]
