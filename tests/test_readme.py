"""The README says what is: its tables, its example of a body and its commands are compared with the code."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from engine.cli import app
from engine.commands.command import Command
from engine.config_layers import AUDIOHOOK_KEY, ENVIRONMENT, SECRETS, TARGET_KEYWORD, WEBHOOK_SECRET, WEBHOOK_URL
from engine.metrics import Metrics
from engine.options import RuleOptions
from tests.chaos.kinds import KINDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table_names(pattern: str) -> set[str]:
    """What stands in backquotes in the first cells of the README's tables."""
    cells = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell) if re.fullmatch(pattern, name)}


def console_lines() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def test_every_environment_name_is_in_the_table_and_no_other() -> None:
    wanted = {*ENVIRONMENT, *AUDIOHOOK_KEY, TARGET_KEYWORD, WEBHOOK_URL, WEBHOOK_SECRET}
    assert table_names(r"(GENESYS|CUELINE|VOSK|TARGET|OTEL)_[A-Z_]+") == wanted
    assert all(f"`{name}_FILE`" in README for name in SECRETS)


def test_every_metric_in_the_table_exists_and_the_reference_has_the_rest() -> None:
    types = re.findall(r"^# TYPE (\S+) (\S+)$", Metrics().exposition().decode(), re.MULTILINE)
    exposed = {name for name, _ in types if not name.endswith("_created")}
    assert table_names(r"cueline_\w+") <= exposed
    assert "(docs/metrics.md)" in README


def test_every_rule_option_is_in_the_table() -> None:
    assert table_names(r"[a-z_]+") >= set(RuleOptions.model_fields) - {"name"}


def test_the_example_body_has_the_shape_of_a_real_one() -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])
    data = example["data"]
    fields = {name: data[name] for name in data}
    command = Command(idempotency_key=example["id"], sinks=("webhook",), phrase_end_ns=0, **fields)
    assert command.body() == example


@pytest.mark.parametrize("line", [line for line in console_lines() if line.startswith("make ")])
def test_every_make_target_exists(line: str) -> None:
    target = shlex.split(line)[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("line", [line for line in console_lines() if line.startswith("cueline ")])
def test_every_command_line_is_understood(line: str) -> None:
    group = typer.main.get_group(app)
    name, *arguments = shlex.split(line)[1:]
    command = group.commands[name]
    context = command.make_context(name, arguments)  # parses, runs nothing
    assert not context.args


def test_files_that_are_named_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def guarantees() -> list[str]:
    """The last cells of the guarantee table: what proves each row."""
    section = README.split("## What is guaranteed")[1].split("\n## ")[0]
    return [line.split("|")[6] for line in section.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("proof", guarantees())
def test_what_proves_a_guarantee_exists(proof: str) -> None:
    named = re.findall(r"`(tests/[^`:]+)(?:::(\w+))?`", proof)
    assert named
    for file, test in named:
        assert not test or re.search(
            rf"^(async )?def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE
        ), test
        assert (ROOT / file).is_file(), file


def test_every_kind_of_chaos_proves_a_guarantee_and_no_other_is_named() -> None:
    named = {name for proof in guarantees() for name in re.findall(r"`(\w+)`", proof.partition("chaos")[2])}
    assert named == set(KINDS)
