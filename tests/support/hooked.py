"""An engine with an AudioHook server as a process, and sessions with it that are led by hand, as Genesys or against it.

A `Voice` sends recordings at once instead of in real time, so that a test takes as long as decoding does and what is expected
does not depend on how fast anything is. Where it says `number`, recordings of the simulator's speech are meant, from 1.
"""

import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.simulator.audiohook import AudioHookCalls, AudioHookClient, HookOptions, calls_of_speech, durations
from engine.simulator.audiohook.recordings import read_ulaw
from engine.simulator.audiohook.ulaw import SILENCE
from tests.support.commands import Receiver
from tests.support.engine import Environment
from tests.support.following import MANIFEST, SPEECH, Running, assert_heard, delivered, running
from tests.support.waiting import until

KEY = "demo-key_01"
SECRET = "bm90LWEtcmVhbC1zZWNyZXQtMDEyMzQ1Njc4OWFiY2Q="
ORGANIZATION = "5b1f3f0e-8f0c-4c39-9d35-0a4f7d2b6c11"
PHRASES = "transfer me,cancel my order,stop recording,technical support,speak to a manager,close my account"
ENVIRONMENT = {
    "CUELINE_AUDIOHOOK_PORT": "0",
    "CUELINE_AUDIOHOOK_API_KEY": KEY,
    "CUELINE_AUDIOHOOK_CLIENT_SECRET": SECRET,
    "CUELINE_AUDIOHOOK_ORGANIZATION_ID": ORGANIZATION,
}
SAMPLES_PER_MS = 8
MOST_BYTES = 64_000  # of a message
HEARD_BY_MS = 600  # after the end of a phrase, if no more comes than that
COUNTED = {
    "cueline_audiohook_connections_refused_total": "refused",
    "cueline_audiohook_faults_total": "fault",
    "cueline_messages_ignored_total": "ignored",
    "cueline_audiohook_probes_total": "probe",
}
_SAMPLE = re.compile(r'(\w+)(?:\{(\w+)="(\w+)"\})? (\S+)')


class Voice(AudioHookClient):
    """A session led by hand that speaks recordings."""

    @property
    def session_id(self) -> str:
        return self.dialogue.id

    async def begin(self, **changes: Any) -> dict[str, Any]:
        """Connect and open; the parameters of `opened`."""
        await self.connect()
        answer = await self.open(**changes)
        assert answer.type == "opened", answer
        return answer.parameters

    def woven(self, until_ms: int, from_ms: int = 0, **numbers: int) -> bytes:
        """This part of the recordings (`external=1, internal=2`) on the session's channels; silence where none is named."""
        samples = (until_ms - from_ms) * SAMPLES_PER_MS
        woven = np.full((samples, len(self.channels)), SILENCE, np.uint8)
        for channel, number in numbers.items():
            heard = codes(number)[from_ms * SAMPLES_PER_MS : until_ms * SAMPLES_PER_MS]
            woven[: len(heard), self.channels.index(channel)] = heard
        return woven.tobytes()

    def speak(self, until_ms: int, from_ms: int = 0, **numbers: int) -> None:
        """Send it, in as few messages as may be."""
        audio = self.woven(until_ms, from_ms, **numbers)
        for at in range(0, len(audio), MOST_BYTES):
            self.send_audio(audio[at : at + MOST_BYTES])

    def lose(self, ms: int, type_: str) -> None:
        """Say that so much is left out here, by `resumed` or `discarded`."""
        lost = {"start": durations.of_samples(self.dialogue.position), "discarded": f"PT{ms / 1000}S"}
        self.dialogue.position += ms * SAMPLES_PER_MS
        self.say(type_, lost)

    async def ping(self) -> None:
        """One, and its answer."""
        self.say("ping")
        await self.expect("pong")


def codes(number: int) -> np.ndarray:
    """A recording in µ-law."""
    return read_ulaw(SPEECH / MANIFEST[number - 1]["file"])[0]


@dataclass
class Hooked:
    """The engine, and how to come to it."""

    engine: Running
    url: str

    def options(self, **settings: Any) -> HookOptions:
        """A client's, with the right credentials. The client waits for long: tests may be slow."""
        given = {
            "url": self.url,
            "api_key": KEY,
            "client_secret": SECRET,
            "organization_id": ORGANIZATION,
            "connect_timeout_s": 30,
            "open_timeout_s": 30,
            "pong_timeout_s": 30,
            "close_timeout_s": 30,
        }
        return HookOptions.model_validate(given | settings)

    @contextlib.asynccontextmanager
    async def voice(self, **settings: Any) -> AsyncIterator[Voice]:
        """A session that is not connected yet."""
        async with Voice(self.options(**settings)) as voice:
            yield voice

    @contextlib.asynccontextmanager
    async def call(self, conversation_id: str | None = None, **settings: Any) -> AsyncIterator[Voice]:
        """A session that is open; closed with the block, if it isn't yet."""
        async with self.voice(**settings) as voice:
            voice.conversation_id = conversation_id or voice.conversation_id
            await voice.begin()
            yield voice
            if not voice.dialogue.closed:
                await voice.close()

    async def counts(self) -> Counter[str]:
        """What was counted of wrong sessions: `refused key_unknown`, `fault seq`, `ignored repeated`, `probe`."""
        _, text = await self.engine.ask("GET", "/metrics")
        found = Counter[str]()
        for line in text.splitlines():
            sample = _SAMPLE.fullmatch(line)
            if sample and sample[1] in COUNTED:
                found[" ".join(filter(None, (COUNTED[sample[1]], sample[3])))] = int(float(sample[4]))
        return +found

    async def sockets(self) -> float:
        return await self.engine.metric("cueline_audiohook_sockets")


@contextlib.asynccontextmanager
async def hooked(
    tmp_path: Path, environment: Environment | None = None, config: str | None = None
) -> AsyncIterator[Hooked]:
    """`cueline run` with an AudioHook server on a free port, and the credentials of this module."""
    async with running(ENVIRONMENT | dict(environment or {}), tmp_path, config) as engine:
        yield Hooked(engine, engine.command.logged("cueline is up")[0]["audiohook"])


def spotted(hook: Receiver, conversation_id: str) -> list[tuple[str, str, int]]:
    """Channel, phrase and its end in ms, of what was delivered for a conversation; in the order of the audio."""
    found = [
        (data["channel"], data["phrase"], data["phrase_end_ms"])
        for data in delivered(hook)
        if data["conversation_id"] == conversation_id
    ]
    return sorted(found, key=lambda each: (each[2], each[0]))


def on(channel: str, found: list[tuple[str, str, int]]) -> list[tuple[str, int]]:
    """Phrases of one channel, for `assert_heard`."""
    return [(phrase, end_ms) for each, phrase, end_ms in found if each == channel]


def rules_of(url: str) -> str:
    """Configuration: a rule for each phrase, on any channel, whose events go to this webhook."""
    rules = [
        f'[[rules]]\nname = "{phrase.replace(" ", "-")}"\nphrases = ["{phrase}"]\nsinks = ["hook"]\n'
        for phrase in PHRASES.split(",")
    ]
    return f'[[sinks]]\nname = "hook"\ntype = "webhook"\nurl = "{url}"\n' + "".join(rules)


def said(until_ms: int, **numbers: int) -> list[tuple[str, str, int]]:
    """What is said in these recordings (`external=1, internal=2`) by then, as `spotted` has it; ends as the manifest has them."""
    found = [
        (channel, each["phrase"], each["end_ms"])
        for channel, number in numbers.items()
        for each in MANIFEST[number - 1]["said"]
        if each["end_ms"] + HEARD_BY_MS <= until_ms
    ]
    return sorted(found, key=lambda each: (each[2], each[0]))


def assert_spotted(found: list[tuple[str, str, int]], wanted: list[tuple[str, str, int]]) -> None:
    """The same phrases on the same channels, each once and near its place."""
    for channel in ("external", "internal"):
        assert_heard(on(channel, found), on(channel, wanted))


@contextlib.asynccontextmanager
async def good_call(it: Hooked, hook: Receiver, speed: float = 1.0) -> AsyncIterator[AudioHookCalls]:
    """A call of two channels that goes on beside what the block does; at its end it has lost nothing."""
    options = it.options(calls=calls_of_speech(SPEECH, 2, 1), speed=speed, loop=True)
    async with AudioHookCalls(options) as beside:
        (call,) = beside.calls
        await until(lambda: call.state == "live", 60)
        yield beside
        first = max(each.end_ms for each in call.plays.said)
        await until(lambda: call.report().position_ms > first + HEARD_BY_MS, 60)
        call.end()
        await beside.wait()
        await it.engine.settled()
    summary, report = beside.summary(), call.report()
    assert (summary["ok"], summary["sessions"], summary["unsolicited"]) == (True, 1, {}), summary
    assert summary["ping_ms"]["count"] > 1
    found = spotted(hook, report.conversation_id)
    rounds = range(report.position_ms // report.duration_ms + 1)
    for channel in ("external", "internal"):
        wanted = [
            (each.phrase, each.end_ms + number * report.duration_ms)
            for number in rounds
            for each in call.plays.said
            if each.channel == channel
        ]
        heard = on(channel, found)
        assert_heard(heard, wanted[: len(heard)])
        assert len(heard) >= len([end_ms for _, end_ms in wanted if end_ms + HEARD_BY_MS < report.position_ms])
