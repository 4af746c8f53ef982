"""The calls that are played, as the simulator reports them, and when what is said in them. Pure.

Times are nanoseconds of this machine's monotonic clock, which all its processes share; places are milliseconds of a call's
audio. The simulator sends a message when its last sample has been spoken, so a phrase's end in the recording, counted from
the call's beginning, is the earliest moment at which anyone can have heard all of it.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from engine.demo.scoring import SaidPhrase
from engine.options import Channel
from engine.simulator.options import Said

NS_PER_MS = 1_000_000


class PlayedCall(BaseModel):
    """One entry of `GET /simulator/calls`; keys that the demo does not need are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    conversation_id: str
    name: str = Field(alias="file")  # the recording, then told apart by `numbered`
    started_ns: int | None = Field(None, alias="started_at_ns")  # may lie ahead; None before its first subscription
    duration_ms: int
    said: tuple[Said, ...] = ()
    state: str = ""  # "waiting", "live" or "ended"
    channels: tuple[Channel, ...] = (
        "external",
    )  # that somebody listens to; none yet, before an AudioHook call is taken

    def elapsed_ms(self, now_ns: int) -> int:
        """Since it began; past its end too, below 0 when it is about to begin, 0 when nobody knows yet."""
        return 0 if self.started_ns is None else (now_ns - self.started_ns) // NS_PER_MS

    def position_ms(self, now_ns: int) -> int:
        """How far its audio has come."""
        return max(0, min(self.duration_ms, self.elapsed_ms(now_ns)))

    def live(self, now_ns: int) -> bool:
        """Whether it is being played."""
        return 0 < self.position_ms(now_ns) < self.duration_ms


_CALLS = TypeAdapter(tuple[PlayedCall, ...])


def read_calls(body: bytes) -> tuple[PlayedCall, ...]:
    """Calls of the simulator's answer, each with a name of its own. ValueError where it is no such answer."""
    return numbered(_CALLS.validate_json(body))


def read_call(body: bytes) -> PlayedCall:
    """The call that the simulator has placed. ValueError where the answer is none."""
    return PlayedCall.model_validate_json(body)


def numbered(calls: Iterable[PlayedCall]) -> tuple[PlayedCall, ...]:
    """`call-01.wav` → `call-01`; when a recording is played again, `call-01 #2`."""
    seen: dict[str, int] = {}
    named = []
    for call in calls:
        stem = call.name.removesuffix(".wav")
        seen[stem] = seen.get(stem, 0) + 1
        named.append(call.model_copy(update={"name": stem if seen[stem] == 1 else f"{stem} #{seen[stem]}"}))
    return tuple(named)


def phrases_of(calls: Iterable[PlayedCall]) -> list[SaidPhrase]:
    """All phrases of the calls that have begun, said already or not, in the order of their ends."""
    phrases = [
        SaidPhrase(
            call.conversation_id,
            call.name,
            each.phrase,
            each.end_ms,
            call.started_ns + each.end_ms * NS_PER_MS,
            each.channel,
        )
        for call in calls
        if call.started_ns is not None
        for each in call.said
    ]
    return sorted(phrases, key=lambda each: each.ended_ns)


def lanes(calls: Iterable[PlayedCall]) -> list[tuple[PlayedCall, Channel]]:
    """Every call with each of its channels: the lines of a picture. A call has one even before it is taken."""
    return [(call, channel) for call in calls for channel in call.channels or ("external",)]


def two_sided(calls: Iterable[PlayedCall]) -> bool:
    """Whether customers and agents are to be told apart."""
    return any("internal" in call.channels for call in calls)


def recording_of(name: str, channel: Channel) -> str:
    """What a call of this name plays there: `call-01+call-02 #2` has two recordings, the customer's first."""
    stems = name.partition(" #")[0].split("+")
    return stems[0] if channel == "external" else stems[-1]


def most_at_once(calls: Iterable[PlayedCall]) -> int:
    """The greatest number of calls that were live at one moment."""
    steps = []
    for call in calls:
        if call.started_ns is not None:
            steps += [(call.started_ns, 1), (call.started_ns + call.duration_ms * NS_PER_MS, -1)]
    most = live = 0
    for _, step in sorted(steps):  # at equal times the one that ends goes first
        live += step
        most = max(most, live)
    return most
