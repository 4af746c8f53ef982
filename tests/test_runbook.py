"""What docs/runbook.md has an operator type: each `cueline …` is one that the command line takes, each `curl …` is answered."""

import asyncio
import os
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from engine.cli import app
from tests.support.engine import ROOT
from tests.support.following import running
from tests.support.programs import program

RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```console\n(.*?)^```$", RUNBOOK, re.MULTILINE | re.DOTALL)
QUOTED = [
    *(line for block in FENCED for line in block.splitlines()),
    *re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", RUNBOOK, flags=re.MULTILINE | re.DOTALL)),
]
COMMAND = re.compile(r"^(?:.* )?(?:\S*/)?cueline (?=\w)")  # `docker compose exec cueline cueline …` is one, too
COMMANDS = [line for line in QUOTED if COMMAND.match(line)]
VARIANTS = sorted({said for line in COMMANDS for said in (re.sub(r" ?\[.*?\]", "", line), re.sub(r"[\[\]]", "", line))})
TOKEN = "a token of the tests".replace(" ", "-")


def parsed(words: list[str]) -> None:
    """Go down to the command and let it read its words; UsageError where it would not run with them. Nothing is run."""
    command, name = typer.main.get_command(app), "cueline"
    context = None
    while isinstance(command, typer.core.TyperGroup):
        context = command.make_context(name, [*words], parent=context)
        if not words and command.invoke_without_command:
            return
        name, command, words = command.resolve_command(context, words)
        assert command is not None
    if words != ["--help"]:
        command.make_context(name, [*words], parent=context)


@pytest.mark.parametrize("line", VARIANTS)
def test_the_command_line_takes_it(line: str, tmp_path: Path) -> None:
    words = shlex.split(COMMAND.sub("", line))
    parsed(words)
    if words[0] == "commands":  # what it has to have, and what goes together, is judged before the folder is opened
        said = CliRunner().invoke(app, words, env={"CUELINE_STATE_DIR": str(tmp_path)})
        assert "no engine has run with it" in said.stderr, said.stderr


def test_the_tests_eye_sees_what_is_wrong() -> None:
    assert len(VARIANTS) >= 8
    for wrong in (["models", "verify"], ["doctor", "--no-such"], ["commands", "gone"], ["commands", "discard"]):
        with pytest.raises((Exception, SystemExit), match=r"Missing parameter|[Nn]o such"):
            parsed(wrong)


async def bash(script: str, environment: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        program("bash"), "-euc", script, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_the_requests_can_be_pasted(tmp_path: Path) -> None:
    """In order of the page, each with its status: who it is, what it asks, and how the body is written are taken."""
    program("curl")
    exported, *fenced = [line for block in FENCED for line in block.splitlines()]
    inline = [line for line in QUOTED if line.startswith("curl ") and line not in fenced]
    environment = {
        "CUELINE_ADMIN_TOKEN": TOKEN,
        "CUELINE_AUDIOHOOK_API_KEY": "key",
        "CUELINE_AUDIOHOOK_PORT": "0",
        "CUELINE_SHARDS": "1",
    }
    async with running(environment, tmp_path, token=TOKEN) as engine:
        here = exported.replace("http://127.0.0.1:8080", str(engine.http._base_url).rstrip("/"))
        assert here != exported
        asked = [line.replace("curl ", f"curl -o {tmp_path}/body -w '%{{http_code}}\\n' ") for line in inline + fenced]
        code, out = await bash("\n".join([here, *asked]), {"CUELINE_ADMIN_TOKEN": TOKEN})
    # /readyz, /healthz, the list; DELETE of what is not followed; POST where no credentials are set
    assert (code, out.split()) == (0, ["200", "200", "200", "404", "409"])
