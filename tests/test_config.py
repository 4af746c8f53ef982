"""Environment and file to options: every name of DESIGN §6, precedence, and all faults at once."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from engine.cgroup import processors
from engine.config import CommandLine, load, load_listening, load_local
from engine.config_layers import AUDIOHOOK_KEY, ENVIRONMENT
from engine.errors import ConfigError
from engine.genesys.regions import REGIONS
from engine.model_manifest import embedded_model_path
from engine.options import EngineOptions, LogSink, WebhookSink

EXAMPLE = Path(__file__).parents[1] / "cueline.toml"
CREDENTIALS = {"GENESYS_CLIENT_ID": "id-1", "GENESYS_CLIENT_SECRET": "s3cret"}


def loaded(file: Path | None = None, **environ: str) -> EngineOptions:
    return load(file, CREDENTIALS | environ)


def faults(file: Path | None = None, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, environ)
    assert all("\n" not in line for line in caught.value.faults)
    assert len(set(caught.value.faults)) == len(caught.value.faults)
    return caught.value.faults


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cueline.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_credentials_alone_are_enough() -> None:
    options = loaded()
    assert options.genesys.client_id == "id-1"
    assert options.genesys.client_secret.get_secret_value() == "s3cret"
    assert options.genesys.region == "mypurecloud.com"
    assert options.genesys.login_url == "https://login.mypurecloud.com"
    assert options.genesys.api_url == "https://api.mypurecloud.com"
    assert options.genesys.realtime_url == "wss://api.mypurecloud.com/api/v2/interactions/realtime"
    assert options.genesys.conversation_ids == ()
    assert [(rule.name, rule.phrases, rule.fire_on, rule.sinks) for rule in options.rules] == [
        ("transfer-me", ("transfer me",), "partial", ("log",))
    ]
    assert options.sinks == (LogSink(name="log"),)
    assert options.speech.model_path == embedded_model_path()
    assert (options.admin.host, options.admin.port) == ("127.0.0.1", 8080)
    assert options.shards.count == processors()


def test_every_name_of_the_environment() -> None:
    options = loaded(
        GENESYS_REGION="mypurecloud.ie",
        GENESYS_CONVERSATION_ID="a, b,c,",
        TARGET_KEYWORD="transfer me, Cancel  my order",
        VOSK_MODEL_PATH="/models/x",
        GENESYS_LOGIN_URL="http://127.0.0.1:1",
        GENESYS_API_URL="http://127.0.0.1:2",
        GENESYS_REALTIME_URL="ws://127.0.0.1:3/rt",
        CUELINE_WEBHOOK_URL="http://127.0.0.1:9000/hook",
        CUELINE_WEBHOOK_SECRET="whsec_x",
        CUELINE_ADMIN_HOST="::1",
        CUELINE_ADMIN_PORT="0",
        CUELINE_CONSOLE_TEXT="true",
        CUELINE_PROFILE="throughput",
        CUELINE_SHARDS="3",
        CUELINE_STATE_DIR="/tmp/state",
        CUELINE_DRAIN_S="2.5",
        CUELINE_LOG_LEVEL="debug",
    )
    assert options.console.show_text
    assert options.genesys.conversation_ids == ("a", "b", "c")
    assert (options.genesys.login_url, options.genesys.api_url) == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert options.genesys.realtime_url == "ws://127.0.0.1:3/rt"
    assert [(rule.name, rule.phrases, rule.sinks) for rule in options.rules] == [
        ("transfer-me", ("transfer me",), ("log", "webhook")),
        ("cancel-my-order", ("Cancel my order",), ("log", "webhook")),
    ]
    webhook = WebhookSink(name="webhook", url="http://127.0.0.1:9000/hook", secret=SecretStr("whsec_x"))
    assert options.sinks == (LogSink(name="log"), webhook)
    assert options.speech.model_path == Path("/models/x")
    assert (options.admin.host, options.admin.port, options.shards.count) == ("::1", 0, 3)
    assert (options.state_dir, options.drain_s, options.log_level) == (Path("/tmp/state"), 2.5, "debug")


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_has_its_addresses(region: str) -> None:
    genesys = loaded(GENESYS_REGION=region).genesys
    assert genesys.login_url == f"https://login.{region}"
    assert genesys.realtime_url == f"wss://api.{region}/api/v2/interactions/realtime"


def test_any_region_goes_with_all_addresses_of_ones_own() -> None:
    urls = {
        "GENESYS_LOGIN_URL": "http://127.0.0.1:1",
        "GENESYS_API_URL": "http://127.0.0.1:1",
        "GENESYS_REALTIME_URL": "ws://127.0.0.1:1",
    }
    assert loaded(GENESYS_REGION="my.private.cloud", **urls).genesys.region == "my.private.cloud"
    del urls["GENESYS_API_URL"]
    (line,) = faults(GENESYS_REGION="my.private.cloud", **urls, **CREDENTIALS)
    assert line.startswith('GENESYS_REGION = "my.private.cloud": unknown region')


def test_a_secret_that_is_too_short_is_told_in_characters() -> None:
    (line,) = faults(CUELINE_ADMIN_TOKEN="short", **CREDENTIALS)
    assert line.startswith("CUELINE_ADMIN_TOKEN = ***: must have at least 16 characters, not 5. "), line


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        drain_s = 3
        [genesys]
        client_id = "file"
        region = "mypurecloud.de"
        conversation_ids = ["x"]
        reconnect_tries = 9
        [shards]
        count = 7
        [[rules]]
        name = "r"
        phrases = ["close my account"]
        """,
    )
    options = loaded(file, GENESYS_CONVERSATION_ID="y", CUELINE_SHARDS="2", TARGET_KEYWORD="hang up")
    assert options.genesys.client_id == "id-1"
    assert options.genesys.login_url == "https://login.mypurecloud.de"
    assert options.genesys.conversation_ids == ("y",)
    assert options.genesys.reconnect_tries == 9
    assert (options.shards.count, options.drain_s) == (2, 3)
    assert [rule.name for rule in options.rules] == ["hang-up"]
    assert [rule.name for rule in loaded(file).rules] == ["r"]


def test_blank_values_count_as_not_set() -> None:
    assert loaded(GENESYS_REGION="", CUELINE_SHARDS=" ", CUELINE_WEBHOOK_URL="").genesys.region == "mypurecloud.com"


def test_the_webhook_serves_every_rule_of_the_file(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        [[rules]]
        name = "a"
        phrases = ["one two"]
        sinks = []
        [[rules]]
        name = "b"
        phrases = ["one two"]
        sinks = ["webhook"]
        [[sinks]]
        name = "webhook"
        type = "webhook"
        url = "http://file/"
        timeout_s = 1
        [[sinks]]
        name = "other"
        type = "webhook"
        url = "http://other/"
        secret = "own"
        """,
    )
    options = loaded(file, CUELINE_WEBHOOK_URL="http://env/", CUELINE_WEBHOOK_SECRET="shared")
    assert [rule.sinks for rule in options.rules] == [("webhook",), ("webhook",)]
    hook, other, log = options.sinks
    assert isinstance(hook, WebhookSink)
    assert isinstance(other, WebhookSink)
    assert isinstance(log, LogSink)
    assert (hook.url, hook.timeout_s) == ("http://env/", 1)
    assert hook.secret == SecretStr("shared")
    assert other.secret == SecretStr("own")


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-file\n")
    environ = {"GENESYS_CLIENT_ID": "i", "GENESYS_CLIENT_SECRET_FILE": str(secret)}
    assert load(None, environ).genesys.client_secret.get_secret_value() == "from-file"
    (both,) = faults(**environ, GENESYS_CLIENT_SECRET="x")
    assert both.startswith("GENESYS_CLIENT_SECRET_FILE = ")
    assert "set one of the two" in both
    lines = faults(GENESYS_CLIENT_ID="i", GENESYS_CLIENT_SECRET_FILE="/nowhere/x")
    assert any(line.startswith('GENESYS_CLIENT_SECRET_FILE = "/nowhere/x": can\'t be read') for line in lines)


def test_a_conversation_named_twice_is_followed_once_and_told() -> None:
    told: list[str] = []
    options = load(None, CREDENTIALS | {"GENESYS_CONVERSATION_ID": "a,b,a,a"}, told.append)
    assert options.genesys.conversation_ids == ("a", "b")
    assert told == ["conversation a is named more than once; it is followed once"]


def test_missing_credentials_are_two_lines() -> None:
    first, second = faults()
    assert first.startswith("GENESYS_CLIENT_ID: not set.")
    assert second.startswith("GENESYS_CLIENT_SECRET: not set.")
    assert "genesys.client_secret" in second


def test_all_faults_of_the_environment_at_once() -> None:
    lines = faults(
        GENESYS_CLIENT_ID="i",
        GENESYS_CLIENT_SECRET="s3cret",
        GENESYS_REGION="moon",
        GENESYS_CONVERSATION_ID="a b",
        TARGET_KEYWORD="x,,y",
        GENESYS_LOGIN_URL="login.example",
        GENESYS_REALTIME_URL="https://api.example",
        CUELINE_WEBHOOK_URL="ftp://user:pass@example/x?key=hidden",
        CUELINE_ADMIN_PORT="70000",
        CUELINE_SHARDS="two",
        CUELINE_DRAIN_S="nan",
        CUELINE_LOG_LEVEL="loud",
    )
    by_name = {re.split(r"[ :]", line)[0]: line for line in lines}
    assert set(by_name) == {
        *("GENESYS_REGION", "GENESYS_CONVERSATION_ID", "TARGET_KEYWORD", "GENESYS_LOGIN_URL", "GENESYS_REALTIME_URL"),
        *("CUELINE_WEBHOOK_URL", "CUELINE_ADMIN_PORT", "CUELINE_SHARDS", "CUELINE_DRAIN_S", "CUELINE_LOG_LEVEL"),
    }
    assert "mypurecloud.ie" in by_name["GENESYS_REGION"]
    assert "GENESYS_REALTIME_URL" in by_name["GENESYS_REGION"]
    assert by_name["CUELINE_ADMIN_PORT"].startswith(
        'CUELINE_ADMIN_PORT = "70000": must be a whole number from 0 to 65535'
    )
    assert "from 1 to 256" in by_name["CUELINE_SHARDS"]
    assert "must be a number from 0 to 3600" in by_name["CUELINE_DRAIN_S"]
    assert "'debug', 'info', 'warning' or 'error'" in by_name["CUELINE_LOG_LEVEL"]
    assert "ws:// or wss://" in by_name["GENESYS_REALTIME_URL"]
    assert "pass" not in by_name["CUELINE_WEBHOOK_URL"]
    assert "hidden" not in by_name["CUELINE_WEBHOOK_URL"]


def test_secrets_never_show(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        [genesys]
        client_secret = 12345
        [[sinks]]
        name = "h"
        type = "webhook"
        url = "http://x/"
        secret = ["hidden"]
        """,
    )
    lines = faults(file, GENESYS_CLIENT_ID="i")
    assert "genesys.client_secret = ***: must be a valid string. OAuth client secret." in lines
    assert any(line.startswith("sinks[0].secret: must") for line in lines)
    assert not any("12345" in line or "hidden" in line for line in lines)


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_an_empty_phrase_list(text: str) -> None:
    (line,) = faults(TARGET_KEYWORD=text, **CREDENTIALS)
    assert line.startswith("TARGET_KEYWORD = ")
    assert "holds no phrase" in line


def test_a_phrase_named_twice() -> None:
    (line,) = faults(TARGET_KEYWORD="Transfer me,cancel,transfer  ME", **CREDENTIALS)
    assert "names a phrase twice" in line


def test_too_long_a_phrase_is_told_by_its_name() -> None:
    (line,) = faults(TARGET_KEYWORD="x" * 201, **CREDENTIALS)
    assert line.startswith("TARGET_KEYWORD = ")
    assert "at most 200 characters" in line
    assert len(line) < 300


BAD_FILE = """
state_dri = "x"
[genesys]
client_id = "i"
client_secret = "s"
[speech]
vad_mode = 9
hangover = 3
[[rules]]
name = "a"
phrases = []
min_confidence = 1.5
[[rules]]
name = "a"
phrases = ["x y", " X  y", " "]
sinks = ["log", "nope"]
[[rules]]
name = "r r"
match = "regex"
phrases = ["("]
[[rules]]
name = "e"
match = "my.module:intent"
phrases = ["x"]
[[rules]]
name = "m"
match = "fuzzy"
phrases = ["x"]
[[rules]]
name = "c"
phrases = ["x"]
min_confidence = 0.5
[[sinks]]
name = "hook"
type = "webhook"
[[sinks]]
name = "hook"
type = "email"
[[sinks]]
name = "t"
type = "genesys.transfer"
queue_id = "q"
user_id = "u"
"""


@pytest.mark.parametrize(
    "expected",
    [
        "state_dri: unknown setting; did you mean state_dir?",
        "speech.vad_mode = 9: must be a whole number from 0 to 3.",
        "speech.hangover: unknown setting; did you mean hangover_ms?",
        "rules[0].phrases: must have at least 1 item",
        "rules[0].min_confidence = 1.5: must be a number from 0 to 1.",
        'rules[5]: min_confidence needs fire_on = "final"',
        'rules[1].name = "a": rules[0] has this name too',
        'rules[1].phrases[1] = " X  y": named twice in this rule',
        'rules[1].phrases[2] = " ": must have at least 1 character',
        'rules[1].sinks[1] = "nope": no such sink; there are: hook, t, log',
        'rules[2].name = "r r": must be letters, digits, - and _',
        'rules[2].phrases[0] = "(": not a regular expression: ',
        'rules[2].match = "regex": with speech.decoding = "grammar" only the words of `hear` can be heard',
        'rules[3].match = "my.module:intent": with speech.decoding = "grammar"',
        'rules[4].match = "fuzzy": must be phrase, exact, regex or module:callable',
        "sinks[0].url: not set",
        'sinks[1].name = "hook": sinks[0] has this name too',
        "sinks[1].type: must be one of log, file, webhook, genesys.transfer, genesys.disconnect",
        "sinks[2]: give exactly one of queue_id, user_id, address",
    ],
)
def test_each_fault_of_a_bad_file_is_told(tmp_path: Path, expected: str) -> None:
    assert [line for line in faults(written(tmp_path, BAD_FILE)) if line.startswith(expected)]


def test_expressions_need_hear_or_free_decoding(tmp_path: Path) -> None:
    rule = """
    [[rules]]
    name = "r"
    match = "regex"
    phrases = ["speak to (a|an) (agent|person)"]
    """
    (line,) = faults(written(tmp_path, rule), **CREDENTIALS)
    assert "`hear`" in line
    assert 'speech.decoding = "free"' in line
    assert loaded(written(tmp_path, rule + 'hear = ["speak to an agent"]')).rules[0].hear == ("speak to an agent",)
    assert loaded(written(tmp_path, '[speech]\ndecoding = "free"\n' + rule)).rules[0].match == "regex"


def test_an_empty_list_of_rules(tmp_path: Path) -> None:
    (line,) = faults(written(tmp_path, "rules = []"), **CREDENTIALS)
    assert line.startswith("rules: empty")
    assert loaded(written(tmp_path, "rules = []"), TARGET_KEYWORD="hang up").rules[0].name == "hang-up"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb = = 2\n", "not valid TOML: Invalid value (at line 2, column 5)"),
        ("[genesys]\nregion = 'x'\nregion = 'y'\n", "not valid TOML: Cannot overwrite a value (at line 3"),
    ],
)
def test_broken_toml_is_told_with_its_line_and_the_environment_is_still_checked(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = written(tmp_path, text)
    first, second = sorted(faults(file, CUELINE_ADMIN_PORT="x"), key=lambda line: not line.startswith(str(file)))
    assert first.startswith(f"{file}: {expected}")
    assert second.startswith('CUELINE_ADMIN_PORT = "x"')


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert faults(missing) == [f"{missing}: no such file; give --config the path of a TOML file"]
    (folder,) = faults(tmp_path)
    assert folder.startswith(f"{tmp_path}: can't be read")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"a = '\xff\xfe'")
    assert faults(binary) == [f"{binary}: not valid TOML: not UTF-8 text"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("speech = [1]", "speech: must be a table."),
        ("sinks = 3", "sinks = 3: must be a list."),
        ("rules = 'x'", 'rules = "x": must be a list.'),
        ("rules = [1]", "rules[0] = 1: must be a table."),
        ("genesys.region = 5", "genesys.region = 5: must be a valid string"),
        ("genesys.reconnect_base_s = inf", "genesys.reconnect_base_s = inf: must be a number above 0."),
        ("genesys.conversation_ids = 'a'", 'genesys.conversation_ids = "a": must be a list.'),
        ("drain_s = 2020-01-01", "drain_s: must be a number from 0 to 3600"),
    ],
)
def test_wrong_shapes(tmp_path: Path, text: str, expected: str) -> None:
    lines = faults(written(tmp_path, text), **CREDENTIALS)
    assert [line for line in lines if line.startswith(expected)], lines


def test_a_value_where_a_table_belongs(tmp_path: Path) -> None:
    assert faults(written(tmp_path, "genesys = 4")) == ["genesys = 4: must be a table."]


def test_the_local_part_needs_no_credentials(tmp_path: Path) -> None:
    local = load_local(None, {"CUELINE_SHARDS": "5", "GENESYS_REGION": "moon"})
    assert local.shards.count == 5
    assert local.speech.model_path == embedded_model_path()
    with pytest.raises(ConfigError) as caught:
        load_local(written(tmp_path, "[admin]\nport = -1"), {"CUELINE_SHARDS": "0"})
    assert [line.split(":")[0] for line in caught.value.faults] == ['CUELINE_SHARDS = "0"', "admin.port = -1"]
    with pytest.raises(ConfigError):
        load_local(tmp_path / "none.toml", {})


def uncommented(text: str) -> str:
    return re.sub(r"^#(?=\w+ = )", "", text, flags=re.MULTILINE)


def test_the_example_loads_as_it_stands_and_states_the_defaults() -> None:
    example = loaded(EXAMPLE)
    assert example == loaded()
    tables: dict[str, Any] = tomllib.loads(uncommented(EXAMPLE.read_text(encoding="utf-8")))
    for table in ("client_id", "client_secret"):
        del tables["genesys"][table]
    for unset in ("token", "tls_cert", "tls_key"):
        del tables["admin"][unset]
    del tables["telemetry"]["otlp_endpoint"]
    for unset in ("redis_url", "redis_password", "node", "max_calls"):
        del tables["fleet"][unset]
    for unset in ("tls_cert", "tls_key", "authority", "public_path"):
        del tables["audiohook"][unset]
    del tables["speech"]["model_path"], tables["shards"]["count"]
    assert tables["speech"].pop("frames_per_chunk") == example.speech.chunk_frames, "the profile's, unless it is set"
    defaults = example.model_dump(mode="json")
    for name, value in tables.items():
        if isinstance(value, dict):
            for key in value:
                assert value[key] == defaults[name][key], f"{name}.{key}"
        elif isinstance(value, list):
            assert value == [{key: entry[key] for key in entry} for entry in defaults["rules"]]
        else:
            assert value == defaults[name]


def test_the_example_leaves_nothing_out() -> None:
    tables = tomllib.loads(uncommented(EXAMPLE.read_text(encoding="utf-8")))
    for name, field in EngineOptions.model_fields.items():
        if name != "sinks":
            assert name in tables
        fields = getattr(field.annotation, "model_fields", {})
        assert set(fields) <= set(tables[name]) if fields else True, name
    text = EXAMPLE.read_text(encoding="utf-8")
    assert all(
        name in text
        for name in (*ENVIRONMENT, *AUDIOHOOK_KEY, "TARGET_KEYWORD", "CUELINE_WEBHOOK_URL", "CUELINE_WEBHOOK_SECRET")
    )


def test_listening_needs_no_credentials_and_the_command_line_lies_over_everything(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '[speech]\nvad_mode = 1\n[[rules]]\nname = "a"\nphrases = ["one"]\n[[rules]]\nname = "b"\nphrases = ["two"]\n',
    )
    environ = {"TARGET_KEYWORD": "three", "VOSK_MODEL_PATH": "/env", "CUELINE_ADMIN_PORT": "no number"}
    assert [rule.phrases for rule in load_listening(None, {}).rules] == [("transfer me",)]
    assert [rule.name for rule in load_listening(file, {}).rules] == ["a", "b"]
    options = load_listening(file, environ)
    assert [rule.phrases for rule in options.rules] == [("three",)]
    assert (options.speech.model_path, options.speech.vad_mode) == (Path("/env"), 1)
    said = CommandLine(("four", "Five, six", "FOUR"), Path("/line"), "free", "final")
    options = load_listening(file, environ, said)
    assert [(rule.name, rule.phrases, rule.fire_on) for rule in options.rules] == [
        ("four", ("four",), "final"),
        ("five-six", ("Five, six",), "final"),
    ]
    assert (options.speech.model_path, options.speech.decoding, options.speech.vad_mode) == (Path("/line"), "free", 1)


def test_faults_of_listening_name_what_was_typed(tmp_path: Path) -> None:
    file = written(tmp_path, '[[rules]]\nname = "a"\nphrases = ["one"]\nfire_on = "final"\nmin_confidence = 0.5\n')
    (tmp_path / "regex").mkdir()
    regex = written(tmp_path / "regex", '[[rules]]\nname = "r"\nphrases = ["one|two"]\nmatch = "regex"\n')
    for config, said, expected in (
        (None, CommandLine(("",)), '--phrase = "": must have at least 1 character'),
        (None, CommandLine(decoding="loosely"), '--decoding = "loosely": '),
        (file, CommandLine(fire_on="partial"), "rules[0]: min_confidence needs"),
        (regex, CommandLine(), "rules[0].match"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_listening(config, {}, said)
        assert any(expected in line for line in caught.value.faults), caught.value.faults
    assert load_listening(regex, {}, CommandLine(decoding="free")).rules[0].match == "regex"


def test_the_phrases_of_labels_stand_where_nobody_says_others(tmp_path):
    def phrases(said: CommandLine, file: str = "") -> list[str]:
        (tmp_path / "c.toml").write_text(file)
        return [rule.phrases[0] for rule in load_listening(tmp_path / "c.toml", {}, said).rules]

    mine = '[[rules]]\nname = "mine"\nphrases = ["stop"]\n'
    assert phrases(CommandLine(labelled=("transfer me", "Cancel"))) == ["transfer me", "Cancel"]
    assert phrases(CommandLine(labelled=("transfer me",)), mine) == ["stop"]
    assert phrases(CommandLine(("cancel",), labelled=("transfer me",)), mine) == ["cancel"]
    with pytest.raises(ConfigError) as caught:
        phrases(CommandLine(labelled=("x" * 201,)))
    assert caught.value.faults[0].startswith("labels = ")


def test_a_file_that_is_nested_without_end(tmp_path: Path) -> None:
    path = written(tmp_path, f"a = {'[' * 5000}{']' * 5000}")
    assert faults(path, **CREDENTIALS) == [f"{path}: not valid TOML: nested too deeply"]


def test_numbers_that_no_machine_holds_are_shown_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, "[admin]\nport = 99999999999999999999999\n[outbox]\ncapacity = -99999999999999999999999\n")
    told = faults(path, **CREDENTIALS)
    assert [line.partition(":")[0] for line in told] == [
        "admin.port = 99999999999999999999999",
        "outbox.capacity = -99999999999999999999999",
    ]


def test_values_that_are_not_utf8_are_shown_with_question_marks() -> None:
    (told,) = faults(**CREDENTIALS, CUELINE_PROFILE="fast\udcff")  # as the system hands over the byte 0xff
    assert told.startswith('CUELINE_PROFILE = "fast?": must be ')
    told = faults(**CREDENTIALS, TARGET_KEYWORD="stop,,\udcff")[-1]
    assert told.startswith('TARGET_KEYWORD = "stop,,?": holds an empty phrase')


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("a{99999999999}", "the repetition number is too large"),
        ("(" * 5000 + ")" * 5000, ""),
    ],
)
def test_expressions_that_no_engine_takes(tmp_path: Path, expression: str, says: str) -> None:
    rule = f"[[rules]]\nname = 'r'\nmatch = 'regex'\nhear = ['a']\nphrases = ['{expression}']"
    told = faults(written(tmp_path, rule), **CREDENTIALS)
    assert any("rules[0].phrases[0]" in line and f"not a regular expression: {says}" in line for line in told)
    assert all(len(line) < 500 for line in told)


def test_names_that_are_no_names_stay_on_their_line(tmp_path: Path) -> None:
    told = faults(written(tmp_path, f'"a\\nb" = 1\n{"x" * 5000} = 2\n'), **CREDENTIALS)
    assert told[0].startswith("a?b: unknown setting; known here: genesys, ")
    assert (told[1][:5], len(told[1])) == ("xxxxx", 1000)


@pytest.mark.parametrize(
    ("phrases", "says"),
    [
        ("[]", "rules[0].phrases: must have at least 1 item"),
        ('[""]', 'rules[0].phrases[0] = "": must have at least 1 character'),
        ('["stop", " STOP "]', 'rules[0].phrases[1] = " STOP ": named twice in this rule'),
        (f'["{"word " * 500}"]', 'rules[0].phrases[0] = "word word word'),
        ("[7]", "rules[0].phrases[0] = 7: must be a valid string"),
    ],
)
def test_phrase_lists_that_can_not_be_heard(tmp_path: Path, phrases: str, says: str) -> None:
    (told,) = faults(written(tmp_path, f'[[rules]]\nname = "r"\nphrases = {phrases}\n'), **CREDENTIALS)
    assert told.startswith(says)
    assert len(told) < 300


def test_text_is_shown_only_to_who_says_so(tmp_path: Path) -> None:
    assert not loaded().console.show_text
    (line,) = faults(None, **CREDENTIALS, CUELINE_CONSOLE_TEXT="perhaps")
    assert line.startswith('CUELINE_CONSOLE_TEXT = "perhaps"')
