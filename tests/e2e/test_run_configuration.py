"""A wrong configuration stops `cueline run` with code 2 and one telling line per fault; a wrong surrounding does not stop it."""

import shutil
import socket

import pytest

from tests.support.engine import done
from tests.support.following import QUICK, running
from tests.support.shards import MODEL, recording
from tests.support.strange_cloud import Line, strange_cloud

WELL = {"GENESYS_CLIENT_ID": "id", "GENESYS_CLIENT_SECRET": "s3cret", "CUELINE_ADMIN_PORT": "0"}
TWO_RULES = """[[rules]]
name = "same"
phrases = ["transfer me"]
[[rules]]
name = "same"
phrases = ["stop recording"]
"""


async def refused(tmp_path, config=None, **environment):
    """Start it; return the lines that it ends with."""
    words = ("run",)
    if config is not None:
        (tmp_path / "cueline.toml").write_text(config)
        words = ("run", "--config", "cueline.toml")
    settings = {name: text for name, text in (WELL | environment).items() if text is not None}
    code, out, err = await done(*words, environment=settings, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "s3cret" not in err
    said = [line for line in err.splitlines() if not line.startswith("{")]
    assert all(line.startswith(("cueline: ", "ERROR (VoskAPI")) for line in said), err
    return said


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (
            {"GENESYS_CLIENT_ID": None, "GENESYS_CLIENT_SECRET": None},
            ["GENESYS_CLIENT_ID: not set", "GENESYS_CLIENT_SECRET: not set"],
        ),
        (
            {
                "GENESYS_REGION": "mars",
                "CUELINE_SHARDS": "many",
                "CUELINE_ADMIN_PORT": "99999",
                "GENESYS_CONVERSATION_ID": "a,b c",
            },
            ["unknown region", "CUELINE_SHARDS", "CUELINE_ADMIN_PORT", "GENESYS_CONVERSATION_ID"],
        ),
        ({"TARGET_KEYWORD": " , "}, ['TARGET_KEYWORD = ",": holds no phrase']),
        ({"TARGET_KEYWORD": "transfer me,flibbertigibbet now"}, ["flibbertigibbet"]),
        ({"VOSK_MODEL_PATH": "/nowhere/model"}, ["/nowhere/model"]),
        ({"CUELINE_WEBHOOK_URL": "hooks.example"}, ["CUELINE_WEBHOOK_URL"]),
        (
            {"CUELINE_WEBHOOK_URL": "http://127.0.0.1:1/", "CUELINE_WEBHOOK_SECRET": "whsec_s3cret!"},
            ["whsec_ followed by base64"],
        ),
    ],
    ids=lambda value: "" if isinstance(value, list) else "+".join(value),
)
async def test_a_wrong_environment_is_refused_with_a_line_per_fault(tmp_path, environment, words):
    said = await refused(tmp_path, **environment)
    assert len(said) == len(words), said
    for word in words:
        assert sum(word in line for line in said) == 1, (word, said)


@pytest.mark.parametrize(
    ("config", "word"),
    [(TWO_RULES, "rules[0] has this name too"), ("rules = []\n", "nothing to hear"), ("[genesys\n", "not valid TOML")],
)
async def test_a_wrong_file_is_refused(tmp_path, config, word):
    (line,) = await refused(tmp_path, config)
    assert word in line


async def test_a_port_in_use_is_refused_and_all_that_had_begun_is_ended(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (line,) = await refused(tmp_path, CUELINE_ADMIN_PORT=str(port))
    assert f"CUELINE_ADMIN_PORT = {port}: in use already" in line


def empty(_folder):
    """Nothing in it."""


def wrong(folder):
    (folder / "conf").mkdir()
    (folder / "conf/model.conf").write_text("--sample-frequency=8000\n")
    (folder / "readme.txt").write_text("not a model")


def cut(folder):
    shutil.copytree(MODEL, folder, dirs_exist_ok=True)
    network = folder / "am/final.mdl"
    network.write_bytes(network.read_bytes()[: network.stat().st_size // 2])


def without_words(folder):
    shutil.copytree(MODEL, folder, dirs_exist_ok=True)
    for path in (folder / "graph").rglob("words.txt"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (empty, "the folder is empty"),
        (wrong, "am/final.mdl"),
        (cut, "broken or truncated"),
        (without_words, "words.txt"),
    ],
)
async def test_a_model_that_is_none_is_refused_and_the_part_is_named(tmp_path, spoil, word):
    folder = tmp_path / "model"
    folder.mkdir()
    spoil(folder)
    said = "\n".join(await refused(tmp_path, VOSK_MODEL_PATH=str(folder)))
    assert word in said


async def test_wrong_credentials_fail_the_conversation_not_the_engine(tmp_path):
    async with strange_cloud({"a": Line(b""), "b": Line(b"")}) as cloud:
        environment = cloud.environment | {"GENESYS_CLIENT_SECRET": "s3cret-but-wrong"}
        async with running(environment, tmp_path, QUICK) as engine:
            for name in cloud.lines:
                info = await engine.comes_to(name, "failed")
                assert info["reason"] == "unauthorized"
                assert "GENESYS_CLIENT_ID" in info["message"]
            line = await engine.command.says("conversation left", conversation_id="a")
            assert (line["level"], line["message"]) == ("warning", info["message"])
            assert (await engine.ask("GET", "/readyz"))[0] == 200
            assert "s3cret-but-wrong" not in "\n".join(engine.command.err)
        assert cloud.counts["login"] <= 4


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("GENESYS_LOGIN_URL", "http://127.0.0.1:9"),
        ("GENESYS_API_URL", "http://nowhere.invalid"),
        ("GENESYS_REALTIME_URL", "ws://127.0.0.1:9/"),
    ],
)
async def test_hosts_that_cannot_be_reached_are_tried_again_then_named(tmp_path, name, address):
    line = Line(recording(1).pcm[:16000])
    config = "[genesys]\nrequest_timeout_s = 1.0\nreconnect_tries = 2\nreconnect_base_s = 0.1\n"
    async with strange_cloud({"a": line}) as cloud:
        environment = cloud.environment | {name: address}
        async with running(environment, tmp_path, config) as engine:
            info = await engine.comes_to("a", "failed", timeout_s=60)
            assert info["reason"] == "unreachable"
            assert info["message"].startswith("given up: ")
            assert name in info["message"] or "GENESYS_*_URL" in info["message"]
            assert engine.command.logged("conversation is tried again", reason="unreachable")
            assert (await engine.ask("GET", "/readyz"))[0] == 200
