import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.audiohook import messages
from engine.genesys.audiohook.decoding import MAX_LANGUAGE_CHARACTERS, Envelope, decode, read
from engine.genesys.audiohook.messages import MAX_BYTES
from tests.genesys.audiohook.client import CONVERSATION, GOOD, LOST, MONO, NULL, ORGANIZATION, PARTICIPANT, STEREO, text


def decoded(kind, parameters=None, **fields):
    envelope = read(text(kind, 1, 0, parameters, **fields))
    assert isinstance(envelope, Envelope)
    return decode(envelope)


def test_an_envelope():
    said = text("ping", 3, 2, {"rtt": "PT1S"}, position="PT1.2S", novelty=[1])
    expected = Envelope("ping", "c2a1f7d4-3b7e-4f63-8a55-9e0d1b7c4e21", 3, 2, 1_200_000_000, {"rtt": "PT1S"})
    assert read(said) == expected
    assert read(said.encode()) == expected


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ("", "json"),
        ("{", "json"),
        ("hello", "json"),
        (b"\xff\xfe", "json"),
        ("\ud800", "json"),
        ("[" * 2000, "json"),
        ('{"version":"2"}{}', "json"),
        ("[]", "envelope"),
        ("null", "envelope"),
        ('"open"', "envelope"),
        ("{}", "version"),
        (" " * (MAX_BYTES + 1), "too_large"),
        ("é" * (MAX_BYTES // 2 + 1), "too_large"),
        (b" " * (MAX_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_message(data, fault):
    assert read(data) == fault


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_message_of_exactly_the_limit(letter):
    said = text("weather", 1, 0, {"": ""})
    pad = letter * ((MAX_BYTES - len(said)) // len(letter.encode()))
    filled = json.dumps(json.loads(said) | {"parameters": {"": pad}}, ensure_ascii=False)
    filled += " " * (MAX_BYTES - len(filled.encode()))
    assert isinstance(read(filled), Envelope)
    assert read(filled + " ") == "too_large"


@pytest.mark.parametrize(
    ("field", "values", "fault"),
    [
        ("version", ["1", "3", 2, 2.0, None, ["2"]], "version"),
        ("type", [None, 7, ["open"], {}], "envelope"),
        ("id", [None, 7, []], "envelope"),
        ("seq", [None, "1", 1.0, 0, -1, True, 2**70], "envelope"),
        ("serverseq", [None, "0", 0.0, -1, False, 2**70], "envelope"),
        ("parameters", [[], "", 0, False], "envelope"),
        ("position", [None, 0, "0", "PT1M", "PT-1S", "1.2"], "position"),
    ],
)
def test_an_envelope_with_one_wrong_field(field, values, fault):
    good = json.loads(text("ping", 1))
    for value in values:
        assert read(json.dumps({**good, field: value})) == fault, value
    del good[field]
    assert read(json.dumps(good)) == fault


def test_parameters_that_are_null_are_none():
    assert read(json.dumps({**json.loads(text("ping", 1)), "parameters": None})) == "envelope"


def test_open_with_all_that_it_may_have():
    message = decoded(
        "open",
        {
            **GOOD["open"],
            "organizationId": ORGANIZATION.upper(),
            "language": "es-419",
            "supportedLanguages": True,
            "continuedSessions": [
                {"id": PARTICIPANT.upper(), "serverseq": 3, "clientseq": 5},
                {"id": "x"},
                {"id": 7},
                {},
                "y",
            ],
            "customConfig": {"grammar": "billing"},
            "inputVariables": {"a": "b"},
            "novelty": 1,
        },
        position="PT1.5S",
    )
    assert message == messages.Open(
        organization_id=ORGANIZATION,
        conversation_id=CONVERSATION,
        participant_id=PARTICIPANT,
        media=message.media,
        language="es-419",
        asks_languages=True,
        continued=(PARTICIPANT,),
        is_probe=False,
        position_samples=12_000,
    )
    assert [media.raw for media in message.media] == [STEREO, MONO]


def test_open_with_the_least():
    given_ = {
        "organizationId": ORGANIZATION,
        "conversationId": CONVERSATION,
        "participant": {"id": PARTICIPANT, "ani": None},
        "media": [],
    }
    assert decoded("open", given_) == messages.Open(
        ORGANIZATION, CONVERSATION, PARTICIPANT, (), None, False, (), False, 0
    )
    nulls = dict.fromkeys(["language", "supportedLanguages", "continuedSessions", "customConfig"])
    assert decoded("open", {**given_, **nulls}) == decoded("open", given_)
    assert decoded("open", {**given_, "language": ""}).language is None


def test_who_calls_is_not_kept():
    assert "Ana" not in repr(decoded("open"))
    assert "346" not in repr(decoded("open"))
    assert decoded("dtmf", {"digit": "7"}) == messages.Dtmf()


def test_unknown_offers_are_passed_over():
    strange = [{**STEREO, "rate": 16000}, None, {**STEREO, "format": "OPUS"}, MONO, 7]
    assert [media.raw for media in decoded("open", {**GOOD["open"], "media": strange}).media] == [MONO]


@pytest.mark.parametrize(
    ("conversation", "participant", "is_probe"),
    [(NULL, NULL, True), (NULL, PARTICIPANT, True), (CONVERSATION, NULL, True), (CONVERSATION, PARTICIPANT, False)],
)
def test_a_probe_has_a_null_id(conversation, participant, is_probe):
    opening = {**GOOD["open"], "conversationId": conversation, "participant": {"id": participant, "ani": ""}}
    assert decoded("open", opening).is_probe is is_probe


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "organizationId",
            [None, 7, "", "x", ORGANIZATION + "0", ORGANIZATION.replace("-", ""), "{" + ORGANIZATION + "}"],
        ),
        ("conversationId", [None, 7, "", ORGANIZATION[:-1] + "g", [CONVERSATION], CONVERSATION + "\n"]),
        ("participant", [None, 7, [], "x", {}, {"id": "x"}, {"id": None}]),
        ("media", [None, {}, "PCMU", 0]),
        ("language", [7, [], "e" * (MAX_LANGUAGE_CHARACTERS + 1)]),
        ("supportedLanguages", ["yes", 1, []]),
        ("continuedSessions", [{}, "x", 1]),
    ],
)
def test_an_open_with_one_wrong_parameter(name, values):
    for value in values:
        assert decoded("open", {**GOOD["open"], name: value}) is None, value


@pytest.mark.parametrize("name", ["organizationId", "conversationId", "participant", "media"])
def test_an_open_without_a_parameter(name):
    assert decoded("open", {key: value for key, value in GOOD["open"].items() if key != name}) is None


@pytest.mark.parametrize("name", ["ani", "aniName", "dnis"])
def test_a_participant_with_a_wrong_name_or_number(name):
    assert decoded("open", {**GOOD["open"], "participant": {"id": PARTICIPANT, name: 7}}) is None


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("ping", {}, messages.Ping(None)),
        ("ping", {"rtt": None}, messages.Ping(None)),
        ("ping", {"rtt": "PT0.001103104S"}, messages.Ping(1_103_104)),
        ("update", {"language": "es-419"}, messages.Update("es-419")),
        ("paused", {"why": "secure"}, messages.Paused()),
        ("resumed", {"start": "PT7.8S", "discarded": "PT4.5S"}, messages.Resumed(36_000)),
        ("discarded", {"start": "PT7.8S", "discarded": "PT0S"}, messages.Discarded(0)),
        ("close", {"reason": "end"}, messages.Close("end")),
        ("close", {"reason": "error"}, messages.Close("error")),
        ("close", {"reason": "disconnect"}, messages.Close("disconnect")),
        ("close", {"reason": "reconnect"}, messages.Close("reconnect")),
        ("close", {"reason": "tired"}, messages.Close("other")),
        ("close", {"reason": ["end"]}, messages.Close("other")),
        ("close", {}, messages.Close("other")),
        ("error", {"code": 408, "message": "+34600111222", "retryAfter": "PT1S"}, messages.Error(408)),
        ("error", {"code": 400}, messages.Error(400)),
        ("error", {"code": 9999}, messages.Error(9999)),
        ("error", {"code": 399}, messages.Error(0)),
        ("error", {"code": 10_000}, messages.Error(0)),
        ("error", {"code": "408"}, messages.Error(0)),
        ("error", {"code": True}, messages.Error(0)),
        ("error", {}, messages.Error(0)),
        ("dtmf", {"digit": "#"}, messages.Dtmf()),
        ("playback_started", {}, messages.Playback()),
        ("playback_completed", {}, messages.Playback()),
        ("weather", {"rain": True}, messages.Unknown()),
        ("Open", {}, messages.Unknown()),
        ("pong", {}, messages.Unknown()),  # ours to say
        ("", {}, messages.Unknown()),
    ],
)
def test_messages(kind, parameters, message):
    assert decoded(kind, parameters) == message


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("ping", {"rtt": 0.041}),
        ("ping", {"rtt": "fast"}),
        ("update", {}),
        ("update", {"language": ""}),
        ("update", {"language": 7}),
        ("update", {"language": "e" * (MAX_LANGUAGE_CHARACTERS + 1)}),
        *(
            (kind, {**LOST, name: value})
            for kind in ("resumed", "discarded")
            for name in LOST
            for value in (None, 1, "")
        ),
        *((kind, {name: "PT1S"}) for kind in ("resumed", "discarded") for name in LOST),
        ("dtmf", {}),
        ("dtmf", {"digit": 7}),
    ],
)
def test_messages_with_a_wrong_parameter(kind, parameters):
    assert decoded(kind, parameters) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_one_parameter_of_any_kind_is_read_or_refused(data):
    kind = data.draw(st.sampled_from(sorted(GOOD)))
    name = data.draw(st.sampled_from([*GOOD[kind], "novelty"]))
    message = decoded(kind, {**GOOD[kind], name: data.draw(json_values)})
    assert message is None or type(message) is type(decoded(kind))


@given(st.dictionaries(st.text(), json_values, min_size=1, max_size=5))
def test_unknown_fields_are_passed_over(fields):
    plain = json.loads(text("open", 1))
    assert read(json.dumps({**fields, **plain})) == read(json.dumps(plain))
    assert decoded("open", {**fields, **GOOD["open"]}) == decoded("open") or fields.keys() & {
        "language",
        "supportedLanguages",
        "continuedSessions",
    }
