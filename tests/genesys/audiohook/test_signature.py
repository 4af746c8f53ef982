"""The signature's form and its base, by the vectors of the specification and by hand."""

import hashlib
import hmac
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpgradeRefusedError
from engine.genesys.audiohook.signature import FIELD_MOST, Parameters, base_of, read, value_of
from tests.support.audiohook_upgrade import COVERED, DOCUMENTED, Client

NAMES = " ".join(f'"{name}"' for name in COVERED)
USUAL = ';keyid="k";nonce="n";alg="hmac-sha256";created=1;expires=2'
MAC = "sig1=:AAAA:"
HEADERS = {name: ["value"] for name in COVERED if not name.startswith("@")}


def refusal(signature_input: str, signature: str = MAC) -> str:
    with pytest.raises(UpgradeRefusedError) as caught:
        read(signature_input, signature)
    assert caught.value.status == 401
    return caught.value.reason


def form(parameters: str = USUAL, names: str = NAMES, label: str = "sig1") -> str:
    return f"{label}=({names}){parameters}"


def test_the_vector_of_the_documentation():
    client = DOCUMENTED
    found = read(f"sig1={client.input}", "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:")
    assert found.components == COVERED
    assert found.parameters == Parameters(
        "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh", "VGhpc0lzQVVuaXF1ZU5vbmNl", "hmac-sha256", 1641013200, 3282026430
    )
    headers = {name.lower(): [value] for name, value in client.identity}
    base = base_of(found, client.target, client.authority, headers)
    assert len(base) == 593
    assert base.startswith(
        b'"@request-target": /api/v1/voicebiometrics/ws\n"@authority": audiohook.example.com\n"audiohook-organization-id": d793'
    )
    assert base.endswith(b'nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";created=1641013200;expires=3282026430')
    assert hmac.digest(b"MySuperSecretKeyTellNo-1!2@3#4$5", base, hashlib.sha256) == found.mac


def test_order_of_components_and_parameters_is_the_signers():
    names = " ".join(f'"{name}"' for name in reversed(COVERED))
    parameters = ';expires=2;created=1;nonce="n";keyid="k"'
    found = read(form(parameters, names), MAC)
    assert found.components == COVERED[::-1]
    assert found.parameters == Parameters("k", "n", "hmac-sha256", 1, 2)  # no alg: the only one that there is
    base = base_of(found, "/a?b", "host", HEADERS).decode().split("\n")
    assert base == [
        '"x-api-key": value',
        '"audiohook-correlation-id": value',
        '"audiohook-session-id": value',
        '"audiohook-organization-id": value',
        '"@authority": host',
        '"@request-target": /a?b',
        f'"@signature-params": ({names}){parameters}',
    ]


def test_more_may_be_covered_and_repeated_headers_are_joined():
    found = read(form(names=f'{NAMES} "via" "date"'), MAC)
    headers = HEADERS | {"via": [" one ", "two,\r\n  three\t"], "date": [""]}
    assert base_of(found, "/", "host", headers).decode().split("\n")[6:8] == ['"via": one, two, three', '"date": ']


def test_the_first_label_counts():
    other = '("x-api-key");keyid="k"'
    found = read(f"{form(label='b')}, a={other}", "a=:AAAA:, b=:BBBB:")
    assert found.mac == b"\x04\x10\x41"
    assert refusal(f"a={other}, {form(label='b')}", "a=:AAAA:, b=:BBBB:") == "components"
    assert refusal(f"{form(label='b')}, a={other}", "a=:AAAA:") == "signature_malformed"


@pytest.mark.parametrize("label", ["sig1", "genesys", "*", "a-b_c.d"])
def test_any_label_will_do(label):
    assert read(form(label=label), f"{label}=:AAAA:").mac == bytes(3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sig1",
        "sig1=",
        'sig1="a"',
        "sig1=1",
        f"sig1=({NAMES}",
        "Sig1=()",
        form().replace(";nonce", " ;nonce"),
        form().replace(";nonce", "; nonce"),
        form().replace(";nonce", ";\tnonce"),
        form().replace('" "', '"  "', 1),
        form().replace("=(", "=( "),
        form().replace('");', '" );'),
        form().replace("=(", " =("),
        form().replace("created=1", "created=01"),
        form().replace("created=1", "created=+1"),
        form().replace("created=1", "created=9999999999999999"),
        form().replace('nonce="n"', 'nonce="\\n"'),
        form().replace('nonce="n"', 'nonce="ñ"'),
        form().replace('nonce="n"', 'nonce="n'),
        form().replace('nonce="n"', "nonce='n'"),
        form().replace("keyid", "Keyid"),
        form() + ",",
        form() + ";",
        form() + ' ;nonce="m"',
        form() + ",a=1",  # canonical is a space behind the comma
        form() + ";created=1",  # a parameter twice
        f"{form()}, {form()}",  # a label twice
        form() + "\x00",
        form() + "\udc80",
        form(f"{USUAL};x=" + "1" * FIELD_MOST),
    ],
)
def test_what_is_not_in_canonical_form_is_refused(text):
    assert refusal(text) == "signature_malformed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sig1",
        "sig1=1",
        'sig1="AAAA"',
        "sig1=AAAA",
        "sig1=?1",
        "sig1=(:AAAA:)",
        "sig2=:AAAA:",
        "sig1=:AAAA:;a=1",
        "sig1=:AAAA",
        "sig1=:AA_-:",
        "sig1=:AAA:",  # no padding
        "sig1=:AAB=:",  # bits beyond the last byte
        "sig1=: AAAA:",
        "sig1=:AAAA: ,sig2=:AAAA:",
        "sig1=:AAAA:, sig1=:AAAA:",
    ],
)
def test_a_signature_that_is_none_is_refused(text):
    assert refusal(form(), text) == "signature_malformed"


@pytest.mark.parametrize(
    "names",
    [
        "",
        *(" ".join(f'"{name}"' for name in COVERED if name != left_out) for left_out in COVERED),
        f'{NAMES} "x-api-key"',
        f'{NAMES} "@signature-params"',
        f'{NAMES} "@method"',
        f'{NAMES} "@query-param";name="a"',
        f"{NAMES} token",
        f"{NAMES} 1",
        *(NAMES.replace('"x-api-key"', f'"x-api-key"{parameter}') for parameter in (";sf", ";bs", ";req", ';key="a"', ";x=1")),
        NAMES.replace("x-api-key", "X-API-KEY"),
        f'{NAMES} "not-there"',
        f'{NAMES} "a\\"b"',
    ],
)  # fmt: skip
def test_components_that_cannot_be_are_refused(names):
    with pytest.raises(UpgradeRefusedError) as caught:
        base_of(read(form(names=names), MAC), "/", "host", HEADERS)
    assert caught.value.reason == "components"


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x00b", "a\tb", "ñ", 'a\n"x-api-key": other'])
def test_a_value_that_could_pass_for_more_than_one_line_is_refused(value):
    found = read(form(names=f'{NAMES} "via"'), MAC)
    for target, authority, headers in (
        ("/", "host", HEADERS | {"via": [value]}),
        (value, "host", HEADERS | {"via": [""]}),
        ("/", value, HEADERS | {"via": [""]}),
    ):
        with pytest.raises(UpgradeRefusedError, match="cover"):
            base_of(found, target, authority, headers)


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        *(USUAL.replace(part, "") for part in (';keyid="k"', ';nonce="n"', ";created=1", ";expires=2")),
        f"{USUAL};tag",
        f'{USUAL};tag="app"',
        f"{USUAL};x=1",
        *(USUAL.replace("created=1", f"created{value}") for value in ("=-1", "=1.0", '="1"', "", "=?0", "=:AAAA:", "=@1", "=a")),
        *(USUAL.replace("expires=2", f"expires{value}") for value in ("=-2", "=2.5", '="2"', "", "=?0")),
        *(USUAL.replace('nonce="n"', f"nonce{value}") for value in ("=n", "", "=1", "=:AAAA:", '=%"n"')),
        *(USUAL.replace('keyid="k"', f"keyid{value}") for value in ("=k", "", "=1", "=:AAAA:")),
        *(USUAL.replace('alg="hmac-sha256"', f"alg{value}") for value in ("=hmac-sha256", "", "=1")),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_are_refused(parameters):
    assert refusal(form(parameters)) == "parameters"


def test_values_are_trimmed_and_unfolded():
    assert value_of(" \ta  b\t ") == "a  b"
    assert value_of("a \r\n\t b\r\n c") == "a b c"


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(printable, printable, st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1), st.binary(max_size=80))
def test_what_is_signed_in_canonical_form_is_read_as_it_was_meant(keyid, nonce, created_s, expires_s, mac):
    client = Client(
        api_key=keyid.replace("\\", "\\\\").replace('"', '\\"'),
        nonce=nonce.replace("\\", "\\\\").replace('"', '\\"'),
        created_s=created_s,
        expires_s=expires_s,
    )
    headers = dict(client.upgrade(mac).headers)
    found = read(headers["Signature-Input"], headers["Signature"])
    assert found.parameters == Parameters(keyid, nonce, "hmac-sha256", created_s, expires_s)
    assert (found.line, found.mac) == (client.input, mac)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_read_or_refused(signature_input, signature):
    for given_input, given_signature in ((signature_input, signature), (form(), signature), (signature_input, MAC)):
        with suppress(UpgradeRefusedError):
            assert read(given_input, given_signature).line == form()[len("sig1=") :]
