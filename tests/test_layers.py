"""The import levels of DESIGN §2, read from the source with `ast`; sizes of files and functions; one home per library."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tools.pure_coverage import PURE

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "engine").rglob("*.py"))

# From the top down: a part may import what stands below it, and itself; never a sibling of its own level. A part is a
# package, or a module with those that share its name's first word.
LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"__main__"}),
    frozenset({"cli"}),
    frozenset({"evaluate", "fleet_cli"}),
    frozenset({"supervisor", "listen", "doctor", "demo", "top"}),
    frozenset({"heard", "model_views", "commands_cli", "discovery", "fleet"}),
    frozenset({"config", "intake", "shards", "commands", "admin", "live", "model_store", "simulator", "live_client"}),
    frozenset({"metrics", "model_manifest", "model_fetch", "model_archive"}),
    frozenset({"speech", "genesys"}),
    frozenset(
        {
            "audio",
            "packets",
            "logs",
            "cgroup",
            "state_file",
            "open_files",
            "addresses",
            "tls",
            "notify",
            "redis_client",
            "interrupts",
        }
    ),
    frozenset({"options", "stats", "errors", "scoring", "retry_after", "__init__"}),
)
PARTS = {  # modules that belong to another's part
    "config_faults": "config", "config_layers": "config", "config_rules": "config", "config_audiohook": "config",
    "config_fleet": "config",
    "doctor_views": "doctor", "doctor_checks": "doctor", "doctor_audiohook": "doctor", "doctor_machine": "doctor",
    "doctor_platform": "doctor", "doctor_effects": "doctor", "doctor_running": "doctor", "shard_metrics": "metrics",
    "audiohook_metrics": "metrics", "command_metrics": "metrics", "fleet_metrics": "metrics",
    "discovery_metrics": "metrics", "fleet_wiring": "supervisor", "reports": "supervisor", "notifications": "supervisor",
    "stopping": "supervisor", "standing": "supervisor", "live_view": "supervisor",
    "listen_cli": "listen", "listen_views": "listen", "timeline": "listen", "timeline_labels": "listen", "demo_cli": "demo",
    "percentiles": "scoring", "watch_cli": "demo", "fleet_demo_cli": "demo", "top_cli": "top",
    "evaluate_cli": "evaluate", "evaluate_views": "evaluate", "evaluated": "evaluate", "proposals": "evaluate", "det": "evaluate",
    "det_points": "evaluate",
    "labels": "evaluate", "label_rows": "evaluate", "state_connection": "state_file", "commands_views": "commands_cli",
    "fleet_views": "fleet_cli", "doctor_fleet": "doctor",
}  # fmt: skip
FORBIDDEN = {  # edges that the levels would allow, but DESIGN §2 does not
    "simulator": {"genesys", "intake", "shards", "commands", "admin", "metrics", "speech", "supervisor", "config"},
    "speech": {"genesys", "packets", "state_file"},
    "audio": {"errors", "logs", "packets", "cgroup"},
}
HOMES = {  # a third-party library's import sites
    "vosk": {"speech/vosk_binding.py"},
    "webrtcvad": {"speech/vad.py"},
    "PureCloudPlatformClientV2": {"genesys/sdk.py", "genesys/sdk_http.py"},
    "urllib3": {"genesys/sdk_http.py"},
    "prometheus_client": {
        "metrics.py",
        "shard_metrics.py",
        "audiohook_metrics.py",
        "command_metrics.py",
        "fleet_metrics.py",
        "discovery_metrics.py",
        "demo/figures.py",
    },  # the demo reads what the engine exposes
    "sqlite3": {"state_file.py", "state_connection.py"},
    "uvloop": {"cli.py", "simulator/cli.py", "simulator/audiohook/cli.py"},
    "http_sf": {"genesys/audiohook/signature.py"},
    "pydantic_settings": {"config_layers.py"},
    "websockets": {
        "intake/realtime_socket.py",
        "intake/direct_connection.py",
        "intake/audiohook_server.py",
        "intake/audiohook_socket.py",
        "discovery/channel.py",
    },
    "soundfile": {"intake/wav_reader.py"},
    "soxr": {"intake/wav_reader.py"},
    "opentelemetry": {"commands/traces.py"},
    "redis": {"redis_client.py"},
    "matplotlib": {"timeline.py", "det.py"},
}
WORLDLY = {
    "asyncio", "socket", "select", "ssl", "selectors", "threading", "multiprocessing", "subprocess", "concurrent", "os", "io",
    "shutil", "tempfile", "mmap", "time", "datetime", "logging", "structlog", "random", "secrets", "signal", "sys",
    "aiohttp", "websockets", "urllib3", "stamina", "prometheus_client",
}  # fmt: skip


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def imports(file: Path) -> Iterator[str]:
    """Full names of all that a file imports, wherever in it; `engine.x.y` for ours."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from names if node.module == "engine" else [str(node.module)]


def part_of(module: str) -> str:
    """The part that a module (`engine.shards.pool`, `engine.config_faults`) belongs to."""
    name = module.split(".")[1] if "." in module else "__init__"
    return "__init__" if name == "__version__" else PARTS.get(name, name)


def level_of(part: str) -> int:
    (level,) = (index for index, parts in enumerate(LEVELS) if part in parts)
    return level


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def edges() -> Iterator[tuple[Path, str, str]]:
    for file in FILES:
        for name in imports(file):
            if name.split(".")[0] == "engine":
                yield file, part_of(name_of(file)), part_of(name)


def test_every_module_has_its_level():
    assert {part_of(name_of(file)) for file in FILES} <= set().union(*LEVELS)


def test_imports_only_go_down():
    wrong = [
        f"{file.relative_to(ROOT)} imports {below}"
        for file, part, below in edges()
        if part != below and level_of(part) >= level_of(below)
    ]
    assert wrong == []


def test_what_should_not_know_of_each_other_does_not():
    wrong = [
        f"{file.relative_to(ROOT)} imports {below}" for file, part, below in edges() if below in FORBIDDEN.get(part, ())
    ]
    assert wrong == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_its_home(library):
    sites = {
        str(file.relative_to(ROOT / "engine"))
        for file in FILES
        if any(name.split(".")[0] == library for name in imports(file))
    }
    assert sites <= HOMES[library]


def test_what_is_printed_is_made_in_views_and_command_lines():
    sites = {
        file.relative_to(ROOT / "engine")
        for file in FILES
        if any(name.split(".")[0] in ("typer", "rich") for name in imports(file))
    }
    for site in sites:
        assert site.stem.endswith(("cli", "_views")) or site.parts[0] == "demo", site


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_know_nothing_of_the_world(module):
    file = ROOT / module
    assert {name.split(".")[0] for name in imports(file)} & WORLDLY == set()
    calls = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call)
    }
    assert (
        calls & {"open", "print", "input", "read_text", "read_bytes", "exists", "is_file", "is_dir", "iterdir"} == set()
    )
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in ast.walk(tree(file)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_sizes(file):
    assert len(file.read_text().splitlines()) <= 250
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 50, f"{node.name}, line {node.lineno}"


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.stat().st_size], ids=lambda file: str(file.relative_to(ROOT))
)
def test_a_file_opens_with_its_theory(file):
    assert ast.get_docstring(tree(file))


def test_the_supervisors_process_holds_neither_decoder_nor_sdk():
    code = "import sys, json, engine.supervisor; print(json.dumps([*sys.modules]))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {name.split(".")[0] for name in json.loads(loaded)}
    assert (
        names
        & {
            "vosk",
            "webrtcvad",
            "PureCloudPlatformClientV2",
            "soundfile",
            "soxr",
            "matplotlib",
            "typer",
            "opentelemetry",
            "redis",
        }
        == set()
    )
    assert "engine.shards.fork_server" not in json.loads(loaded)


def test_a_workers_process_holds_no_network_library():
    code = "import sys, json, engine.shards.fork_server; print(json.dumps([*sys.modules]))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {name.split(".")[0] for name in json.loads(loaded)}
    assert names & {"aiohttp", "websockets", "uvloop", "PureCloudPlatformClientV2", "typer"} == set()
