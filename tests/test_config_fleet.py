"""The fleet's settings: names of the environment, what is filled in, and faults that never show the address."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.config import load
from engine.errors import ConfigError
from engine.options import EngineOptions, FleetOptions, RedisSink

CREDENTIALS = {"GENESYS_CLIENT_ID": "i", "GENESYS_CLIENT_SECRET": "s"}


def loaded(text: str, folder: Path, **environ: str) -> EngineOptions:
    file = folder / "cueline.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, CREDENTIALS | environ)


def faults(text: str, folder: Path, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(text, folder, **environ)
    return caught.value.faults


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://h:7000/3",
        "rediss://:w@h:1",
        "redis://u:w@[::1]:6379/0",
        "unix:///run/r.sock",
        "redis://h/",
    ],
)
def test_addresses(url):
    assert FleetOptions(redis_url=url).configured


_BEGINNING = "it does not begin with redis://, rediss:// or unix://"
_PORT = "the port is not a number from 1 to 65535"
_DATABASE = "what follows the port is not a database's number"


@pytest.mark.parametrize(
    ("url", "part"),
    [
        *((url, _BEGINNING) for url in ("", "h", "http://h", "redis:h", "unix:run", "hush@h:6379")),
        *((url, "the host is missing") for url in ("redis://", "redis://:6379", "redis://:hush@")),
        *((url, _PORT) for url in ("redis://h:x", "redis://h:0", "redis://h:99999", "redis://u:hu/sh@h:1")),
        *((url, _DATABASE) for url in ("redis://h/a", "redis://h:1/0/1", "redis://h/12345")),
        ("redis://h /0", "there is a space in it"),
        ("unix://", "the path of the socket's file is missing"),
        ("redis://h/0#x", "there is a # in it (in a password: %23)"),
        ("redis://[::1", "the host is none"),
    ],
)
def test_other_addresses_are_refused_by_the_part_that_is_wrong_without_being_shown(url, part):
    with pytest.raises(ValidationError) as caught:
        FleetOptions(redis_url=url)
    assert f"must be an address of a Redis, and {part}: redis://HOST:PORT/DB" in str(caught.value)
    assert "input_value" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_alone_is_the_default(tmp_path):
    fleet = loaded("", tmp_path).fleet
    assert not fleet.configured
    assert fleet.prefix == "{cueline:default}:"
    assert fleet.node, "the machine's name"


def test_names_of_the_environment(tmp_path):
    (tmp_path / "word").write_text("hush\n")
    fleet = loaded(
        "",
        tmp_path,
        CUELINE_REDIS_URL="redis://h:1/2",
        CUELINE_REDIS_PASSWORD_FILE=str(tmp_path / "word"),
        CUELINE_FLEET="blue",
        CUELINE_NODE="n.example-1",
        CUELINE_LEASE_S="3",
        CUELINE_MAX_CALLS="8",
    ).fleet
    assert fleet.redis_url is not None
    assert fleet.redis_password is not None
    assert (fleet.redis_url.get_secret_value(), fleet.redis_password.get_secret_value()) == ("redis://h:1/2", "hush")
    assert (fleet.name, fleet.node, fleet.lease_s, fleet.max_calls) == ("blue", "n.example-1", 3.0, 8)


def test_a_sink_leads_to_the_fleets_redis_unless_it_has_its_own(tmp_path):
    text = '[[sinks]]\nname = "a"\ntype = "redis"\n[[sinks]]\nname = "b"\ntype = "redis"\nurl = "redis://other"\n'
    options = loaded(text, tmp_path, CUELINE_REDIS_URL="redis://h", CUELINE_REDIS_PASSWORD="w", CUELINE_FLEET="blue")
    first, second, *_ = (sink for sink in options.sinks if isinstance(sink, RedisSink))
    assert first.url == options.fleet.redis_url
    assert first.password == options.fleet.redis_password
    assert first.stream == "{cueline:blue}:events"
    assert (second.password, second.stream) == (None, "cueline:events")


def test_a_sink_without_a_redis(tmp_path):
    (line,) = faults('[[sinks]]\nname = "a"\ntype = "redis"\n', tmp_path)
    assert line.startswith("sinks[0].url: not set, and the fleet has none")


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"CUELINE_REDIS_URL": "redis://:hush@h:x"},
            "CUELINE_REDIS_URL = ***: must be an address of a Redis, and the port",
        ),
        ({"CUELINE_REDIS_PASSWORD": "hush"}, "CUELINE_REDIS_PASSWORD = ***: needs fleet.redis_url"),
        ({"CUELINE_LEASE_S": "0.5"}, 'CUELINE_LEASE_S = "0.5": must be a number from 1 to 300'),
        ({"CUELINE_NODE": "a b"}, 'CUELINE_NODE = "a b": must be letters, digits, dots, - and _'),
        ({"CUELINE_MAX_CALLS": "0"}, 'CUELINE_MAX_CALLS = "0": must be a whole number from 1'),
    ],
)
def test_faults(tmp_path, environ, line):
    (found,) = faults("", tmp_path, **environ)
    assert found.startswith(line), found
    assert "hush" not in found
