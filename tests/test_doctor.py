"""Each check with the good and the bad case; sockets, files and the model are real."""

import asyncio
import io
import json
import resource
import socket
from pathlib import Path

import pytest
from rich.console import Console

from engine import doctor_views
from engine.doctor import (
    Check,
    available_bytes,
    check_admin,
    check_credentials,
    check_files,
    check_library,
    check_memory,
    check_model,
    check_processors,
    check_python,
    check_shared_memory,
    examine,
)
from engine.errors import PlatformError
from engine.model_manifest import embedded_model_path
from engine.options import AdminOptions, GenesysOptions, ShardOptions

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
    pass


async def refused(_: GenesysOptions) -> None:
    raise PlatformError("the login server answered 401", status=401)


async def late(_: GenesysOptions) -> None:
    raise TimeoutError


async def test_all_is_well() -> None:
    checks = by_name(await examine(None, CREDENTIALS, granted))
    assert {name: check.verdict for name, check in checks.items() if check.verdict != "ok"} == {}
    assert set(checks) > {
        "python",
        "vosk",
        "model",
        "processors",
        "memory",
        "open files",
        "shared memory",
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
        (refused, "fail", "401"),
        (late, "fail", "no answer"),
    ],
)
async def test_credentials(obtain, verdict: str, words: str) -> None:
    check = await check_credentials(GENESYS, obtain)
    assert check.verdict == verdict
    assert words in check.found


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


def test_memory(tmp_path: Path) -> None:
    assert check_memory(8 << 30, embedded_model_path(), SHARDS, 60).verdict == "ok"
    assert check_memory(100 << 20, embedded_model_path(), SHARDS, 60).verdict == "warn"
    needed_mb = [
        int(check_memory(8 << 30, embedded_model_path(), SHARDS, calls).found.split()[-3])
        for calls in (0, 100, 100_000)
    ]
    assert needed_mb[1] - needed_mb[0] == pytest.approx(16.8, abs=1)  # 200 rings of 256 frames of 328 bytes
    assert needed_mb[2] - needed_mb[0] == pytest.approx(2 * 512 * 256 * 328 / 1e6, abs=1)
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


def test_views() -> None:
    checks = [Check("a", "ok", "x"), Check("b", "warn", "y", "z"), Check("c", "fail", "[red]literal")]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(doctor_views.table(checks))
    text = console.export_text()
    assert "warning" in text
    assert "[red]literal" in text
    assert json.loads(json.dumps(doctor_views.rows(checks)))[1] == {
        "name": "b",
        "verdict": "warn",
        "found": "y",
        "advice": "z",
    }


def test_examining_takes_no_event_loop_of_its_own() -> None:
    assert asyncio.run(examine(None, {"CUELINE_ADMIN_PORT": "0"}))
