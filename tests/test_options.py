import inspect
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from engine import options
from engine.options import (
    AdminOptions,
    AttributesSink,
    AudioHookKey,
    AudioHookOptions,
    EngineOptions,
    GenesysOptions,
    LogSink,
    Options,
    RuleOptions,
    ShardOptions,
    SinkOptions,
    SpeechOptions,
    TransferSink,
    WebhookSink,
)

CLASSES = [cls for _, cls in inspect.getmembers(options, inspect.isclass) if issubclass(cls, Options)]
SPEECH = SpeechOptions(model_path=Path("model"))
GENESYS = {
    "client_id": "id",
    "client_secret": "very-secret",
    "login_url": "https://login.example",
    "api_url": "https://api.example",
    "realtime_url": "wss://api.example/socket",
}
RULE = RuleOptions(name="a", phrases=("transfer me",))


@pytest.mark.parametrize("cls", CLASSES)
def test_every_object_is_frozen_and_refuses_unknown_names(cls):
    assert cls.model_config["frozen"]
    assert cls.model_config["extra"] == "forbid"


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls not in (Options, EngineOptions)])
def test_every_setting_with_a_number_says_what_it_is(cls):
    for name, field in cls.model_fields.items():
        if field.annotation in (int, float):
            unit = name.rsplit("_", 1)[-1]
            assert field.description or unit in ("s", "ms"), f"{cls.__name__}.{name}"


def test_a_frozen_object_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        SPEECH.vad_mode = 1


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1, 0])
def test_a_limit_is_a_finite_positive_number(value):
    with pytest.raises(ValidationError, match="hang_timeout_s"):
        ShardOptions(count=1, hang_timeout_s=value)


@pytest.mark.parametrize("name", ["a", "transfer-me", "A_1", "x" * 64])
def test_names_are_fit_for_a_label(name):
    assert RuleOptions(name=name, phrases=("x",)).name == name


@pytest.mark.parametrize("name", ["", "-a", "a b", "ä", "a/b", "x" * 65])
def test_other_names_are_refused(name):
    with pytest.raises(ValidationError, match="name"):
        RuleOptions(name=name, phrases=("x",))


def test_phrases_are_stripped_and_never_empty():
    assert RuleOptions(name="a", phrases=("  transfer me ",)).phrases == ("transfer me",)
    for phrases in ((), ("",), ("  ",), ("x" * 201,)):
        with pytest.raises(ValidationError, match="phrases"):
            RuleOptions(name="a", phrases=phrases)


@pytest.mark.parametrize("match", ["phrase", "exact", "regex", "package.module:callable"])
def test_ways_to_match(match):
    assert RuleOptions(name="a", phrases=("x",), match=match).match == match


@pytest.mark.parametrize("match", ["", "fuzzy", "module:", ":callable", "a b:c", "regex "])
def test_other_ways_to_match_are_refused(match):
    with pytest.raises(ValidationError, match="match"):
        RuleOptions(name="a", phrases=("x",), match=match)


def test_confidence_needs_the_final_hypothesis():
    with pytest.raises(ValidationError, match='min_confidence needs fire_on = "final"'):
        RuleOptions(name="a", phrases=("x",), min_confidence=0.5)
    assert RuleOptions(name="a", phrases=("x",), min_confidence=0.5, fire_on="final").min_confidence == 0.5
    assert RuleOptions(name="a", phrases=("x",), fire_on="final").min_confidence == 0


@pytest.mark.parametrize("target", [{"queue_id": "q"}, {"user_id": "u"}, {"address": "+49"}])
def test_a_transfer_goes_to_one_target(target):
    assert TransferSink(name="t", **target)


@pytest.mark.parametrize("targets", [{}, {"queue_id": "q", "user_id": "u"}, {"queue_id": "q", "address": "a"}])
def test_a_transfer_to_none_or_several_is_refused(targets):
    with pytest.raises(ValidationError, match="exactly one of queue_id, user_id, address"):
        TransferSink(name="t", **targets)


def test_attributes_are_given():
    with pytest.raises(ValidationError, match="attributes"):
        AttributesSink(name="a", attributes={})


def test_a_sinks_type_decides_its_class():
    adapter = TypeAdapter(SinkOptions)
    assert adapter.validate_python({"name": "a", "type": "log"}) == LogSink(name="a")
    found = {
        adapter.validate_python({"name": "a", **fields}).type
        for fields in (
            {"type": "log"},
            {"type": "file", "path": "x"},
            {"type": "webhook", "url": "http://h/x"},
            {"type": "genesys.transfer", "queue_id": "q"},
            {"type": "genesys.disconnect"},
            {"type": "genesys.attributes", "attributes": {"a": "b"}},
            {"type": "python", "entry_point": "m:f"},
            {"type": "redis"},
        )
    }
    assert len(found) == 8
    with pytest.raises(ValidationError, match="mail"):
        adapter.validate_python({"name": "a", "type": "mail"})


AUDIOHOOK_KEY = {"api_key": "key_1"}


@pytest.mark.parametrize("api_key", ["a", "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh", "a-b_c+d/e", "abc=", "abc=="])
def test_an_api_key_as_genesys_allows_it(api_key):
    assert AudioHookKey(api_key=api_key).api_key.get_secret_value() == api_key


@pytest.mark.parametrize("api_key", ["", "a b", "a===", "=a", "ä", "a\n", "a.b"])
def test_other_api_keys_are_refused(api_key):
    with pytest.raises(ValidationError, match="api_key"):
        AudioHookKey(api_key=api_key)


@pytest.mark.parametrize("secret", ["", "TXlTdXBl", "TXlTdXA=", "TXlTdXA", "TXlTdQ==", "TXlTdQ"])
def test_a_client_secret_is_base64_with_or_without_padding(secret):
    assert AudioHookKey(**AUDIOHOOK_KEY, client_secret=secret).client_secret.get_secret_value() == secret


@pytest.mark.parametrize("secret", ["T", "TXlTd", "TXlTdQ=", "TXlTdXA==", "TX-_", "TXlTdXBl\n", "====", "TXlTdXBl="])
def test_a_secret_that_is_no_base64_is_refused(secret):
    with pytest.raises(ValidationError, match="must be base64"):
        AudioHookKey(**AUDIOHOOK_KEY, client_secret=secret)


def test_an_organization_is_an_id():
    organization_id = "D7934305-0972-4844-938e-9060eef73d05"
    assert AudioHookKey(**AUDIOHOOK_KEY, organization_id=organization_id).organization_id == organization_id
    for wrong in ("", "acme", organization_id[:-1], f"{organization_id}\n"):
        with pytest.raises(ValidationError, match="organization_id"):
            AudioHookKey(**AUDIOHOOK_KEY, organization_id=wrong)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.9", "::1", "localhost"])
def test_on_loopback_audiohook_needs_neither_certificate_nor_proxy(host):
    assert AudioHookOptions(host=host, keys=(AUDIOHOOK_KEY,)).on_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "voice.example"])
def test_beyond_loopback_it_needs_one_of_them(host):
    with pytest.raises(
        ValidationError, match="set CUELINE_AUDIOHOOK_TLS_CERT and CUELINE_AUDIOHOOK_TLS_KEY, or CUELINE_A"
    ):
        AudioHookOptions(host=host, keys=(AUDIOHOOK_KEY,))
    assert not AudioHookOptions(host=host).on_loopback  # without a key nothing listens
    assert AudioHookOptions(host=host, keys=(AUDIOHOOK_KEY,), tls_cert="c.pem", tls_key="k.pem")
    assert AudioHookOptions(host=host, keys=(AUDIOHOOK_KEY,), trusted_proxies=("10.0.0.0/8",))


def test_certificate_and_key_go_together_and_keys_stand_once():
    for half in ({"tls_cert": "c.pem"}, {"tls_key": "k.pem"}):
        with pytest.raises(ValidationError, match="go together"):
            AudioHookOptions(**half)
    with pytest.raises(ValidationError, match="two keys have the same api_key"):
        AudioHookOptions(keys=(AUDIOHOOK_KEY, AUDIOHOOK_KEY | {"client_secret": "TXlTdXBl"}))


@pytest.mark.parametrize("path", ["", "a", "/a?b=c", "/a#b", "/a b"])
def test_a_path_is_a_path(path):
    for name in ("path", "public_path"):
        with pytest.raises(ValidationError, match=name):
            AudioHookOptions(**{name: path})


def test_languages_that_are_served():
    served = AudioHookOptions(languages=("en-US", "es"))
    assert [served.transcribes(language) for language in ("en-US", "EN-gb", "en", "es-419", "fr-FR", "", None)] == [
        *(True, True, True, True),
        *(False, False, False),
    ]
    assert not AudioHookOptions(transcripts=False).transcribes("en-US")


@pytest.mark.parametrize("url", ["ftp://h", "http://", "h", "http:// h", "http:///path"])
def test_addresses_need_scheme_and_host(url):
    with pytest.raises(ValidationError, match="url"):
        WebhookSink(name="w", url=url)


def test_secrets_do_not_show():
    genesys = GenesysOptions(**GENESYS)
    webhook = WebhookSink(name="w", url="http://h/x", secret="very-secret")
    assert "very-secret" not in f"{genesys!r} {genesys} {webhook!r} {genesys.model_dump_json()}"
    audiohook = AudioHookOptions(keys=({"api_key": "very-secret", "client_secret": "very+secret="},))
    assert "very" not in f"{audiohook!r} {audiohook} {audiohook.model_dump_json()}"


@pytest.mark.parametrize("missing", ["client_id", "client_secret"])
def test_credentials_are_never_empty(missing):
    with pytest.raises(ValidationError, match=missing):
        GenesysOptions(**(GENESYS | {missing: ""}))


@pytest.mark.parametrize("conversation_id", ["", "a b", "a/../b", "x" * 129])
def test_conversation_ids_are_fit_for_an_address(conversation_id):
    with pytest.raises(ValidationError, match="conversation_ids"):
        GenesysOptions(**GENESYS, conversation_ids=(conversation_id,))


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_is_a_port(port):
    with pytest.raises(ValidationError, match="port"):
        AdminOptions(port=port)


def test_options_that_cross_a_process_arrive_as_they_were():
    assert SpeechOptions.model_validate_json(SPEECH.model_dump_json()) == SPEECH
    assert RuleOptions.model_validate_json(RULE.model_dump_json(exclude_defaults=True)) == RULE


def test_the_whole_has_sensible_defaults():
    whole = EngineOptions(
        genesys=GenesysOptions(**GENESYS),
        speech=SPEECH,
        rules=(RULE,),
        sinks=(LogSink(name="log"),),
        shards=ShardOptions(count=2),
        admin=AdminOptions(),
    )
    assert (whole.admin.host, whole.admin.port) == ("127.0.0.1", 8080)  # DESIGN §6
    assert (whole.shards.slots, whole.genesys.region) == (256, "mypurecloud.com")  # DESIGN §3, §6
    assert (SPEECH.vad_mode, SPEECH.preroll_ms, SPEECH.hangover_ms) == (3, 300, 400)  # DESIGN §4


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h.example/a/b", "https://h.example/a/b"),
        ("https://user:word@h.example:8443/a?token=word#word", "https://h.example:8443/a"),
        ("wss://word@h.example#word", "wss://h.example"),
        ("https://h.example/@a", "https://h.example/@a"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url, shown):
    assert options.public_url(url) == shown
