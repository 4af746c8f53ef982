"""The report as plain values: complete, and without words that were not to be heard."""

import orjson

from engine.demo.report import report_of
from tests.support.demo import call, delivery, result


def test_all_of_it():
    calls = (call("a", ("transfer me", 5000)), call("b", ("stop recording", 7000), started_ms=500))
    ended = result(calls, (delivery(), delivery("transfer me", 9000, "b")), frames=999, dropped=1, audio_s=20.04)
    report = orjson.loads(orjson.dumps(report_of(ended)))
    assert report["ok"] is False
    assert len(report["problems"]) == 3
    assert report["phrases"] == {"said": 2, "heard": 1, "missed": 1, "false": 1}
    assert {name: report["spot_latency_ms"][name] for name in ("p50", "p95", "p99")} == dict.fromkeys(
        ("p50", "p95", "p99"), 300.0
    )
    assert report["frame_latency_ms"]["p50"] is None
    assert "interpolated" in report["frame_latency_ms"]["method"]
    assert report["frames"] == {"heard": 999, "dropped": 1}
    assert (report["calls"], report["calls_at_once"], report["seconds"]) == (2, 2, 42.0)
    assert (report["audio_played_s"], report["audio_heard_s"]) == (20.0, 20.0)
    assert report["machine"] == {"cores": 2, "cpu": "Some CPU"}
    assert report["heard"] == [
        {
            "phrase": "transfer me",
            "call": "call-a",
            "channel": "external",
            "conversation_id": "a",
            "said_at_ms": 5000,
            "heard_after_ms": 300.0,
            "command": "a/external/transfer-me/5000",
            "signature_ok": True,
        }
    ]
    assert [(row["phrase"], row["call"], row["said_at_ms"]) for row in report["missed"]] == [
        ("stop recording", "call-b", 7000)
    ]
    assert [(row["phrase"], row["call"], row["heard_at_ms"], row["reason"]) for row in report["false"]] == [
        ("transfer me", "call-b", 9000, "not said")
    ]


def test_a_command_for_a_conversation_that_is_not_played_is_named_by_its_id():
    ended = result((call("a", ("transfer me", 5000)),), (delivery(), delivery(conversation="stranger")))
    assert [row["call"] for row in report_of(ended)["false"]] == ["stranger"]
