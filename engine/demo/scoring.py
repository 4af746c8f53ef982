"""What was said against what was delivered. Pure: clocks come as numbers.

A delivery belongs to a said phrase when it names the same conversation, channel and phrase and puts the phrase's end near
the place known from the synthesiser, as `engine.scoring` has it. No phrase is said twice in a call so closely that a
delivery could belong to either.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.options import Channel
from engine.scoring import FalseReason, match


@dataclass(frozen=True, slots=True)
class SaidPhrase:
    """A phrase in a call, said by `ended_ns`."""

    conversation_id: str
    call: str
    phrase: str
    end_ms: int  # in the call's audio
    ended_ns: int  # monotonic
    channel: Channel = "external"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A command as it reached the receiver."""

    id: str
    conversation_id: str
    phrase: str
    phrase_end_ms: int
    received_ns: int  # monotonic
    signature_ok: bool
    channel: Channel = "external"


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
    found = match(
        list(said),
        deliveries,
        lambda each: (each.conversation_id, each.channel, each.phrase),
        lambda each: (each.conversation_id, each.channel, each.phrase),
    )
    return Score(
        heard=tuple(Heard(phrase, delivery) for phrase, delivery in found.heard),
        missed=found.missed,
        false=tuple(FalseAlarm(delivery, reason) for delivery, reason in found.false),
    )
