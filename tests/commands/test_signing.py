import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as IndependentReader

from engine.commands.signing import signed_headers, signing_key


def test_the_time_is_part_of_the_signature():
    first, later = (signed_headers(b"key", "id", time_s, b"{}")["webhook-signature"] for time_s in (100, 101))
    assert first != later


@given(st.binary(min_size=1, max_size=64), st.booleans())
def test_a_key_is_what_was_encoded_with_or_without_padding(key, padded):
    text = base64.b64encode(key).decode()
    assert signing_key("whsec_" + (text if padded else text.rstrip("="))) == key


@given(st.binary(min_size=1), st.text("abc-/09", min_size=1), st.integers(0, 2**33), st.binary())
def test_the_signature_is_the_references(key, message_id, timestamp_s, body):
    headers = signed_headers(key, message_id, timestamp_s, body.hex().encode())
    moment = datetime.fromtimestamp(timestamp_s, UTC)
    assert headers["webhook-signature"] == IndependentReader(key).sign(message_id, moment, body.hex())


def test_without_a_key_nothing_is_signed():
    headers = {"Content-Type": "application/cloudevents+json", "webhook-id": "id", "webhook-timestamp": "100"}
    assert signed_headers(None, "id", 100, b"{}") == headers


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_====", "whsec_not base64!", "whsec_A", "whsec_é"])
def test_a_secret_that_leaves_no_key_is_refused(secret):
    with pytest.raises(ValueError, match=r".+"):
        signing_key(secret)
