"""What an AudioHook client says once it is let in: messages by themselves, and whole sessions with what their owner wishes."""

import re

import orjson

from engine.genesys.audiohook import events, messages
from engine.genesys.audiohook.decoding import MAX_LANGUAGE_CHARACTERS, Envelope, decode, read
from engine.genesys.audiohook.limits import SessionLimits
from engine.genesys.audiohook.media import choose
from engine.genesys.audiohook.session import AudioHookSession
from engine.genesys.audiohook.states import FAULTS, OVERS, PEER, SILENT, State
from tests.fuzz.target import Target

SESSION = "c2a1f7d4-3b7e-4f63-8a55-9e0d1b7c4e21"
ORGANIZATION = "5b1f3f0e-8f0c-4c39-9d35-0a4f7d2b6c11"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOST_SAMPLES = 8000 * 10_000_000
MOST_STEPS = 60
SECRET = b"+34600111222"  # in what is dropped
OPEN = (
    b'open{"organizationId":"5b1f3f0e-8f0c-4c39-9d35-0a4f7d2b6c11","conversationId":"7d0c2a94-5e1b-4c77-9a3f-2f8b6e1d0c55",'
    b'"participant":{"id":"e3b5c8a1-0d42-4b9e-8f17-6c2a9d5e7b30","ani":"+34600111222","aniName":"","dnis":""},'
    b'"media":[{"type":"audio","format":"PCMU","channels":["external","internal"],"rate":8000},'
    b'{"type":"audio","format":"L16","channels":["external"],"rate":8000}]'
)
ALLOWED = {*FAULTS.values(), *OVERS.values(), "words"}


def whole(kind_and_parameters: bytes, seq: int, serverseq: int = 0) -> bytes:
    """A message whose envelope is good."""
    kind, brace, parameters = kind_and_parameters.partition(b"{")
    head = b'{"version":"2","type":"%b","id":"%b","seq":%d,"serverseq":%d,"position":"PT1.5S","parameters":%b}'
    return head % (kind, SESSION.encode(), seq, serverseq, brace + parameters)


def message(data: bytes) -> None:
    """First byte: 1 for a type and its parameters, to be put into a good envelope; else the whole text."""
    envelope = read(whole(data[1:], 1) if data[:1] == b"\1" else data[1:])
    if not isinstance(envelope, Envelope):
        assert envelope in FAULTS
        return
    assert envelope.seq >= 1
    assert envelope.serverseq >= 0
    assert 0 <= envelope.position_ns < 10**16
    said = decode(envelope)
    match said:
        case messages.Open():
            _open(said)
        case messages.Resumed(samples) | messages.Discarded(samples):
            assert 0 <= samples <= MOST_SAMPLES
        case messages.Update(language):
            assert 1 <= len(language) <= MAX_LANGUAGE_CHARACTERS
        case messages.Error(code):
            assert code == 0 or 400 <= code <= 9999


def _open(said: messages.Open) -> None:
    ids = (said.organization_id, said.conversation_id, said.participant_id, *said.continued)
    assert all(map(UUID.fullmatch, ids))
    assert 0 <= said.position_samples <= MOST_SAMPLES
    assert said.language is None or 1 <= len(said.language) <= MAX_LANGUAGE_CHARACTERS
    chosen = choose(said.media, frozenset({"external", "internal"}))
    assert (chosen is None) == (said.media == ())
    told = orjson.loads(messages.encode(messages.Opened(chosen), SESSION, 1, 1))["parameters"]["media"]
    assert orjson.dumps(told) == orjson.dumps([chosen.raw] if chosen else [])


class Owner:
    """A session that is used as it should be; every step is checked against the law."""

    def __init__(self) -> None:
        self.session = AudioHookSession(SESSION, ORGANIZATION, SessionLimits(messages_per_s=5, burst=10))
        self.now_s = 100.0
        self.seq = 0
        self.sent: list[str] = []
        self.faults = 0
        self.session.wait_s(self.now_s)

    def step(self, what: bytes) -> None:
        """\\1 plays so much audio, \\2 waits, \\3 is a wish of the owner's, \\4 a type and parameters; all else is text."""
        before = self.session.state
        told = self._do(what)
        for event in told:
            if isinstance(event, events.OpenAsked):
                self.session.opened(choose(event.open.media, frozenset({"external"})), ["en-US"])
            self.faults += isinstance(event, events.Faulty)
            assert SECRET.decode() not in repr(event)
        assert len(told) <= 1
        assert self.faults <= 1
        assert before in SILENT or not told or not isinstance(told[0], events.Faulty) or self.session.state in SILENT
        self._collect()

    def _do(self, what: bytes) -> list[events.SessionEvent]:
        session, number = self.session, what[1] if len(what) > 1 else 0
        match what[:1]:
            case b"\1":
                return [*session.receive_audio(bytes(number * 251), self.now_s)]
            case b"\2":
                self.now_s += number / 4
                return [*session.wait_over(self.now_s)]
            case b"\3":
                self._wish(number)
                return []
            case b"\4":
                self.seq += 1
                return [*session.receive_text(whole(what[1:], self.seq, len(self.sent)), self.now_s)]
        return [*session.receive_text(what, self.now_s)]

    def _wish(self, number: int) -> None:
        session = self.session
        wishes = (session.pause, session.resume, session.updated, session.closed)
        wishes += (lambda: session.disconnect("error", "words"), lambda: session.reconnect("words"))
        wishes += (lambda: self.now_s > 105 and session.tell([{"type": "x"}], self.now_s),)
        wishes[number % len(wishes)]()

    def _collect(self) -> None:
        kinds = []
        for text in self.session.data_to_send():
            said = orjson.loads(text)
            self.sent.append(said["type"])
            kinds.append(said["type"])
            assert said["seq"] == len(self.sent)
            assert said["parameters"].get("info", "words") in ALLOWED
            assert said["id"].lower() == SESSION
        assert len(kinds) <= 1
        if "closed" in self.sent:
            assert set(self.sent[self.sent.index("closed") :]) <= {"closed", "pong"}
        assert self.sent.count("disconnect") <= 1
        assert self.session.wait_s(self.now_s) >= 0


def session(data: bytes) -> None:
    """Steps with a NUL between them."""
    owner = Owner()
    for what in data.split(b"\0", MOST_STEPS)[:MOST_STEPS]:
        before = owner.session.state
        owner.step(what)
        after = owner.session.state
        allowed = {law for (state, _), law in PEER.items() if state is before}
        assert after in {before, *allowed, *_OURS.get(before, ())}


_STOPS = (State.DISCONNECTING, State.OVER)
_OURS: dict[State, tuple[State, ...]] = {
    State.OPENING: (*_STOPS, State.OPEN),  # asked and opened in one step
    State.OPEN: _STOPS,
    State.PAUSED: _STOPS,
    State.DISCONNECTING: (State.OVER,),
    State.CLOSING: (State.CLOSED,),
    State.CLOSED: (State.OVER,),
}
_SAID = (
    OPEN + b',"language":"es-419","supportedLanguages":true,"continuedSessions":[{"id":"x"}],"customConfig":null}',
    b'ping{"rtt":"PT0.001103104S"}',
    b'update{"language":"en-US"}',
    b"paused{}",
    b'discarded{"start":"PT7.8S","discarded":"PT4.5S"}',
    b'resumed{"start":"PT7.8S","discarded":"PT.5S"}',
    b'dtmf{"digit":"5"}',
    b"playback_started{}",
    b'error{"code":408,"message":"+34600111222"}',
    b"weather{}",
    b'close{"reason":"end"}',
)
_LIFE = b"\0".join(b"\4" + said for said in _SAID)
_WORDS = (
    *(b'"version"', b'"type"', b'"id"', b'"seq"', b'"serverseq"', b'"position"', b'"parameters"', b'"organizationId"'),
    *(
        b'"conversationId"',
        b'"participant"',
        b'"media"',
        b'"language"',
        b'"supportedLanguages"',
        b'"continuedSessions"',
    ),
    *(
        b'"start"',
        b'"discarded"',
        b'"rtt"',
        b'"reason"',
        b'"code"',
        b'"digit"',
        b'"PT1S"',
        b'"PT.5S"',
        b"PT0.",
        b"null",
    ),
)

TARGETS = (
    Target(
        *("audiohook-messages", "what an AudioHook client says, message by message", message, ()),
        seeds=(
            *(b"\1" + said for said in _SAID),
            *(b"\0" + whole(said, 7) for said in _SAID[:3]),
            b"\0" + b"[" * 2000,
            b"\0" + b" " * 64_001,
            b'\1ping{"rtt":"PT' + b"9" * 60 + b'S"}',
        ),
        words=(*_WORDS, b'"L16"', b'"PCMU"', b'"internal"', b'"channels"', b"1e999", b"\\ud800"),
        most_bytes=2048,
    ),
    Target(
        *("audiohook-session", "an AudioHook session: messages, audio, silences and its owner's wishes", session, ()),
        seeds=(
            _LIFE,
            b"\4" + _SAID[0] + b"\0\1\x02\0\1\x40\0\2\x08\0\3\6\0\1\1\0\1\3" + b"\0\4close{}\0\3\3\0\2\x50",
            b"\4" + _SAID[0] + b"\0{\0\4ping{}\0" + whole(b"ping{}", 99) + b"\0\4close{}\0\3\3",
            b"\4" + _SAID[0] + b"\0\2\xff",
            b"\0".join([b"\4ping{}"] * 30),
            b"\2\xff\0\4ping{}",
        ),
        words=(
            b"\0\1\2",
            b"\0\2\x20",
            b"\0\3\1",
            b"\0\3\3",
            b"\0\3\4",
            b"\0\4ping{}",
            b"\0\4close{}",
            b"\0\4paused{}",
            *_WORDS,
        ),
        most_bytes=4096,
    ),
)
