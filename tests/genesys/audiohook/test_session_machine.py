"""Any sequence of messages, wishes and silences: every step is the law's, every fault has one answer, all numbers go on."""

import json
import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.genesys.audiohook import events
from engine.genesys.audiohook.limits import SessionLimits
from engine.genesys.audiohook.session import AudioHookSession
from engine.genesys.audiohook.states import OURS, PEER, SILENT, State
from tests.genesys.audiohook.client import CONVERSATION, GOOD, MONO, NULL, ORGANIZATION, SESSION, STEREO, text

BROKEN = ["{", b"\xff", "[]", "{}", " " * 64_001]
WRONG = {"version": "1", "position": "1", "id": CONVERSATION, "seq": 10**6, "serverseq": 10**6, "parameters": []}
GOES_TO = {  # by the wishes of ours that change the state
    "opened": {State.OPEN},
    "disconnect": {State.DISCONNECTING},
    "closed": {State.CLOSED},
    "wait_over": {State.OVER, State.CLOSED},
}
ENTITIES = [{"type": "x", "data": None}]
OFFERS = st.lists(
    st.sampled_from([STEREO, MONO, {**STEREO, "format": "L16"}, {**MONO, "rate": 16_000}, None]), max_size=4
)


class Sessions(RuleBasedStateMachine):
    @initialize(
        slow=st.booleans(),
        organization=st.sampled_from([ORGANIZATION, ORGANIZATION, ORGANIZATION, NULL]),
        open_with=st.sampled_from([None, STEREO, MONO]),
    )
    def begin(self, slow, organization, open_with):
        limits = SessionLimits(messages_per_s=1, burst=5) if slow else SessionLimits()
        self.session = AudioHookSession(SESSION, organization, limits)
        self.now_s = 50.0
        self.seq = 0  # the newest that the session has seen
        self.sent = []
        self.heard = []
        self.position = 0
        self.offers = ()
        self.session.wait_s(self.now_s)
        if open_with and organization == ORGANIZATION:
            self.says("open", [open_with], 0, 0, 0)
            assert self.wish("opened", self.offers[0], [])

    def note(self, told):
        """Collect what was told and sent; the model's own count of the audio."""
        for event in told:
            self.heard.append(event)
            match event:
                case events.OpenAsked(asked):
                    self.offers, self.position = asked.media, asked.position_samples
                case events.AudioReceived(data):
                    self.position += len(data) // self.session.media.bytes_per_sample_frame
                case events.Resumed(samples) | events.Discarded(samples):
                    self.position += samples
        fresh = [json.loads(said) for said in self.session.data_to_send()]
        self.sent += fresh
        return fresh

    def follows_the_law(self, before, kind, told):
        after = self.session.state
        if any(isinstance(event, events.Faulty) for event in told):
            assert before not in SILENT
            assert after is State.DISCONNECTING
        else:
            assert after is before or any(
                law is after for (state, _), law in PEER.items() if state is before and isinstance(law, State)
            ), kind

    @rule(
        kind=st.sampled_from(sorted(GOOD)),
        media=OFFERS,
        lost_ms=st.integers(0, 9999),
        at_s=st.integers(0, 60),
        gap=st.integers(0, 3),
    )
    def says(self, kind, media, lost_ms, at_s, gap):
        parameters = dict(GOOD[kind])
        if kind == "open":
            parameters["media"] = media
        if "discarded" in parameters:
            parameters["discarded"] = f"PT{lost_ms / 1000}S"
        before = self.session.state
        seq = self.seq + 1 + (gap if before in SILENT else 0)  # numbers count no more then
        said = text(kind, seq, len(self.sent), parameters, position=f"PT{at_s}S")
        told = self.session.receive_text(said, self.now_s)
        fresh = self.note(told)
        self.follows_the_law(before, kind, told)
        if events.Faulty("too_many") in told or events.Ignored("too_many") in told:
            return
        self.seq = seq
        if kind == "ping" and before is not State.OVER:
            assert [(one["type"], one["clientseq"]) for one in fresh] == [("pong", self.seq)]
        if kind == "close" and before not in {State.CLOSING, State.CLOSED, State.OVER}:
            assert self.session.state is State.CLOSING
            assert isinstance(told[0], events.CloseAsked)

    @rule(said=st.sampled_from(BROKEN) | st.text(max_size=20) | st.binary(max_size=20))
    def mumbles(self, said):
        self.errs(said)

    @rule(kind=st.sampled_from(sorted(GOOD)), field=st.sampled_from(sorted(WRONG)))
    def says_wrong(self, kind, field):
        if self.session.state in SILENT and field not in {"version", "position", "parameters"}:
            return
        self.errs(json.dumps({**json.loads(text(kind, self.seq + 1)), field: WRONG[field]}))

    def errs(self, said):
        before = self.session.state
        (told,) = self.session.receive_text(said, self.now_s)
        fresh = self.note([told])
        if before in SILENT:
            assert isinstance(told, events.Ignored)
            assert self.session.state is before
            assert fresh == []
        else:
            assert isinstance(told, events.Faulty)
            assert [one["type"] for one in fresh] == ["disconnect"]

    @rule(size=st.sampled_from([0, 1, 2, 3, 4, 160, 1600, 64_000, 64_001, 64_004]))
    def plays(self, size):
        before = self.session.state
        told = self.session.receive_audio(bytes(size), self.now_s)
        fresh = self.note(told)
        self.follows_the_law(before, "audio", told)
        assert len(told) == 1
        assert [one["type"] for one in fresh] == (["disconnect"] if isinstance(told[0], events.Faulty) else [])

    @rule(data=st.data(), languages=st.lists(st.text(max_size=5), max_size=2))
    def opens(self, data, languages):
        media = data.draw(st.sampled_from([None, *self.offers]))
        asked = self.session.state is State.ASKED
        assert self.wish("opened", media, languages) is asked

    @rule(reason=st.sampled_from(["completed", "unauthorized", "error"]))
    def disconnects(self, reason):
        self.wish("disconnect", reason, "words")

    @rule(name=st.sampled_from(["pause", "resume", "updated"]))
    def wishes(self, name):
        self.wish(name)

    @rule()
    def reconnects(self):
        self.wish("reconnect", "words")

    @rule()
    def tells(self):
        try:
            self.wish("tell", ENTITIES, self.now_s)
        except ValueError:
            assert self.session.state is not State.CLOSING

    @rule()
    def closes(self):
        self.wish("closed")

    def wish(self, name, *words):
        before = self.session.state
        done = getattr(self.session, name)(*words)
        fresh = self.note(())
        kind = "event" if name == "tell" else name
        assert [one["type"] for one in fresh] == ([kind] if done else [])
        states = {message.TYPE: states for message, states in OURS.items()}[kind]
        assert before in states or not done
        assert self.session.state in (GOES_TO.get(name, {before}) if done else {before})
        return done

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 5.0, 9.0, 31.0]))
    def waits(self, seconds):
        self.now_s += seconds
        before, left_s = self.session.state, self.session.wait_s(self.now_s)
        fresh = self.note(self.session.wait_over(self.now_s))
        if left_s > 0:
            assert (self.session.state, fresh) == (before, [])
        else:
            assert self.session.state in GOES_TO["wait_over"] - {before}
            assert {one["type"] for one in fresh} <= {"disconnect", "closed"}

    @precondition(lambda self: hasattr(self, "session"))
    @invariant()
    def it_is_in_order(self):
        session, kinds = self.session, [one["type"] for one in self.sent]
        assert [one["seq"] for one in self.sent] == list(range(1, len(self.sent) + 1))
        assert all(isinstance(one["parameters"], dict) and one["id"] == SESSION for one in self.sent)
        assert [one["clientseq"] for one in self.sent] == sorted(one["clientseq"] for one in self.sent)
        assert session.position_samples == self.position
        assert kinds.count("opened") <= 1
        assert kinds.count("disconnect") <= 1
        if "opened" not in kinds:
            assert not {"event", "pause", "resume", "updated", "reconnect"} & {*kinds}
        if "closed" in kinds:
            assert {*kinds[kinds.index("closed") :]} <= {"closed", "pong"}
        for kind in (events.Faulty, events.CloseAsked, events.OpenAsked, events.Over):
            assert sum(isinstance(event, kind) for event in self.heard) <= 1
        assert (math.inf if session.state is State.OVER else 60) >= session.wait_s(self.now_s) >= 0
        assert session.close_code in {1000, 1008, 1009, 1011}


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
