"""Marked secrets go in at every place that takes one; no output of any path shows them.

Real commands with `CUELINE_LOG_LEVEL=debug`: wrong configurations and the doctor. A running engine, with a refused login, a
failing webhook and its processes seen from outside, is in `test_silent_logs`.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from engine import options
from engine.config_faults import _SECRET
from engine.config_layers import AUDIOHOOK_KEY, ENVIRONMENT, SECRETS, WEBHOOK_SECRET
from engine.genesys.platform_messages import Configure, platform_codec
from engine.options import GenesysOptions, Options
from tests.support.engine import done

MARK = "hush-hush"
TOKEN = f"{MARK}-admin-token"
CLIENT_SECRET = f"{MARK}-client-secret"
SIGNING_KEY = f"{MARK}-signing-key"
HOOK_SECRET = "hushhushhush"  # base64 has no dash
NOBODY = {
    "GENESYS_LOGIN_URL": f"http://user:{MARK}@127.0.0.1:9/?key={MARK}",
    "GENESYS_API_URL": f"http://user:{MARK}@127.0.0.1:9/?key={MARK}",
    "GENESYS_REALTIME_URL": f"ws://user:{MARK}@127.0.0.1:9/?key={MARK}",
}
MARKED = NOBODY | {
    "GENESYS_CLIENT_ID": "id",
    "GENESYS_CLIENT_SECRET": CLIENT_SECRET,
    "CUELINE_ADMIN_TOKEN": TOKEN,
    "CUELINE_ADMIN_PORT": "0",
    "CUELINE_WEBHOOK_URL": f"http://user:{MARK}@127.0.0.1:9/hooks/{MARK}?key={MARK}",
    "CUELINE_WEBHOOK_SECRET": SIGNING_KEY,
    "CUELINE_AUDIOHOOK_API_KEY": f"{MARK}-api-key",
    "CUELINE_AUDIOHOOK_CLIENT_SECRET": HOOK_SECRET,
    "CUELINE_AUDIOHOOK_PORT": "0",
    "CUELINE_LOG_LEVEL": "debug",
}


def secret_fields() -> Iterator[tuple[type[Options], str]]:
    for _, cls in inspect.getmembers(options, inspect.isclass):
        if issubclass(cls, Options):
            for name, field in cls.model_fields.items():
                if SecretStr in (field.annotation, *get_args(field.annotation)):
                    yield cls, name


def test_every_secret_setting_is_masked_in_faults_and_can_come_from_a_file() -> None:
    found = {name for _, name in secret_fields()}
    found.add("redis_url")  # it may carry a password; its annotation has more than the type
    assert found == {"api_key", "client_secret", "password", "redis_password", "redis_url", "secret", "token"}
    assert found <= set(_SECRET)
    named = {name for name, place in ENVIRONMENT.items() if place[-1] in found} | {WEBHOOK_SECRET}
    named |= {name for name, field in AUDIOHOOK_KEY.items() if field in found}
    assert named == set(SECRETS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"CUELINE_ADMIN_TOKEN": MARK},  # too short
        {"CUELINE_ADMIN_TOKEN": f"{MARK} with spaces in it"},
        {"CUELINE_WEBHOOK_SECRET": f"whsec_{MARK}"},
        {"CUELINE_WEBHOOK_URL": f"htp://user:{MARK}@127.0.0.1/hooks/{MARK}?key={MARK}"},
        {"CUELINE_WEBHOOK_URL": f"http://user:{MARK}@169.254.169.254/hooks/{MARK}?key={MARK}"},
        {"GENESYS_LOGIN_URL": f"htp://user:{MARK}@127.0.0.1/?key={MARK}"},
        {"GENESYS_REALTIME_URL": f"http://user:{MARK}@127.0.0.1/?key={MARK}"},
        {"CUELINE_ADMIN_HOST": "", "CUELINE_SHARDS": "none", "GENESYS_REGION": "moon"},
        {"CUELINE_ADMIN_TLS_CERT": "/no/such.pem"},
        {"CUELINE_ADMIN_TLS_CERT": "/no/such.pem", "CUELINE_ADMIN_TLS_KEY": "/no/such.key"},
        {"VOSK_MODEL_PATH": "/no/such/model"},
        {"CUELINE_AUDIOHOOK_API_KEY": f"{MARK}!"},
        {"CUELINE_AUDIOHOOK_API_KEY": "", "CUELINE_AUDIOHOOK_ORGANIZATION_ID": MARK},
        {"CUELINE_AUDIOHOOK_CLIENT_SECRET": f"{MARK}-client-secret"},
        {"CUELINE_AUDIOHOOK_HOST": "0.0.0.0"},
    ],
    ids="+".join,
)
async def test_a_wrong_configuration(wrong: dict[str, str], tmp_path: Path) -> None:
    environment = MARKED | wrong | {"CUELINE_STATE_DIR": str(tmp_path)}
    for words in (("run",), ("doctor",), ("doctor", "--json")):
        code, out, err = await done(*words, environment=environment, cwd=tmp_path)
        assert code in (1, 2), (words, out, err)
        assert MARK not in out + err, words
        assert HOOK_SECRET not in out + err, words


@pytest.mark.parametrize(
    "keys", [f'"{MARK}"', f'["{MARK}"]', f'{{ api_key = "{MARK}" }}', f'[{{ api_key = ["{MARK}"] }}]']
)
async def test_audiohook_keys_of_a_wrong_type_in_the_file(keys: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(f"[audiohook]\nkeys = {keys}\n")
    code, out, err = await done("run", "--config", "c.toml", cwd=tmp_path)
    assert code == 2
    assert "audiohook.keys" in err
    assert MARK not in out + err


async def test_secrets_of_a_wrong_type_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        f'[genesys]\nclient_id = "a"\nclient_secret = ["{MARK}"]\n[admin]\ntoken = {{ value = "{MARK}" }}\n'
        f'[[sinks]]\nname = "a"\ntype = "webhook"\nurl = "http://127.0.0.1/{MARK}"\nsecret = ["{MARK}"]\nsecrets = "{MARK}"\n'
        f'allow_addresses = ["{MARK}"]\n'
        f'[audiohook]\nkeys = ["{MARK}"]\n'
    )
    code, out, err = await done("run", "--config", "c.toml", cwd=tmp_path)
    assert code == 2
    assert "client_secret" in err
    assert MARK not in (out + err).replace(f'allow_addresses[0] = "{MARK}"', "")


async def test_a_doctor_that_is_content_shows_no_secret_either(tmp_path: Path) -> None:
    for words in (("doctor",), ("doctor", "--json")):
        _, out, err = await done(*words, environment=MARKED, cwd=tmp_path)
        assert "credentials" in out
        assert MARK not in out + err
        assert HOOK_SECRET not in out + err


def test_options_and_messages_show_no_secret_in_any_form() -> None:
    codec = platform_codec()
    genesys = GenesysOptions(
        client_id="i", client_secret=MARK, login_url="http://h", api_url="http://h", realtime_url="ws://h"
    )
    configure = Configure("http://h", "http://h", "i", genesys.client_secret, 1.0)
    crossed = codec.decode(codec.encode(configure))
    assert crossed.client_secret.get_secret_value() == MARK
    for value in (genesys, genesys.model_dump(), genesys.model_dump_json(), configure, crossed):
        assert MARK not in f"{value!r}{value}"


def test_a_message_that_is_none_is_refused_without_its_values() -> None:
    packet = f'["Configure", {{"login_url": 1, "client_secret": "{MARK}", "more": "{MARK}"}}]'.encode()
    with pytest.raises(ValueError, match="not a valid Configure") as caught:
        platform_codec().decode(packet)
    error: Any = caught.value
    while error is not None:
        assert MARK not in str(error)
        error = error.__cause__ or error.__context__


def test_the_source_opens_a_secret_only_where_it_is_used() -> None:
    engine = Path(options.__file__).parents[1]
    sites = {
        str(file.relative_to(engine)): len(re.findall(r"get_secret_value", file.read_text()))
        for file in engine.rglob("*.py")
        if "get_secret_value" in file.read_text() and "simulator" not in file.parts
    }
    assert sites == {
        "admin/guard.py": 1,
        "commands/webhook.py": 1,
        "genesys/audiohook/auth.py": 2,
        "genesys/platform_access.py": 2,
        "options/audiohook.py": 4,
        "options/engine.py": 1,
        "options/fleet.py": 1,
        "packets.py": 1,
        "redis_client.py": 2,
        "top_cli.py": 1,
    }
