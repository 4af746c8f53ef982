"""One call's connection: what is sent when, what answers show."""

import json
from collections.abc import AsyncIterator

from bench.baseline.line import OVER_AND_OVER, Line, Shown, track_of
from engine.simulator.playback import Playback

MS = 1_000_000
PHRASES = ("stop recording", "transfer me")


class Socket:
    """Takes what is sent; answers with what it was made with."""

    def __init__(self, *answers: dict) -> None:
        self.sent: list[bytes] = []
        self._answers = answers

    async def send(self, chunk: bytes) -> None:
        self.sent.append(chunk)

    async def __aiter__(self) -> AsyncIterator[str]:
        for answer in self._answers:
            yield json.dumps(answer)


def line(socket: Socket, samples: bytes, started_ns: int) -> Line:
    playback = Playback(track_of(samples), OVER_AND_OVER)
    playback.start(started_ns)
    return Line("a", socket, playback, Shown(PHRASES))


def test_an_utterance_shows_a_phrase_once():
    shown = Shown(PHRASES)
    assert shown.new({"partial": ""}) == set()
    assert shown.new({"partial": "please transfer"}) == set()
    assert shown.new({"partial": "please transfer me"}) == {"transfer me"}
    assert shown.new({"partial": "please transfer me and stop recording"}) == {"stop recording"}
    assert shown.new({"partial": "please transfer me"}) == set()
    assert shown.new({"text": "please transfer me"}) == set()
    assert shown.new({"partial": "transfer me"}) == {"transfer me"}


def test_a_final_may_be_the_first_to_show_it():
    shown = Shown(PHRASES)
    assert shown.new({"text": "transfer me", "result": []}) == {"transfer me"}
    assert shown.new({"text": "transfer me"}) == {"transfer me"}


def test_whole_words_only():
    assert Shown(PHRASES).new({"partial": "transfer merchandise nonstop recording"}) == set()


async def test_messages_of_twenty_milliseconds_on_the_clock_over_and_over(monkeypatch):
    socket = Socket()
    played = line(socket, b"a" * 320 + b"b" * 160, 1000 * MS)
    for now_ms, sent in [(1000, []), (1019, []), (1020, [320]), (1029, [320]), (1055, [320, 160, 320])]:
        monkeypatch.setattr("time.monotonic_ns", lambda now_ms=now_ms: now_ms * MS)
        await played.send_due()
        assert [len(chunk) for chunk in socket.sent] == sent
    assert [place for _, place in played.sent] == [20 * MS, 30 * MS, 50 * MS]
    assert played.late_ns == 25 * MS  # the second message was due at 1030


async def test_answers_are_to_messages_in_their_order(monkeypatch):
    played = line(Socket({"partial": ""}, {"partial": "transfer me"}), b"", 0)
    played.sent.extend([(1000 * MS, 20 * MS), (1020 * MS, 40 * MS), (1040 * MS, 60 * MS)])
    monkeypatch.setattr("time.monotonic_ns", lambda: 1030 * MS)
    await played.listen()
    assert played.answered == [(1000 * MS, 30 * MS), (1020 * MS, 10 * MS)]
    assert [sent_ns for sent_ns, _ in played.sent] == [1040 * MS]
    (delivery,) = played.deliveries
    assert (delivery.conversation_id, delivery.phrase) == ("a", "transfer me")
    assert (delivery.phrase_end_ms, delivery.received_ns) == (40, 1030 * MS)
