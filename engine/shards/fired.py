"""Where each rule last fired on each channel, so that audio heard twice fires nothing twice. Pure.

Audio is heard twice by the successor of a worker that died, and by a session that continues another: a client that lost its
connection sends up to its last 20 s again, at the same positions. What fired in the audio before is told to whoever hears it
again. A firing that comes late, from a session that is still being heard to its end while its successor has begun, is known by
the utterance: one that began before where its rule has fired last was heard there. Sessions that continue each other share one
book, in both directions. Sessions of other conversations never do.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.options import Channel
from engine.speech.events import PhraseSpotted

FIRED_MAX = 500  # rules of a channel that a fresh worker is told of; what fired last (a packet holds more than this)
ENDED_MAX = 2000  # channels of leases that ended: the latest 1000 of two channels each


@dataclass(frozen=True, slots=True)
class Place:
    """A channel of a session; `key` is the session's id, or the conversation's where it has only one."""

    conversation_id: str
    key: str
    channel: Channel


@dataclass(slots=True)
class _Fired:
    """By rule, in the order of firing: where the channel's audio was, in ms."""

    at_ms: dict[str, int] = field(default_factory=dict)

    def note(self, rule: str, at_ms: int) -> None:
        at_ms = max(at_ms, self.at_ms.pop(rule, at_ms))
        self.at_ms[rule] = at_ms
        if len(self.at_ms) > FIRED_MAX:
            del self.at_ms[next(iter(self.at_ms))]


class FiredBook:
    """What has fired, by lease while it lives, by place for a while after its end."""

    def __init__(self) -> None:
        self._live: dict[int, tuple[Place, _Fired]] = {}
        self._ended: dict[Place, _Fired] = {}

    def begin(self, lease: int, place: Place, continues: Iterable[str]) -> None:
        """A lease begins; `continues` are the keys of sessions of the same conversation whose audio it may hear again."""
        known = [fired for key in continues for fired in self._at(Place(place.conversation_id, key, place.channel))]
        shared = known.pop() if known else _Fired()
        for fired in known:
            for rule, at_ms in fired.at_ms.items():
                shared.note(rule, at_ms)
        self._live[lease] = place, shared

    def _at(self, place: Place) -> list[_Fired]:
        living = [fired for where, fired in self._live.values() if where == place]
        return living or ([self._ended[place]] if place in self._ended else [])

    def fired_ms(self, lease: int) -> dict[str, int]:
        """By rule: where it last fired."""
        return dict(self._live[lease][1].at_ms)

    def note(self, lease: int, event: PhraseSpotted) -> bool:
        """Note what fired on a living lease; False where the same audio has fired the rule before."""
        fired = self._live[lease][1]
        news = fired.at_ms.get(event.rule, -1) <= event.utterance_start_ms
        fired.note(event.rule, event.audio_position_ms)
        return news

    def end(self, lease: int) -> None:
        """The lease has ended."""
        place, fired = self._live.pop(lease)
        if fired.at_ms:
            self._ended.pop(place, None)
            self._ended[place] = fired
            if len(self._ended) > ENDED_MAX:
                del self._ended[next(iter(self._ended))]
