"""Faults within a session: before `open`, in it, in mid-call, after `close`; and peers that go, or stop, or never stop."""

from collections.abc import Awaitable, Callable
from typing import Any

from engine.simulator.audiohook.client import AudioHookClient
from engine.simulator.audiohook.fault import Ended, Fault, expects
from engine.simulator.audiohook.frames import BINARY, PING, frame
from engine.simulator.audiohook.options import NULL_ID

Act = Callable[[AudioHookClient], Awaitable[None]]
OTHER_ID = "c2a1f7d4-3b7e-4f63-8a55-9e0d1b7c4e21"
DISCONNECT = expects("disconnect")
CLOSED = expects("closed")
EITHER = expects("disconnect", "closed")
CUT = expects("disconnect", "dropped")
GONE = expects("left")


def _live(*steps: Callable[[AudioHookClient], object]) -> Act:
    """A session that is open and has had some audio; then these steps."""

    async def act(client: AudioHookClient) -> None:
        await client.connect()
        await client.open()
        client.send_silence(0.2)
        client.say("ping")
        await client.expect("pong")
        for step in steps:
            step(client)

    return act


def _fresh(*steps: Callable[[AudioHookClient], object]) -> Act:
    """A socket on which nothing was said; then these steps."""

    async def act(client: AudioHookClient) -> None:
        await client.connect()
        for step in steps:
            step(client)

    return act


def _opens(**changes: Any) -> Act:
    """`open` with something else in its parameters."""

    async def act(client: AudioHookClient) -> None:
        await client.connect()
        await client.open(**changes)

    return act


def _says(type_: str, parameters: dict[str, Any] | None = None, **wrong: Any) -> Callable[[AudioHookClient], object]:
    return lambda client: client.say(type_, parameters, **wrong)


def _open(client: AudioHookClient, **wrong: Any) -> None:
    client.say("open", client.open_parameters(), **wrong)


def _text(data: bytes) -> Callable[[AudioHookClient], object]:
    return lambda client: client.send_text(data)


def _audio(data: bytes) -> Callable[[AudioHookClient], object]:
    return lambda client: client.send_audio(data)


def _raw(data: bytes) -> Callable[[AudioHookClient], object]:
    return lambda client: client.socket.put(data)


def _jump(by: int) -> Callable[[AudioHookClient], object]:
    """The next message's seq is wrong by so much."""

    def step(client: AudioHookClient) -> None:
        client.dialogue.seq += by
        client.say("ping")

    return step


def _many(count: int, step: Callable[[AudioHookClient], object]) -> Callable[[AudioHookClient], object]:
    def steps(client: AudioHookClient) -> None:
        for _ in range(count):
            step(client)

    return steps


async def _closed_then(client: AudioHookClient, *steps: Callable[[AudioHookClient], object]) -> None:
    await _live()(client)
    client.say("close", {"reason": "end"})
    for step in steps:
        step(client)
    await client.expect("closed", "disconnect")


def _after_close(*steps: Callable[[AudioHookClient], object]) -> Act:
    """Said in one go with `close`, before `closed` has come."""

    async def act(client: AudioHookClient) -> None:
        await _closed_then(client, *steps)

    return act


async def _never_closes(client: AudioHookClient) -> None:
    await _closed_then(client)
    await client.gone(14)


async def _replies_out_of_sequence(client: AudioHookClient) -> None:
    await _live(_jump(5))(client)
    await client.expect("disconnect")
    client.dialogue.seq += 7
    await client.close("disconnect")


def _bare(client: AudioHookClient) -> None:
    client.send_text(client.dialogue.say("ping").replace(b',"parameters":{}', b""))


def _leave(client: AudioHookClient) -> None:
    client.left = True


def _half_frame(client: AudioHookClient) -> None:
    whole = frame(BINARY, bytes(1600))
    client.socket.put(whole[:800])


def _hang_up(client: AudioHookClient) -> None:
    """End of the stream, without a close of either kind."""
    _leave(client)
    client.socket.let_go()


def _stop_reading(client: AudioHookClient) -> None:
    client.stop_reading()
    _many(20_000, _says("ping"))(client)


def _row(says: str, ended: frozenset[Ended], act: Act, **settings: Any) -> Fault:
    return Fault(says, ended, act, **settings)


UNKNOWN = [{"type": "audio", "format": "OPUS", "channels": ["external"], "rate": 48_000}, {"type": "video"}]
KNOWN = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
REVERSED = {"type": "audio", "format": "PCMU", "channels": ["internal", "external"], "rate": 8000}
PROBE = {"conversationId": NULL_ID, "participant": {"id": NULL_ID, "ani": "", "aniName": "", "dnis": ""}}
BIG = b"x" * 64_001

SESSION_FAULTS: dict[str, Fault] = {
    "never_opens": _row("a WebSocket on which nothing is said", CUT, _fresh(), calm_s=0, patience_s=40),
    "audio_before_open": _row("audio, then nothing", CUT, _fresh(_audio(bytes(1600))), calm_s=0, patience_s=40),
    "ping_before_open": _row("ping comes first", EITHER, _fresh(_says("ping"), _open)),
    "close_before_open": _row("close comes first", EITHER, _fresh()),
    "open_twice": _row("open comes again", EITHER, _live(_open)),
    "open_wrong_id": _row("open of another session", DISCONNECT, _fresh(lambda client: _open(client, id=OTHER_ID))),
    "open_wrong_seq": _row("open has seq 2", DISCONNECT, _fresh(lambda client: _open(client, seq=2))),
    "open_other_organization": _row("open of another organization", DISCONNECT, _opens(organizationId=OTHER_ID)),
    "open_without_conversation": _row("open without conversationId", DISCONNECT, _opens(conversationId=None)),
    "open_without_participant": _row("open without participant", DISCONNECT, _opens(participant=None)),
    "open_oversize": _row("open of more than 64,000 bytes", CUT, _opens(customConfig={"x": "y" * 64_000})),
    "probe": _row("null ids", CLOSED, _opens(**PROBE)),
    "media_empty": _row("no media are offered", EITHER, _opens(media=[])),
    "media_unknown": _row("only unknown media are offered", EITHER, _opens(media=UNKNOWN)),
    "media_some_unknown": _row("unknown media stand before a known one", CLOSED, _opens(media=[*UNKNOWN, KNOWN])),
    "media_reversed": _row("channels are offered the other way round", CLOSED, _opens(media=[REVERSED, KNOWN])),
    "not_json": _row("broken JSON", DISCONNECT, _live(_text(b'{"version":"2","ty'))),
    "not_utf8": _row("a text message that is not UTF-8", CUT, _live(_text(b'{"version":"\xff\xfe"}'))),
    "not_object": _row("a JSON array", DISCONNECT, _live(_text(b"[]"))),
    "deep_json": _row("JSON nested 20,000 deep", CUT, _live(_text(b"[" * 20_000 + b"]" * 20_000))),
    "wrong_version": _row("version 3", DISCONNECT, _live(_says("ping", version="3"))),
    "wrong_id": _row("another session's id", DISCONNECT, _live(_says("ping", id=OTHER_ID))),
    "bad_position": _row("a position of PT1M", DISCONNECT, _live(_says("ping", position="PT1M"))),
    "no_parameters": _row("no parameters", DISCONNECT, _live(_bare)),
    "seq_gap": _row("a seq is left out", DISCONNECT, _live(_jump(1))),
    "seq_repeat": _row("a seq comes again", DISCONNECT, _live(_jump(-1))),
    "serverseq_ahead": _row("serverseq of a message to come", DISCONNECT, _live(_says("ping", serverseq=1000))),
    "unknown_type": _row("a type that nobody knows", EITHER, _live(_says("weather", {"rain": True}))),
    "missing_parameter": _row("discarded without durations", DISCONNECT, _live(_says("discarded"))),
    "text_oversize": _row("text of 64,001 bytes", CUT, _live(_text(BIG))),
    "text_megabyte": _row("text of a megabyte", CUT, _live(_text(b"x" * 1_048_576))),
    "binary_oversize": _row("audio of 64,002 bytes", CUT, _live(_audio(b"\xff" * 64_002))),
    "binary_megabyte": _row("audio of a megabyte", CUT, _live(_audio(b"\xff" * 1_048_576))),
    "odd_stereo": _row("stereo audio of an odd number of bytes", DISCONNECT, _live(_audio(b"\xff" * 1601))),
    "empty_audio": _row("audio of no bytes", CLOSED, _live(_audio(b""))),
    "tiny_audio": _row("audio of one sample at a time", CLOSED, _live(_many(200, _audio(b"\xff\xff")))),
    "fragmented_audio": _row(
        "an audio message in two frames, a ping between them", CLOSED,
        _live(_raw(frame(BINARY, bytes(801), fin=False) + frame(PING, b"") + frame(0, bytes(799)))),
    ),
    "half_frame": _row("half an audio frame, then the connection breaks", GONE, _live(_half_frame, AudioHookClient.vanish)),
    "unmasked_frame": _row("a frame without a mask", CUT, _live(_raw(b"\x81\x02{}")), patience_s=20),
    "reserved_opcode": _row("a frame of a kind that WebSocket does not know", CUT, _live(_raw(frame(0x3, b"x")))),
    "audio_while_paused": _row("audio between paused and resumed", EITHER, _live(_says("paused"), _audio(bytes(1600)))),
    "paused_twice": _row("paused comes again", CLOSED, _live(_says("paused"), _says("paused"))),
    "resumed_unpaused": _row(
        "resumed without paused", EITHER, _live(_says("resumed", {"start": "PT0.2S", "discarded": "PT1S"}))
    ),
    "audio_after_close": _row("audio after close", EITHER, _after_close(_audio(bytes(1600)))),
    "ping_after_close": _row("ping after close", CLOSED, _after_close(_says("ping"))),
    "ping_flood": _row("20,000 pings at once", expects("disconnect", "closed", "dropped"), _live(_many(20_000, _says("ping")))),
    "text_flood": _row(
        "20,000 messages of an unknown type at once", expects("disconnect", "dropped"),
        _live(_many(20_000, _says("weather"))),
    ),
    "stops_reading": _row("20,000 pings, and no answer is read", expects("disconnect", "dropped", "silent"), _live(_stop_reading), calm_s=0, patience_s=30),
    "vanishes": _row("the connection breaks", GONE, _live(AudioHookClient.vanish)),
    "hangs_up": _row("the connection ends without close", GONE, _live(_hang_up)),
    "goes_silent": _row("nothing more comes, no ping either", CUT, _live(), calm_s=0, patience_s=90),
    "ignores_disconnect": _row("disconnect is not answered", DISCONNECT, _live(_text(b"{")), answers=False, patience_s=40),
    "closes_out_of_sequence": _row("the answer to disconnect has any seq", DISCONNECT, _replies_out_of_sequence),
    "never_closes": _row("the socket stays open after closed", CLOSED, _never_closes, patience_s=40),
}  # fmt: skip
