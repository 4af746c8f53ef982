"""Each check with the good and the bad case; sockets, files and the model are real."""

import asyncio
import io
import json
import resource
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from engine import doctor_views
from engine.commands_views import plain
from engine.doctor import check_admin, check_library, check_model, check_python, examine
from engine.doctor_checks import Check
from engine.doctor_machine import (
    available_bytes,
    check_clock,
    check_files,
    check_memory,
    check_processors,
    check_shared_memory,
    kept_by_a_service,
)
from engine.doctor_platform import check_credentials, judge_account
from engine.errors import PlatformError
from engine.genesys.platform_messages import TokenDescribed
from engine.model_manifest import embedded_model_path
from engine.options import AdminOptions, GenesysOptions, LogSink, ShardOptions, TransferSink

CREDENTIALS = {"GENESYS_CLIENT_ID": "i", "GENESYS_CLIENT_SECRET": "s3cret", "CUELINE_ADMIN_PORT": "0"}
SHARDS = ShardOptions(count=2)
GENESYS = GenesysOptions(
    client_id="i",
    client_secret="s",
    login_url="http://127.0.0.1:1",
    api_url="http://127.0.0.1:1",
    realtime_url="ws://127.0.0.1:1",
)


def by_name(checks: list[Check]) -> dict[str, Check]:
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


async def granted(_: GenesysOptions) -> None:
    """A token, of which nothing more is told."""


async def described(_: GenesysOptions) -> TokenDescribed:
    return TokenDescribed(1, "Org", ("conversation:view",))


async def refused(_: GenesysOptions) -> None:
    raise PlatformError("the login server answered 401", status=401)


async def late(_: GenesysOptions) -> None:
    raise TimeoutError


async def test_all_is_well() -> None:
    checks = by_name(await examine(None, CREDENTIALS, granted))
    del checks["clock"]  # that of the machine that tests; see test_clock
    assert {name: check.verdict for name, check in checks.items() if check.verdict != "ok"} == {}
    assert set(checks) > {
        "python",
        "vosk",
        "model",
        "processors",
        "memory",
        "open files",
        "shared memory",
        "state folder",
        "credentials",
    }
    assert "http" in checks["credentials"].found


async def test_without_credentials_it_only_warns() -> None:
    checks = await examine(None, {"CUELINE_ADMIN_PORT": "0"})
    assert by_name(checks)["credentials"].verdict == "warn"
    assert doctor_views.healthy(checks)


async def test_faults_of_the_configuration_are_told_and_the_rest_still_checked() -> None:
    checks = by_name(await examine(None, CREDENTIALS | {"TARGET_KEYWORD": ",", "GENESYS_REGION": "moon"}))
    assert checks["configuration"].verdict == "fail"
    assert "TARGET_KEYWORD" in checks["configuration"].found
    assert "GENESYS_REGION" in checks["configuration"].found
    assert checks["model"].verdict == "ok"
    assert "s3cret" not in str(checks)


async def test_where_not_even_the_local_part_is_right() -> None:
    checks = await examine(None, {"CUELINE_SHARDS": "0"})
    assert checks[-1].name == "configuration"
    assert not doctor_views.healthy(checks)


@pytest.mark.parametrize(
    ("obtain", "verdict", "words"),
    [
        (None, "ok", "not tried"),
        (granted, "ok", "a token was given"),
        (described, "ok", "for Org; scopes conversation:view"),
        (refused, "fail", "401"),
        (late, "fail", "no answer"),
    ],
)
async def test_credentials(obtain, verdict: str, words: str) -> None:
    check = await check_credentials(GENESYS, [LogSink(name="log")], obtain)
    assert check.verdict == verdict
    assert words in check.found


@pytest.mark.parametrize(
    ("scopes", "acts", "lacks"),
    [
        ((), True, ""),  # not told: the role decides
        (("conversation",), True, ""),
        (("conversation:view",), False, ""),
        (("interaction:read",), False, ""),
        (("conversation:view", "conversation:call"), True, ""),
        (("conversation:view",), True, "conversation:call"),
        (("users:readonly",), False, "conversation:view"),
        (("users:readonly",), True, "conversation:view (in some organisations interaction:read), to follow calls and "),
    ],
)
def test_scopes(scopes, acts: bool, lacks: str) -> None:
    check = judge_account(TokenDescribed(1, "", scopes), "https://login", acts=acts)
    assert (check.verdict == "warn", lacks in check.advice) == (bool(lacks), True)
    assert "role decides" in check.found if not scopes else ", ".join(sorted(scopes)) in check.found


async def test_sinks_that_act_need_more_than_to_look() -> None:
    check = await check_credentials(GENESYS, [TransferSink(name="over", queue_id="q")], described)
    assert (check.verdict, "conversation:call, for the genesys.* sinks" in check.advice) == ("warn", True)


def test_clock() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert check_clock(now, kept=True).verdict == "ok"
    assert check_clock(now, kept=None).verdict == "ok"
    assert "can't be told" in check_clock(now, kept=None).found
    assert "chrony" in check_clock(now, kept=False).advice
    lost = check_clock(datetime(1970, 1, 1, tzinfo=UTC), kept=True)
    assert (lost.verdict, "1970-01-01" in lost.found) == ("fail", True)
    assert kept_by_a_service() in (True, False, None)


def test_python_and_libraries() -> None:
    assert check_python((3, 11)).verdict == "ok"
    assert check_python((3, 10)).verdict == "fail"
    assert check_library("numpy").verdict == "ok"
    missing = check_library("no-such-distribution")
    assert (missing.verdict, missing.found) == ("fail", "not installed")


def test_model(tmp_path: Path) -> None:
    assert check_model(embedded_model_path()).verdict == "ok"
    (tmp_path / "am").mkdir()
    broken = check_model(tmp_path)
    assert broken.verdict == "fail"
    assert "am/final.mdl" in broken.found
    assert check_model(tmp_path / "nothing").verdict == "fail"


def test_processors_and_shards() -> None:
    assert check_processors(4, 4).verdict == "ok"
    few = check_processors(2, 8)
    assert (few.verdict, "CUELINE_SHARDS to 2" in few.advice) == ("warn", True)
    assert check_processors(2, 2, 2.5).verdict == "ok"
    throttled = check_processors(1, 1, 0.5)  # at least one is always counted
    assert (throttled.verdict, "the control group allows 0.5" in throttled.found) == ("warn", True)


def test_memory(tmp_path: Path) -> None:
    assert check_memory(8 << 30, embedded_model_path(), SHARDS, 60).verdict == "ok"
    assert check_memory(100 << 20, embedded_model_path(), SHARDS, 60).verdict == "warn"
    needed_mb = [
        int(check_memory(8 << 30, embedded_model_path(), SHARDS, calls).found.split()[-3])
        for calls in (0, 100, 100_000)
    ]
    assert needed_mb[1] - needed_mb[0] == pytest.approx(16.8, abs=1)  # 200 rings of 256 frames of 328 bytes
    assert needed_mb[2] - needed_mb[0] == pytest.approx(2 * 512 * 256 * 328 / 1e6, abs=1)
    limited = check_memory(100 << 20, embedded_model_path(), SHARDS, 60, limit=100_000_000)
    assert "the control group's limit is 100 MB" in limited.found
    (tmp_path / "memory.max").write_text("1048576\n")
    assert available_bytes(tmp_path, "0::/\n") == 1_048_576
    assert available_bytes(tmp_path / "none", "0::/\n") > 1_048_576


@pytest.mark.parametrize(
    ("soft", "hard", "verdict", "advice"),
    [
        (1024, 4096, "ok", ""),
        (256, 4096, "ok", ""),  # raised at the start
        (256, 256, "fail", "raise the hard limit (ulimit -Hn 280); 52 calls fit now"),
        (64, 256, "fail", "raise the hard limit (ulimit -Hn 280); 52 calls fit now"),
        (256, resource.RLIM_INFINITY, "ok", ""),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, "ok", ""),
    ],
)
def test_open_files(soft: int, hard: int, verdict: str, advice: str) -> None:
    check = check_files(soft, hard, 60)
    assert (check.verdict, check.advice) == (verdict, advice)


def test_shared_memory() -> None:
    assert check_shared_memory(SHARDS).verdict == "ok"


def test_admin_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = check_admin(AdminOptions(port=port))
    assert check.verdict == "fail"
    assert f"CUELINE_ADMIN_PORT = {port}: in use already" in check.advice
    assert check_admin(AdminOptions(port=port)).verdict == "ok"
    assert check_admin(AdminOptions(host="203.0.113.1", port=0, token="t" * 16)).verdict == "fail"
    open_to_all = check_admin(AdminOptions(host="0.0.0.0", port=0, token="t" * 16))
    assert (open_to_all.verdict, "in clear" in open_to_all.advice) == ("warn", True)
    no_cert = check_admin(AdminOptions(port=0, tls_cert="/no/such.pem", tls_key="/no/such.key"))
    assert no_cert.verdict == "fail"
    assert "CUELINE_ADMIN_TLS_CERT = /no/such.pem: can't be read" in no_cert.advice


CHECKS = [
    Check("a", "ok", "x"),
    Check("b", "warn", "y", "z"),
    Check("PureCloudPlatformClientV2", "fail", "[red]literal", " ".join(f"CUELINE_{n}_SETTING" for n in range(20))),
]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_at_any_width_no_word_is_broken(width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(doctor_views.shown(CHECKS, width))
    text = console.export_text()
    words = {"warning", "[red]literal", *CHECKS[2].advice.split()}
    assert all(word in text for word in words), text
    assert "PureCloudPlatformClientV2" in text
    assert max(map(len, text.splitlines())) <= width


def test_in_a_pipe_no_line_is_broken() -> None:
    lines = plain(doctor_views.shown(CHECKS)).splitlines()
    assert lines[:3] == ["ok       a: x", "warning  b: y", "         → z"]
    assert lines[4] == f"         → {CHECKS[2].advice}"


def test_rows() -> None:
    assert json.loads(json.dumps(doctor_views.rows(CHECKS)))[1] == {
        "name": "b",
        "verdict": "warn",
        "found": "y",
        "advice": "z",
    }


def test_examining_takes_no_event_loop_of_its_own() -> None:
    assert asyncio.run(examine(None, {"CUELINE_ADMIN_PORT": "0"}))
