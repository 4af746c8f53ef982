import json

import pytest

from engine.genesys.audiohook import messages
from engine.genesys.audiohook.media import media_of
from engine.genesys.audiohook.messages import encode
from tests.genesys.audiohook.client import MONO, SESSION


def parameters(message):
    return json.loads(encode(message, SESSION, 1, 1))["parameters"]


@pytest.mark.parametrize(
    ("message", "kind", "said"),
    [
        (messages.Opened(None), "opened", {"startPaused": False, "media": []}),
        (messages.Opened(media_of(MONO)), "opened", {"startPaused": False, "media": [MONO]}),
        (
            messages.Opened(None, ("en-US", "es-ES")),
            "opened",
            {"startPaused": False, "media": [], "supportedLanguages": ["en-US", "es-ES"]},
        ),
        (messages.Opened(None, ()), "opened", {"startPaused": False, "media": [], "supportedLanguages": []}),
        (messages.Pong(), "pong", {}),
        (messages.Updated(), "updated", {}),
        (messages.Pause(), "pause", {}),
        (messages.Resume(), "resume", {}),
        (messages.Event([{"type": "x", "data": 1}]), "event", {"entities": [{"type": "x", "data": 1}]}),
        (messages.Disconnect("error", "why"), "disconnect", {"reason": "error", "info": "why"}),
        (messages.Reconnect("why"), "reconnect", {"info": "why"}),
        (messages.Closed(), "closed", {}),
    ],
)
def test_what_we_say(message, kind, said):
    assert json.loads(encode(message, SESSION, 7, 3)) == {
        "version": "2",
        "type": kind,
        "id": SESSION,
        "seq": 7,
        "clientseq": 3,
        "parameters": said,
    }


def test_an_offer_goes_back_as_it_came():
    entry = {
        "rate": 8000,
        "channels": ["internal", "external"],
        "x": {"y": [None, "é"]},
        "format": "L16",
        "type": "audio",
    }
    (sent,) = parameters(messages.Opened(media_of(entry)))["media"]
    assert json.dumps(sent) == json.dumps(entry)  # with its order


def test_what_was_said_is_in_no_representation():
    assert "secret" not in repr(messages.Event([{"type": "x", "data": "secret"}]))
