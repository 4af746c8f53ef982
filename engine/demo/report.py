"""The result as plain values, for `--json` and `--report`. It holds no words but the phrases that were to be heard."""

from typing import Any

from engine.demo.calls import PlayedCall
from engine.demo.figures import RANKS
from engine.demo.scene import Result
from engine.demo.scoring import FalseAlarm, Heard, SaidPhrase


def heard_row(heard: Heard) -> dict[str, Any]:
    """A phrase that was said and heard."""
    return {
        **missed_row(heard.said),
        "heard_after_ms": round(heard.after_ms, 1),
        "command": heard.delivery.id,
        "signature_ok": heard.delivery.signature_ok,
    }


def missed_row(said: SaidPhrase) -> dict[str, Any]:
    """A phrase that was said."""
    return {
        "phrase": said.phrase,
        "call": said.call,
        "channel": said.channel,
        "conversation_id": said.conversation_id,
        "said_at_ms": said.end_ms,
    }


def false_row(alarm: FalseAlarm, calls: tuple[PlayedCall, ...]) -> dict[str, Any]:
    """A command for something that was not said, or a second time."""
    delivery = alarm.delivery
    return {
        "phrase": delivery.phrase,
        "call": name_of(delivery.conversation_id, calls),
        "channel": delivery.channel,
        "conversation_id": delivery.conversation_id,
        "heard_at_ms": delivery.phrase_end_ms,
        "reason": alarm.reason,
        "command": delivery.id,
        "signature_ok": delivery.signature_ok,
    }


def name_of(conversation_id: str, calls: tuple[PlayedCall, ...]) -> str:
    """The call's name; the id itself of a conversation that is not played."""
    return next((call.name for call in calls if call.conversation_id == conversation_id), conversation_id)


def report_of(result: Result) -> dict[str, Any]:
    """The whole result; times in milliseconds where the name says so."""
    scene, found = result.scene, result.scene.score
    return {
        "ok": not result.problems,
        "problems": list(result.problems),
        "phrases": {
            "said": found.said,
            "heard": len(found.heard),
            "missed": len(found.missed),
            "false": len(found.false),
        },
        "spot_latency_ms": _ranked(result.spot_latency_ms) | {"method": "exact: end of the phrase to the webhook"},
        "frame_latency_ms": _ranked(result.frame_latency_ms)
        | {"method": "interpolated in cueline_frame_latency_seconds"},
        "frames": {"heard": scene.reading.frames, "dropped": scene.reading.dropped},
        "calls": len(scene.calls),
        "calls_at_once": result.calls_at_once,
        "reconnects": scene.reading.reconnects,
        "sessions": result.sessions.report() if result.sessions else None,
        "audio_played_s": round(result.audio_ms / 1000, 1),
        "audio_heard_s": round(scene.reading.audio_s, 1),
        "seconds": round(result.seconds, 1),
        "machine": {"cores": result.machine.cores, "cpu": result.machine.cpu},
        "heard": [heard_row(each) for each in found.heard],
        "missed": [missed_row(each) for each in found.missed],
        "false": [false_row(each, scene.calls) for each in found.false],
    }


def _ranked(values: list[float | None]) -> dict[str, Any]:
    rounded = (None if value is None else round(value, 1) for value in values)
    return {f"p{round(rank * 100)}": value for rank, value in zip(RANKS, rounded, strict=True)}
