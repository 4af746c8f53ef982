"""Both vectors of the spec (§2.7): the official documentation's, and one with a query and a port."""

import base64
from dataclasses import replace

from engine.simulator.audiohook.signing import Upgrade

OFFICIAL = Upgrade(
    target="/api/v1/voicebiometrics/ws",
    authority="audiohook.example.com",
    organization_id="d7934305-0972-4844-938e-9060eef73d05",
    session_id="30b0e395-84d3-4570-ac13-9a62d8f514c0",
    correlation_id="e160e428-53e2-487c-977d-96989bf5c99d",
    api_key="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh",
    secret="TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=",
    created=1641013200,
    nonce="VGhpc0lzQVVuaXF1ZU5vbmNl",
    lifetime_s=3282026430 - 1641013200,
)
OWN = Upgrade(
    target="/audiohook/ws?site=a",
    authority="voice.example.net:8443",
    organization_id="5b1f3f0e-8f0c-4c39-9d35-0a4f7d2b6c11",
    session_id="c2a1f7d4-3b7e-4f63-8a55-9e0d1b7c4e21",
    correlation_id="0f9d2c6b-71a8-4e0d-b1c4-6a5e3d2f1b90",
    api_key="demo-key_01",
    secret="bm90LWEtcmVhbC1zZWNyZXQtMDEyMzQ1Njc4OWFiY2Q=",
    created=1790000000,
    nonce="bm9uY2UtMTgtYnl0ZXMtYWJj",
)


def test_the_official_vector():
    assert len(OFFICIAL.base()) == 593
    assert base64.b64encode(OFFICIAL.signature()) == b"NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4="


def test_the_vector_with_query_and_port():
    assert base64.b64encode(OWN.signature()) == b"tWHReS854wl8xc/2OcSfUBk72UdiRr3hbvnm95LcMpQ="


def test_padding_may_be_missing():
    assert replace(OWN, secret=OWN.secret.rstrip("=")).signature() == OWN.signature()


def test_headers():
    headers = dict(OWN.headers())
    assert headers["Audiohook-Session-Id"] == OWN.session_id
    assert headers["X-API-KEY"] == "demo-key_01"
    assert headers["Audiohook-Retry-Attempt"] == "0"
    assert headers["Signature"] == "sig1=:tWHReS854wl8xc/2OcSfUBk72UdiRr3hbvnm95LcMpQ=:"
    assert headers["Signature-Input"].startswith('sig1=("@request-target" "@authority" ')
    assert headers["Signature-Input"].endswith(";created=1790000000;expires=1790000030")


def test_without_a_secret_nothing_is_signed():
    assert not {"Signature", "Signature-Input"} & dict(replace(OWN, secret="").headers()).keys()
