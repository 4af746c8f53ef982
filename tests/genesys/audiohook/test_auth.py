"""Who may connect: the vectors of the specification, and each way of not being it."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpgradeRefusedError
from engine.genesys.audiohook.auth import Authenticator, Credentials, Identity, Upgrade, authority_of, secret_of
from engine.genesys.audiohook.nonces import NonceCache
from engine.options import AudioHookKey, AudioHookOptions
from tests.support.audiohook_upgrade import COVERED, DOCUMENTED, NOW_S, Client

CLIENT = Client()
IDENTITY = Identity(CLIENT.organization, CLIENT.session, CLIENT.correlation, 0)
KEY = Credentials(CLIENT.api_key, CLIENT.secret)
OPEN_KEY = Credentials("open-key", b"")
OTHER_KEY = Credentials("other-key", b"another-secret")
SIGNED = ("Signature-Input", "Signature")


def authenticator(*keys: Credentials, age_s: float = 10.0, skew_s: float = 3.0) -> Authenticator:
    return Authenticator(keys or (KEY, OPEN_KEY, OTHER_KEY), age_s, skew_s, NonceCache(age_s + 2 * skew_s))


def refusal(upgrade: Upgrade, now_s: float = NOW_S, auth: Authenticator | None = None) -> tuple[int, str]:
    with pytest.raises(UpgradeRefusedError) as caught:
        (auth or authenticator()).check(upgrade, now_s)
    for told in (CLIENT.api_key, CLIENT.nonce, CLIENT.session):
        assert told not in str(caught.value)
    return caught.value.status, caught.value.reason


def with_headers(upgrade: Upgrade, *more: tuple[str, str], without: tuple[str, ...] = ()) -> Upgrade:
    kept = tuple(pair for pair in upgrade.headers if pair[0] not in without)
    return replace(upgrade, headers=(*kept, *more))


def test_the_vector_of_the_documentation():
    client = DOCUMENTED
    key = Credentials(client.api_key, secret_of("TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="))
    upgrade = client.upgrade(base64.b64decode("NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4="))
    assert authenticator(key).check(upgrade, 1641013200) == Identity(
        client.organization, client.session, client.correlation, 0
    )
    # The far-away `expires` of the documentation's example does not keep it alive.
    assert refusal(upgrade, 1641013200 + 13.1, authenticator(key)) == (401, "too_late")


@pytest.mark.parametrize("padding", ["=", ""])
def test_the_vector_with_query_and_port(padding):
    key = AudioHookKey(api_key="demo-key_01", client_secret="bm90LWEtcmVhbC1zZWNyZXQtMDEyMzQ1Njc4OWFiY2Q" + padding)
    upgrade = CLIENT.upgrade(base64.b64decode("tWHReS854wl8xc/2OcSfUBk72UdiRr3hbvnm95LcMpQ="))
    assert authenticator(Credentials.of(key)).check(upgrade, 1790000000) == IDENTITY


def test_as_configured():
    keys = (
        AudioHookKey(api_key="a", client_secret="QUJD", organization_id=CLIENT.organization.upper()),
        AudioHookKey(api_key="b"),
    )
    assert [*map(Credentials.of, keys)] == [Credentials("a", b"ABC", CLIENT.organization), Credentials("b", b"", None)]
    auth = Authenticator.of(AudioHookOptions(keys=keys, signature_age_s=5, clock_skew_s=2))
    client = CLIENT.but(api_key="a", secret=b"ABC")
    assert auth.check(client.upgrade(), NOW_S) == IDENTITY
    assert refusal(client.upgrade(), NOW_S + 7, auth) == (401, "replayed")
    assert refusal(client.upgrade(), NOW_S + 7.1, auth) == (401, "too_late")


def test_no_key_shows_itself():
    assert repr(KEY) == "Credentials(organization_id=None)"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("", b""),
        ("QQ", b"A"),
        ("QQ==", b"A"),
        ("QUI", b"AB"),
        ("QUI=", b"AB"),
        ("QUJD", b"ABC"),
        ("+/+/", b"\xfb\xff\xbf"),
    ],
)
def test_a_secret_may_lack_its_padding(text, secret):
    assert secret_of(text) == secret
    assert Credentials.of(AudioHookKey(api_key="a", client_secret=text)).secret == secret


@pytest.mark.parametrize(
    ("host", "secure", "signed"),
    [
        ("Voice.Example.NET", True, "voice.example.net"),
        ("voice.example.net:443", True, "voice.example.net"),
        ("voice.example.net:80", True, "voice.example.net:80"),
        ("voice.example.net:443", False, "voice.example.net:443"),
        (" localhost:80 ", False, "localhost"),
        ("127.0.0.1:33100", False, "127.0.0.1:33100"),
        ("[::1]:443", True, "[::1]"),
        ("", True, ""),
    ],
)
def test_the_authority_as_clients_sign_it(host, secure, signed):
    assert authority_of(host, secure=secure) == signed


# Headers


def test_ids_and_names_come_in_any_case_and_go_in_lower():
    client = CLIENT.but(organization=CLIENT.organization.upper(), session=CLIENT.session.title())
    upgrade = client.upgrade()
    upgrade = replace(upgrade, headers=tuple((name.swapcase(), f" {value}\t") for name, value in upgrade.headers))
    assert authenticator().check(upgrade, NOW_S) == IDENTITY


def test_the_hosts_case_does_not_matter():
    upgrade = replace(CLIENT.upgrade(), authority="Voice.Example.Net:8443")
    assert authenticator().check(upgrade, NOW_S) == IDENTITY


@pytest.mark.parametrize(
    ("attempts", "number"),
    [
        ([], 0),
        (["0"], 0),
        (["3"], 3),
        ([" 12 "], 12),
        (["-1"], 0),
        (["one"], 0),
        (["9" * 5000], 0),
        (["²"], 0),
        (["1", "2"], 0),
    ],
)
def test_the_retry_attempt_is_taken_as_it_comes(attempts, number):
    upgrade = with_headers(CLIENT.upgrade(), *(("Audiohook-Retry-Attempt", text) for text in attempts))
    assert authenticator().check(upgrade, NOW_S) == replace(IDENTITY, retry_attempt=number)


@pytest.mark.parametrize("name", ["Audiohook-Organization-Id", "Audiohook-Session-Id", "Audiohook-Correlation-Id"])
def test_an_id_is_there_once_and_a_uuid(name):
    for upgrade in (CLIENT.upgrade(), CLIENT.unsigned()):
        assert refusal(with_headers(upgrade, without=(name,))) == (400, "header_missing")
        for value in ("", "x", "5b1f3f0e8f0c4c399d350a4f7d2b6c11", f"{{{CLIENT.session}}}", CLIENT.session[:-1] + "g"):
            assert refusal(with_headers(upgrade, (name, value), without=(name,))) == (400, "header_malformed")


@pytest.mark.parametrize("name", [name for name, _ in CLIENT.upgrade().headers])
def test_a_header_that_counts_comes_once(name):
    upgrade = CLIENT.upgrade()
    value = dict(upgrade.headers)[name]
    for other in (value, "", "something else"):
        assert refusal(with_headers(upgrade, (name.upper(), other))) == (400, "header_repeated")
        assert refusal(replace(upgrade, headers=((name.lower(), other), *upgrade.headers))) == (400, "header_repeated")


def test_other_headers_may_be_repeated():
    upgrade = with_headers(CLIENT.upgrade(), ("Via", "1.1 a"), ("Via", "1.1 b"))
    assert authenticator().check(upgrade, NOW_S) == IDENTITY


def test_a_header_more_may_be_signed():
    client = CLIENT.but(more=(("Via", "1.1 a"),), covered=("via", *COVERED))
    assert authenticator().check(client.upgrade(), NOW_S) == IDENTITY
    changed = with_headers(client.upgrade(), ("Via", "1.1 b"), without=("Via",))
    assert refusal(changed) == (401, "signature_wrong")


# Keys


def test_a_request_without_a_key():
    for upgrade in (CLIENT.upgrade(), CLIENT.unsigned()):
        assert refusal(with_headers(upgrade, without=("X-API-KEY",))) == (401, "key_missing")


@pytest.mark.parametrize("api_key", ["", "unknown", "demo-key_0", "DEMO-KEY_01", "demo-key_01=", "a" * 8000])
def test_an_unknown_key(api_key):
    client = CLIENT.but(api_key=api_key)
    assert refusal(client.unsigned()) == (401, "key_unknown")
    if len(api_key) < 4000:
        assert refusal(client.upgrade()) == (401, "key_unknown")
        assert refusal(client.but(secret=bytes(32)).upgrade()) == (
            401,
            "key_unknown",
        )  # what it is checked with, guessed


def test_a_key_that_is_no_text():
    for api_key in ("\udcff", "\ud800", "ключ"):
        assert refusal(CLIENT.but(api_key=api_key).unsigned()) == (401, "key_unknown")


def test_an_unsigned_request_needs_a_key_without_a_secret():
    assert authenticator().check(CLIENT.but(api_key="open-key").unsigned(), NOW_S) == IDENTITY
    assert refusal(CLIENT.unsigned()) == (401, "unsigned")


def test_a_signed_request_needs_a_key_with_a_secret():
    for secret in (b"", b"x", bytes(32)):
        assert refusal(CLIENT.but(api_key="open-key", secret=secret).upgrade()) == (401, "no_secret")


@pytest.mark.parametrize("name", SIGNED)
def test_one_of_the_signatures_headers_without_the_other(name):
    assert refusal(with_headers(CLIENT.upgrade(), without=(name,))) == (401, "half_signed")
    open_one = CLIENT.but(api_key="open-key").upgrade()
    assert refusal(with_headers(open_one, without=(name,))) == (401, "half_signed")


def test_a_key_may_belong_to_one_organization():
    for key, client in ((KEY, CLIENT.upgrade()), (OPEN_KEY, CLIENT.but(api_key="open-key").unsigned())):
        own = authenticator(replace(key, organization_id=CLIENT.organization))
        assert own.check(client, NOW_S) == IDENTITY
        others = authenticator(replace(key, organization_id=CLIENT.session))
        assert refusal(client, NOW_S, others) == (401, "organization")


def test_another_keys_secret_does_not_do():
    assert refusal(CLIENT.but(api_key="other-key").upgrade()) == (401, "signature_wrong")
    parameters = CLIENT.input[CLIENT.input.index(";keyid") :]
    borrowed = CLIENT.but(api_key="other-key", secret=OTHER_KEY.secret, parameters=parameters)
    assert refusal(borrowed.upgrade()) == (401, "key_differs")


# Signatures


@pytest.mark.parametrize("length", [0, 1, 16, 31, 33, 64, 512])
def test_a_signature_of_another_length(length):
    assert refusal(CLIENT.upgrade((CLIENT.mac * 20)[:length])) == (401, "signature_wrong")


@pytest.mark.parametrize(
    "target", ["/audiohook/ws", "/audiohook/ws?site=b", "/audiohook/ws?site=a&x", "/Audiohook/ws?site=a", "/", ""]
)
def test_a_signature_over_another_path(target):
    assert refusal(replace(CLIENT.upgrade(), target=target)) == (401, "signature_wrong")


@pytest.mark.parametrize("authority", ["voice.example.net", "voice.example.net:443", "example.net:8443", ""])
def test_a_signature_over_another_host(authority):
    assert refusal(replace(CLIENT.upgrade(), authority=authority)) == (401, "signature_wrong")


@pytest.mark.parametrize("algorithm", ["rsa-pss-sha512", "HMAC-SHA256", "", "none"])
def test_another_algorithm(algorithm):
    parameters = f';keyid="demo-key_01";nonce="{CLIENT.nonce}";alg="{algorithm}";created={NOW_S};expires={NOW_S}'
    assert refusal(CLIENT.but(parameters=parameters).upgrade()) == (401, "algorithm")


@pytest.mark.parametrize(("nonce", "good"), [("", False), ("a" * 21, False), ("a" * 22, True), ("a" * 1000, True)])
def test_a_nonce_has_22_characters(nonce, good):
    upgrade = CLIENT.but(nonce=nonce).upgrade()
    if good:
        assert authenticator().check(upgrade, NOW_S) == IDENTITY
    else:
        assert refusal(upgrade) == (401, "nonce_short")


def test_faults_of_form_are_the_same_for_unknown_keys():
    for client in (CLIENT, CLIENT.but(api_key="unknown")):
        assert refusal(client.with_signature(f"sig1={client.input} ;x=1", "sig1=:AAAA:")) == (
            401,
            "signature_malformed",
        )
        assert refusal(client.but(covered=COVERED[1:]).upgrade()) == (401, "components")
        assert refusal(client.but(parameters=";created=1").upgrade()) == (401, "parameters")


# Clocks


@pytest.mark.parametrize(
    ("age_s", "reason"),
    [
        (-60, "too_early"),
        (-3.1, "too_early"),
        (-3.0, None),
        (0, None),
        (13.0, None),
        (13.1, "too_late"),
        (60, "too_late"),
    ],
)
def test_a_signature_of_another_time(age_s, reason):
    if reason is None:
        assert authenticator().check(CLIENT.upgrade(), NOW_S + age_s) == IDENTITY
    else:
        assert refusal(CLIENT.upgrade(), NOW_S + age_s) == (401, reason)


@pytest.mark.parametrize(("late_s", "good"), [(0, True), (3.0, True), (3.1, False)])
def test_a_signature_expires(late_s, good):
    upgrade = CLIENT.but(expires_s=NOW_S + 2).upgrade()
    if good:
        assert authenticator().check(upgrade, NOW_S + 2 + late_s) == IDENTITY
    else:
        assert refusal(upgrade, NOW_S + 2 + late_s) == (401, "too_late")


def test_a_signature_without_skew():
    for age_s in (0, 10):
        assert authenticator(skew_s=0).check(CLIENT.upgrade(), NOW_S + age_s) == IDENTITY
    assert refusal(CLIENT.upgrade(), NOW_S - 0.1, authenticator(skew_s=0)) == (401, "too_early")
    assert refusal(CLIENT.upgrade(), NOW_S + 10.1, authenticator(skew_s=0)) == (401, "too_late")


# Replays


def test_a_signed_request_is_taken_once():
    auth = authenticator()
    auth.check(CLIENT.upgrade(), NOW_S - 3)
    for age_s in (-3, 0, 13):
        assert refusal(CLIENT.upgrade(), NOW_S + age_s, auth) == (401, "replayed")
    another = CLIENT.but(session=CLIENT.correlation, created_s=NOW_S + 1)  # newly signed, with the nonce of before
    assert refusal(another.upgrade(), NOW_S + 1, auth) == (401, "replayed")
    assert auth.check(CLIENT.but(nonce=CLIENT.nonce[::-1]).upgrade(), NOW_S) == IDENTITY


def test_an_unsigned_request_is_taken_again():
    auth = authenticator()
    for _ in range(2):
        assert auth.check(CLIENT.but(api_key="open-key").unsigned(), NOW_S) == IDENTITY


def test_a_refused_request_uses_up_no_nonce():
    auth = authenticator(replace(KEY, organization_id=CLIENT.organization))
    assert refusal(CLIENT.upgrade(bytes(32)), NOW_S, auth) == (401, "signature_wrong")
    assert refusal(CLIENT.but(organization=CLIENT.session).upgrade(), NOW_S, auth) == (401, "organization")
    assert refusal(CLIENT.upgrade(), NOW_S - 60, auth) == (401, "too_early")
    assert auth.check(CLIENT.upgrade(), NOW_S) == IDENTITY


# Properties


@given(st.data())
def test_any_change_of_a_byte_of_what_is_signed_is_refused(data):
    """Of a header's value, the path or the host: another byte, one more, one less. Trimmed ends and cases are no change."""
    upgrade = CLIENT.upgrade()
    places = {"target": upgrade.target, "authority": upgrade.authority, **dict(upgrade.headers[1:])}
    place = data.draw(st.sampled_from(sorted(places)))
    value = places[place]
    at = data.draw(st.integers(0, len(value)))
    length = data.draw(st.integers(0, 1))
    new = data.draw(st.text(st.characters(max_codepoint=255), max_size=1))
    changed = value[:at] + new + value[at + length :]
    same = {"target": str, "authority": str.lower}.get(place, lambda text: text.strip(" \t"))
    kept = same(changed) == value
    if place in ("target", "authority"):
        other = replace(upgrade, **{place: changed})
    else:
        headers = ((name, changed if name == place else text) for name, text in upgrade.headers)
        other = replace(upgrade, headers=tuple(headers))
    if kept:
        assert authenticator().check(other, NOW_S) == IDENTITY
    else:
        assert refusal(other)[0] in (400, 401)


@given(st.binary(min_size=32, max_size=32))
def test_no_other_signature_does(mac):
    if mac != CLIENT.mac:
        assert refusal(CLIENT.upgrade(mac)) == (401, "signature_wrong")


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    st.from_regex(r"[a-z0-9.-]{1,20}(:[0-9]{1,5})?", fullmatch=True),
    st.tuples(st.uuids(), st.uuids(), st.uuids()),
    st.binary(min_size=1, max_size=70),
    st.permutations(COVERED),
    st.integers(-3, 13),
)
def test_whoever_has_the_secret_gets_in(query, authority, ids, secret, covered, age_s):
    organization, session, correlation = map(str, ids)
    client = CLIENT.but(target=f"/ws?{query}", authority=authority, secret=secret, covered=tuple(covered))
    client = client.but(organization=organization, session=session, correlation=correlation)
    auth = authenticator(Credentials(CLIENT.api_key, secret))
    assert auth.check(client.upgrade(), NOW_S + age_s) == Identity(organization, session, correlation, 0)
