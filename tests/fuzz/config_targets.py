"""What people write: the configuration's file and environment, model manifest, signing secrets, the simulator's faults."""

import contextlib
import ipaddress
import socket
from pathlib import Path

from pydantic import ValidationError

from engine import config
from engine.commands.signing import signed_headers, signing_key
from engine.commands.targets import stays_inside
from engine.commands.webhook import _url_of
from engine.config_faults import MOST_CHARACTERS
from engine.config_layers import AUDIOHOOK_KEY, ENVIRONMENT, SECRETS, TARGET_KEYWORD, WEBHOOK_SECRET, WEBHOOK_URL
from engine.errors import ConfigError, ModelError
from engine.model_manifest import load_manifest
from engine.options import WebhookSink
from engine.simulator.faults import FAULTS, parse_fault
from tests.fuzz.target import Target, scratch

ROOT = Path(__file__).resolve().parents[2]
CLIENT = {"GENESYS_CLIENT_ID": "fuzz", "GENESYS_CLIENT_SECRET": "hush-hush-7391"}
MOST_LINES = 8
NO_HOSTS = [ipaddress.ip_network(text) for text in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")]
NAMES = (
    *ENVIRONMENT,
    TARGET_KEYWORD,
    WEBHOOK_URL,
    WEBHOOK_SECRET,
    *(f"{name}_FILE" for name in SECRETS),
    *AUDIOHOOK_KEY,
)


def file(data: bytes) -> None:
    """A configuration file: options, or faults of one line each that hold no secret."""
    path = scratch("cueline.toml")
    path.write_bytes(data)
    _load(path, CLIENT)


def environment(data: bytes) -> None:
    """Lines of a number and a value: what that name of ours holds, as the system would hand it over."""
    environ = dict(CLIENT)
    for line in data.split(b"\n", MOST_LINES)[:MOST_LINES]:
        name, value = NAMES[line[0] % len(NAMES) if line else 0], line[1:].replace(b"\0", b"")
        if name.endswith("_FILE"):
            scratch(name).write_bytes(value)
            environ[name] = str(scratch(name))
        else:
            environ[name] = value.decode("utf-8", "surrogateescape")
    _load(None, environ)


def _load(path: Path | None, environ: dict[str, str]) -> None:
    try:
        options = config.load(path, environ)
    except ConfigError as error:
        _check_faults(error.faults)
        raise
    assert options.rules
    assert any(sink.name == "log" for sink in options.sinks)


def _check_faults(faults: list[str]) -> None:
    assert faults
    for line in faults:
        assert CLIENT["GENESYS_CLIENT_SECRET"] not in line
        assert len(line) <= MOST_CHARACTERS
        assert line.isprintable()


def manifest(data: bytes) -> None:
    """A manifest of models, and the search for one of its names."""
    path = scratch("manifest.toml")
    path.write_bytes(data)
    for entry in load_manifest(path).entries:
        assert "/" not in entry.name
        assert entry.name not in ("", ".", "..")
    load_manifest(path).find("cueline-en-8k")


def secret(data: bytes) -> None:
    """A signing secret gives a key that is not empty, and headers that HTTP allows."""
    key = signing_key(data.decode("utf-8", "surrogateescape"))
    assert key
    headers = signed_headers(key, "conv-1/external/rule/1", 1, data)
    assert all(value.isascii() and value.isprintable() for value in headers.values())


def url(data: bytes) -> None:
    """A webhook's address. What the system's resolver would take for a number is not one that is refused."""
    try:
        sink = WebhookSink(name="w", url=data.decode("utf-8", "surrogateescape"))
    except ValidationError:
        return  # told by the configuration
    taken = _url_of(sink)
    assert taken.host
    assert stays_inside(taken.host) in (True, False)
    with contextlib.suppress(OSError):
        number = ipaddress.IPv4Address(socket.inet_aton(taken.raw_host))
        assert not any(number in network for network in NO_HOSTS)


def fault(data: bytes) -> None:
    """A fault for the simulator, as `--fault` takes it."""
    armed = parse_fault(data.decode("utf-8", "surrogateescape"))
    assert armed.name in FAULTS
    assert armed.count >= 1
    assert armed.after_ms >= 0


_EXAMPLE = (ROOT / "cueline.toml").read_bytes()
_FILLED = b"\n".join(line.removeprefix(b"# ") for line in _EXAMPLE.splitlines() if b" = " in line or b"[" in line[:4])
_RULE = b'[[rules]]\nname = "r%s"\nphrases = [%s]\n%s\n'

TARGETS = (
    Target(
        *("config", "the configuration file", file, (ConfigError,)),
        seeds=(
            _EXAMPLE[:4000],
            _FILLED[:4000],
            _RULE % (b"1", b'"transfer me", "Transfer  ME"', b'sinks = ["gone"]'),
            _RULE % (b"2", b'""', b'match = "regex"\nhear = ["a"]'),
            _RULE % (b"3", b'"(a{99999999999})"', b'match = "regex"\nhear = ["a"]'),
            _RULE % (b"4", b'"' + b"w " * 500 + b'"', b"min_confidence = 2"),
            b"[admin]\nport = 99999999999999999999999\n[genesys]\nregion = 7\nclient_secret = 5\n",
            b'[[sinks]]\ntype = "webhook"\nname = "w"\nurl = "http://a:b@c/d?e"\nsecret = "x"\n[outbox]\ncapacity = nan\n',
            b"a = " + b"[" * 900 + b"]" * 900,
            b"rules = 1979-05-27T07:32:00Z\nspeech = []\nshards = [{}]\ndrain_s = inf\n",
        ),
        words=(
            b"[[rules]]",
            b"[[sinks]]",
            b"[speech]",
            b"[genesys]",
            b'type = "',
            b"phrases = [",
            b"9" * 25,
            b"1979-05-27",
        ),
    ),
    Target(
        *("environment", "the environment's values", environment, (ConfigError,)),
        seeds=(
            b"\n".join(bytes([number]) + b"a,b" for number in range(len(NAMES))),
            b"\x02" + b"mypurecloud.de\n\x09seven\n\x08low-latency\n\x0b70000",
            bytes([NAMES.index(TARGET_KEYWORD)]) + b"transfer me,,\xff\xfe",
            bytes([NAMES.index(WEBHOOK_URL)]) + b"http://user:pass@host/path?key=1",
            b"\x03\xff\n\x07/\xff",
        ),
        words=(b"\n", b",", b"https://", b"wss://", b"\xff", b"\xc3\xa9"),
        most_bytes=512,
    ),
    Target(
        *("manifest", "the manifest of models", manifest, (ModelError,)),
        seeds=(
            (ROOT / "models" / "manifest.toml").read_bytes()[:1500],
            b'[[models]]\nname = "cueline-en-8k"\nlanguage = "en"\nrate = 8000\nsource = "embedded"\n',
            b'[[models]]\nname = "a"\nlanguage = "en"\nrate = 1e4\nsource = "https://a/b.zip"\nsha256 = "0"\n',
            b"models = " + b"[" * 900 + b"]" * 900,
            b"models = 1\n",
        ),
        words=(b"[[models]]\n", b'name = "', b'source = "', b"rate = ", b"\n"),
        most_bytes=2048,
    ),
    Target(
        *("secret", "the webhook's signing secret", secret, (ValueError,)),
        seeds=(b"whsec_QUJD", b"whsec_", b"whsec_====", b"plain", b"", b"whsec_\xff", b"whsec_QUJ"),
        words=(b"whsec_", b"="),
        weight=3,
        most_bytes=256,
    ),
    Target(
        *("url", "a webhook's address", url, (ConfigError,)),
        seeds=(
            b"http://localhost:8000/hook?token=1",
            b"https://user:pass@example.org/",
            b"http://169.254.169.254/latest",
            b"http://0xA9FEA9FE/",
            b"http://0251.0376.0251.0376:80/",
            b"http://2852039166/",
            b"http://[::ffff:169.254.169.254]/",
            b"http://[fe80::1%25eth0]/",
            b"http://0300.1/",
            "http://ｌocalhost。/".encode(),
        ),
        words=(b"http://", b"0x", b"169.254.169.254", b".", b":", b"[", b"]", b"@", b"%2e", b"\xe3\x80\x82"),
        most_bytes=256,
    ),
    Target(
        *("fault", "a fault for the simulator", fault, (ConfigError,)),
        seeds=(
            b"drop_mid_call+1500:2@conv-1",
            b"token_401:3",
            b"api_429@c",
            b"silence+\xd9\xa3",
            b"silence:" + b"9" * 5000,
        ),
        words=tuple(name.encode() for name in FAULTS),
        weight=2,
        most_bytes=5120,
    ),
)
