"""AudioHook's settings in environment and file, and when Genesys credentials may be missing."""

from pathlib import Path

import pytest

from engine.config import load, load_listening, load_local
from engine.errors import ConfigError
from engine.options import AudioHookOptions, EngineOptions

ORGANIZATION = "d7934305-0972-4844-938e-9060eef73d05"
KEY = {"CUELINE_AUDIOHOOK_API_KEY": "SGVsbG8"}
CREDENTIALS = {"GENESYS_CLIENT_ID": "i", "GENESYS_CLIENT_SECRET": "s"}
TWO_KEYS = f"""
[audiohook]
port = 9443
path = "/from/file"
[[audiohook.keys]]
api_key = "first"
client_secret = "TXlTdXBl"
[[audiohook.keys]]
api_key = "second"
organization_id = "{ORGANIZATION}"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cueline.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(file: Path | None = None, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, environ)
    return caught.value.faults


def keys_of(options: EngineOptions) -> list[tuple[str, str, str | None]]:
    return [
        (key.api_key.get_secret_value(), key.client_secret.get_secret_value(), key.organization_id)
        for key in options.audiohook.keys
    ]


def test_without_a_key_there_is_no_server() -> None:
    assert load(None, CREDENTIALS).audiohook == AudioHookOptions()
    assert AudioHookOptions().keys == ()


def test_every_name_of_the_environment() -> None:
    options = load(
        None,
        {
            "CUELINE_AUDIOHOOK_HOST": "10.0.0.7",
            "CUELINE_AUDIOHOOK_PORT": "443",
            "CUELINE_AUDIOHOOK_PATH": "/hook",
            "CUELINE_AUDIOHOOK_TLS_CERT": "/c.pem",
            "CUELINE_AUDIOHOOK_TLS_KEY": "/k.pem",
            "CUELINE_AUDIOHOOK_AUTHORITY": "voice.example:8443",
            "CUELINE_AUDIOHOOK_PUBLIC_PATH": "/public/hook",
            "CUELINE_AUDIOHOOK_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1,",
            "CUELINE_AUDIOHOOK_API_KEY": "SGVsbG8",
            "CUELINE_AUDIOHOOK_CLIENT_SECRET": "TXlTdXA",
            "CUELINE_AUDIOHOOK_ORGANIZATION_ID": ORGANIZATION,
        },
    )
    hook = options.audiohook
    assert (hook.host, hook.port, hook.path) == ("10.0.0.7", 443, "/hook")
    assert (hook.tls_cert, hook.tls_key) == (Path("/c.pem"), Path("/k.pem"))
    assert (hook.authority, hook.public_path) == ("voice.example:8443", "/public/hook")
    assert [str(network) for network in hook.trusted_proxies] == ["10.0.0.0/8", "192.0.2.1/32"]
    assert keys_of(options) == [("SGVsbG8", "TXlTdXA", ORGANIZATION)]


def test_the_environment_lies_over_the_file_and_its_key_stands_behind_the_files(tmp_path: Path) -> None:
    options = load(written(tmp_path, TWO_KEYS), KEY | {"CUELINE_AUDIOHOOK_PATH": "/from/environment"})
    assert (options.audiohook.port, options.audiohook.path) == (9443, "/from/environment")
    assert keys_of(options) == [("first", "TXlTdXBl", None), ("second", "", ORGANIZATION), ("SGVsbG8", "", None)]


def test_the_secrets_may_lie_in_files(tmp_path: Path) -> None:
    for name, text in (("api", "from-file\n"), ("secret", "TXlTdXBl\n")):
        (tmp_path / name).write_text(text)
    environ = {
        "CUELINE_AUDIOHOOK_API_KEY_FILE": str(tmp_path / "api"),
        "CUELINE_AUDIOHOOK_CLIENT_SECRET_FILE": str(tmp_path / "secret"),
    }
    assert keys_of(load(None, environ)) == [("from-file", "TXlTdXBl", None)]


def test_a_key_file_that_cannot_be_read_is_the_only_fault_of_the_key(tmp_path: Path) -> None:
    environ = {"CUELINE_AUDIOHOOK_API_KEY_FILE": "/nowhere/x", "CUELINE_AUDIOHOOK_CLIENT_SECRET": "TXlTdXBl"}
    (line,) = faults(**environ, **CREDENTIALS)
    assert line.startswith('CUELINE_AUDIOHOOK_API_KEY_FILE = "/nowhere/x": can\'t be read')


@pytest.mark.parametrize(
    ("file", "environ", "expected"),
    [
        ("", {"CUELINE_AUDIOHOOK_CLIENT_SECRET": "TXlTdXBl"}, "CUELINE_AUDIOHOOK_API_KEY: not set, but needed with CUELIN"),
        ("", {"CUELINE_AUDIOHOOK_API_KEY": "hush hush"}, "CUELINE_AUDIOHOOK_API_KEY = ***: must be of the characters A-Z"),
        ("", KEY | {"CUELINE_AUDIOHOOK_CLIENT_SECRET": "hush!"}, "CUELINE_AUDIOHOOK_CLIENT_SECRET = ***: must be base64"),
        (
            "",
            KEY | {"CUELINE_AUDIOHOOK_ORGANIZATION_ID": "acme"},
            'CUELINE_AUDIOHOOK_ORGANIZATION_ID = "acme": must be an id as Genesys Cloud shows it',
        ),
        ("", KEY | {"CUELINE_AUDIOHOOK_HOST": "0.0.0.0"}, "audiohook: CUELINE_AUDIOHOOK_HOST = 0.0.0.0 can be reached"),
        ("", KEY | {"CUELINE_AUDIOHOOK_TLS_CERT": "/c"}, "audiohook: CUELINE_AUDIOHOOK_TLS_CERT and CUELINE_AUDIOHOOK_TLS_KE"),
        ("", KEY | {"CUELINE_AUDIOHOOK_PORT": "70000"}, 'CUELINE_AUDIOHOOK_PORT = "70000": must be a whole number from 0'),
        ("", KEY | {"CUELINE_AUDIOHOOK_PATH": "ws"}, 'CUELINE_AUDIOHOOK_PATH = "ws": must be a path that begins with /'),
        ("", KEY | {"CUELINE_AUDIOHOOK_AUTHORITY": "https://h/"}, 'CUELINE_AUDIOHOOK_AUTHORITY = "https://h/": must be a host'),
        ("", KEY | {"CUELINE_AUDIOHOOK_TRUSTED_PROXIES": "lb"}, 'CUELINE_AUDIOHOOK_TRUSTED_PROXIES = "lb": '),
        ("[[audiohook.keys]]\nclient_secret = 'hush'\n", {}, "audiohook.keys[0].api_key: not set. The integration's API key"),
        ("[[audiohook.keys]]\napi_key = 7\n", {}, "audiohook.keys[0].api_key = ***: must be a valid string"),
        ("[[audiohook.keys]]\napi_key = 'a'\nkey = 'hush'\n", {}, "audiohook.keys[0].key: unknown setting; did you mean api_key?"),
        ("audiohook.keys = 'hush'\n", KEY, "audiohook.keys = ***: must be a list"),
        ("audiohook.keys = ['hush']\n", {}, "audiohook.keys[0] = ***: must be a table"),
        ("audiohook = 4\n", KEY, "audiohook = 4: must be a table"),
        ("[[audiohook.keys]]\napi_key = 'SGVsbG8'\n", KEY, "audiohook: two keys have the same api_key"),
        ("audiohook.languages = ['english please']\n", KEY, 'audiohook.languages[0] = "english please": must be a language'),
    ],
)  # fmt: skip
def test_each_fault_is_one_line_without_secrets(
    tmp_path: Path, file: str, environ: dict[str, str], expected: str
) -> None:
    (line,) = faults(written(tmp_path, file), **environ, **CREDENTIALS)
    assert line.startswith(expected)
    assert "hush" not in line


def test_with_a_key_credentials_are_not_needed() -> None:
    options = load(None, KEY)
    assert options.genesys.credentials is None
    assert load(None, KEY | CREDENTIALS).genesys.credentials is not None


TRANSFER = '[[sinks]]\nname = "t"\ntype = "genesys.transfer"\nqueue_id = "q"\n'


@pytest.mark.parametrize(
    ("file", "environ", "needed"),
    [
        ("", {}, "Needed: calls come without them only by AudioHook, and CUELINE_AUDIOHOOK_API_KEY is not set."),
        ("", KEY | {"GENESYS_CONVERSATION_ID": "a"}, "Needed: GENESYS_CONVERSATION_ID names conversations to follow."),
        (TRANSFER, KEY, "Needed: a sink is of type genesys.transfer."),
        (
            TRANSFER,
            KEY | {"GENESYS_CONVERSATION_ID": "a"},
            "Needed: GENESYS_CONVERSATION_ID names conversations to follow; a sink is of type genesys.transfer.",
        ),
    ],
)
def test_where_they_are_needed_the_fault_says_for_what(
    tmp_path: Path, file: str, environ: dict[str, str], needed: str
) -> None:
    first, second = faults(written(tmp_path, file), **environ)
    assert first.startswith("GENESYS_CLIENT_ID: not set. OAuth client id (client credentials grant). Needed: ")
    assert second.startswith("GENESYS_CLIENT_SECRET: not set.")
    assert needed in first
    assert needed in second


def test_a_key_that_was_meant_and_can_not_be_read_is_the_only_fault() -> None:
    (line,) = faults(CUELINE_AUDIOHOOK_API_KEY_FILE="/nowhere/x")
    assert line.startswith("CUELINE_AUDIOHOOK_API_KEY_FILE")
    (line,) = faults(CUELINE_AUDIOHOOK_CLIENT_SECRET="TXlTdXBl")
    assert line.startswith("CUELINE_AUDIOHOOK_API_KEY: not set")


@pytest.mark.parametrize(("name", "other"), [tuple(CREDENTIALS), tuple(CREDENTIALS)[::-1]])
def test_one_of_the_two_needs_the_other(name: str, other: str) -> None:
    (line,) = faults(**KEY, **{name: "x"})
    assert line.startswith(f"{other}: not set.")
    assert f"Needed: {name} is set." in line


def test_what_needs_no_platform_reads_the_audiohook_part_too(tmp_path: Path) -> None:
    assert len(load_local(written(tmp_path, TWO_KEYS), KEY).audiohook.keys) == 3
    with pytest.raises(ConfigError, match="API_KEY: not set"):
        load_local(None, {"CUELINE_AUDIOHOOK_CLIENT_SECRET": "TXlTdXBl"})
    assert load_listening(None, {"CUELINE_AUDIOHOOK_CLIENT_SECRET": "TXlTdXBl"}).rules, "listening has no part in it"
