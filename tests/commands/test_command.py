from cloudevents.core.bindings import http

from tests.support.commands import BASE


def test_the_body_is_a_cloud_event_with_the_fields_of_the_interface():
    body = BASE.body()
    assert body["specversion"] == "1.0"
    assert body["type"] == "cueline.phrase.spotted.v1"
    assert body["source"] == "/conversations/conv-1"
    assert body["id"] == "conv-1/external/transfer/1200"
    assert body["data"] == {
        "conversation_id": "conv-1",
        "channel": "external",
        "rule": "transfer",
        "phrase": "transfer me",
        "text": "please transfer me now",
        "confidence": None,
        "fired_on": "partial",
        "utterance_start_ms": 1200,
        "phrase_end_ms": 2400,
        "audio_position_ms": 2500,
        "spotted_at": "2026-01-02T03:04:05.678Z",
    }


def test_an_independent_reader_accepts_the_body():
    import orjson

    message = http.HTTPMessage({"content-type": "application/cloudevents+json"}, orjson.dumps(BASE.body()))
    event = http.from_structured_event(message)
    assert (event.get_id(), event.get_source()) == ("conv-1/external/transfer/1200", "/conversations/conv-1")
    assert event.get_data()["rule"] == "transfer"
