"""What was said against what was delivered. Pure: clocks come as numbers.

A delivery belongs to a said phrase when it names the same conversation and the same phrase and puts the phrase's end near
the place known from the synthesiser: at most EARLY_MS before it (a phrase can be certain before its last sound is over; the
longest last word, "recording", takes 0.6 s) and at most LATE_MS after it (a final hypothesis may stretch the last word over
the pause that follows). No phrase is said twice in a call within the sum of both. Each said phrase counts once; whatever
else arrives is false, be it for something unsaid or a second time.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

EARLY_MS = 600
LATE_MS = 1500

FalseReason = Literal["not said", "twice"]


@dataclass(frozen=True, slots=True)
class SaidPhrase:
    """A phrase in a call, said by `ended_ns`."""

    conversation_id: str
    call: str
    phrase: str
    end_ms: int  # in the call's audio
    ended_ns: int  # monotonic


@dataclass(frozen=True, slots=True)
class Delivery:
    """A command as it reached the receiver."""

    id: str
    conversation_id: str
    phrase: str
    phrase_end_ms: int
    received_ns: int  # monotonic
    signature_ok: bool

    def fits(self, said: SaidPhrase) -> bool:
        """Whether this can be that phrase; conversation and phrase are known to be the same."""
        return -EARLY_MS <= self.phrase_end_ms - said.end_ms <= LATE_MS


@dataclass(frozen=True, slots=True)
class Heard:
    """A said phrase and the delivery that it led to."""

    said: SaidPhrase
    delivery: Delivery

    @property
    def after_ms(self) -> float:
        """Real time from the phrase's last sound to the webhook's arrival; below 0 when it was certain before that."""
        return (self.delivery.received_ns - self.said.ended_ns) / 1e6


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A delivery that belongs to nothing that was said."""

    delivery: Delivery
    reason: FalseReason


@dataclass(frozen=True, slots=True)
class Score:
    """Every said phrase is in `heard` or `missed`; every delivery is in `heard` or `false`."""

    heard: tuple[Heard, ...]
    missed: tuple[SaidPhrase, ...]
    false: tuple[FalseAlarm, ...]

    @property
    def said(self) -> int:
        """How many phrases were said."""
        return len(self.heard) + len(self.missed)

    @property
    def unsigned(self) -> int:
        """Deliveries whose signature was missing or wrong."""
        deliveries = [heard.delivery for heard in self.heard] + [alarm.delivery for alarm in self.false]
        return sum(not delivery.signature_ok for delivery in deliveries)


def score(said: Iterable[SaidPhrase], deliveries: Iterable[Delivery]) -> Score:
    """Give each delivery, in the order of arrival, the nearest phrase that it fits and that none has had before."""
    phrases = list(said)
    places: dict[tuple[str, str], list[SaidPhrase]] = defaultdict(list)
    for phrase in phrases:
        places[phrase.conversation_id, phrase.phrase].append(phrase)
    heard: dict[SaidPhrase, Delivery] = {}
    false = []
    for delivery in deliveries:
        fitting = [place for place in places[delivery.conversation_id, delivery.phrase] if delivery.fits(place)]
        free = [place for place in fitting if place not in heard]
        if free:
            heard[min(free, key=lambda place: abs(place.end_ms - delivery.phrase_end_ms))] = delivery
        else:
            false.append(FalseAlarm(delivery, "twice" if fitting else "not said"))
    return Score(
        heard=tuple(Heard(phrase, heard[phrase]) for phrase in phrases if phrase in heard),
        missed=tuple(phrase for phrase in phrases if phrase not in heard),
        false=tuple(false),
    )
