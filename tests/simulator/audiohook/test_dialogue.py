import json

import pytest

from engine.simulator.audiohook.dialogue import Dialogue, ServerFaultError

ID = "c2a1f7d4-3b7e-4f63-8a55-9e0d1b7c4e21"
BOTH = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
ONE = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}


def server(type_, seq, client_seq, parameters=None, **wrong):
    body = {"version": "2", "type": type_, "id": ID, "seq": seq, "clientseq": client_seq}
    return json.dumps(body | {"parameters": parameters or {}} | wrong)


def opened(media=(ONE,), **more):
    dialogue = Dialogue(ID, [BOTH, ONE])
    dialogue.say("open")
    dialogue.hear(server("opened", 1, 1, {"media": list(media)} | more))
    return dialogue


def test_messages_are_counted_and_carry_the_place():
    dialogue = Dialogue(ID, [BOTH])
    first = json.loads(dialogue.say("open", {"a": 1}))
    assert first == {
        "version": "2", "type": "open", "id": ID, "seq": 1, "serverseq": 0, "position": "PT0S", "parameters": {"a": 1},
    }  # fmt: skip
    dialogue.hear(server("opened", 1, 1, {"media": []}))
    dialogue.position = 9600
    second = json.loads(dialogue.say("ping"))
    assert (second["seq"], second["serverseq"], second["position"], second["parameters"]) == (2, 1, "PT1.2S", {})


def test_a_fault_may_say_anything_and_the_count_goes_on_from_it():
    dialogue = Dialogue(ID, [])
    assert json.loads(dialogue.say("open", seq=5, id="x", more=1))["more"] == 1
    assert json.loads(dialogue.say("ping"))["seq"] == 6


def test_a_whole_session_is_heard():
    dialogue = opened()
    dialogue.say("ping")
    dialogue.hear(server("pong", 2, 2))
    dialogue.hear(server("pause", 3, 2))
    dialogue.hear(server("event", 4, 2, {"entities": [{"type": "transcript", "data": {}}]}))
    dialogue.hear(server("disconnect", 5, 2, {"reason": "completed"}))
    dialogue.say("ping")
    dialogue.say("close", {"reason": "disconnect"})
    assert dialogue.closing
    dialogue.hear(server("closed", 6, 4))
    assert dialogue.closed
    assert dialogue.server_seq == 6
    dialogue.hear(server("pong", 7, 3))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (400, "{"),
        (400, "[]"),
        (413, " " * 64_001),
        (500, server("opened", 2, 1, {"media": []})),
        (500, server("opened", 1, 2, {"media": []})),
        (500, server("opened", True, 1, {"media": []})),
        (400, server("opened", 1, 1, {"media": []}, id="other")),
        (500, server("opened", 1, 1, {"media": []}, version="1")),
        (400, server("opened", 1, 1, parameters={"media": []}).replace('"parameters"', '"other"')),
        (500, server("welcome", 1, 1)),
        (400, server("opened", 1, 1, {})),
        (400, server("opened", 1, 1, {"media": [BOTH, ONE]})),
        (400, server("opened", 1, 1, {"media": [BOTH | {"channels": ["internal", "external"]}]})),
        (500, server("opened", 1, 1, {"media": [], "startPaused": 1})),
        (500, server("opened", 1, 1, {"media": [], "discardTo": "1 s"})),
        (409, server("pong", 1, 1)),
        (409, server("closed", 1, 1)),
        (409, server("pause", 1, 1)),
        (409, server("event", 1, 1, {"entities": [{"type": "x"}]})),
        (500, server("disconnect", 1, 1, {"reason": "rejected"})),
    ],
)
def test_what_a_server_gets_wrong_before_opened(code, text):
    dialogue = Dialogue(ID, [BOTH, ONE])
    dialogue.say("open")
    with pytest.raises(ServerFaultError) as caught:
        dialogue.hear(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (409, server("opened", 2, 1, {"media": []})),
        (500, server("event", 2, 1, {"entities": []})),
        (500, server("event", 2, 1, {"entities": [{"data": 1}]})),
        (500, server("event", 2, 1)),
    ],
)
def test_what_a_server_gets_wrong_in_a_session(code, text):
    with pytest.raises(ServerFaultError) as caught:
        opened().hear(text)
    assert caught.value.code == code


def test_a_pong_names_its_ping_and_closed_its_close():
    dialogue = opened()
    dialogue.say("ping")
    dialogue.say("paused")
    with pytest.raises(ServerFaultError, match="clientseq is not the ping's seq 2"):
        dialogue.hear(server("pong", 2, 3))
    dialogue = opened()
    dialogue.say("close")
    dialogue.say("ping")
    with pytest.raises(ServerFaultError, match="the seq of close, 2"):
        dialogue.hear(server("closed", 2, 3))


def test_nothing_comes_after_closed():
    dialogue = opened()
    dialogue.say("close")
    dialogue.hear(server("closed", 2, 2))
    with pytest.raises(ServerFaultError, match="after closed"):
        dialogue.hear(server("closed", 3, 2))


def test_after_a_fault_of_the_server_the_close_goes_on():
    dialogue = opened()
    with pytest.raises(ServerFaultError):
        dialogue.hear(server("weather", 2, 1))
    dialogue.say("close")
    dialogue.hear(server("closed", 3, 2))
    assert dialogue.closed


def test_after_disconnect_pings_may_stay_unanswered():
    dialogue = opened()
    for _ in range(3):
        dialogue.say("ping")
    dialogue.hear(server("disconnect", 2, 2, {"reason": "error"}))
    dialogue.hear(server("pong", 3, 3))
    dialogue.hear(server("pong", 4, 4))
    with pytest.raises(ServerFaultError, match="pong without ping"):
        dialogue.hear(server("pong", 5, 4))
