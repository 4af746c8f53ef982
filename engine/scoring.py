"""What was said against what was heard, and figures of it. Pure; shared by `evaluate`, the demo and the benchmarks.

Something heard belongs to a said phrase when both have the same key (place and phrase; the caller says what that is) and it
puts the phrase's end near the known one: at most EARLY_MS before it (a phrase can be certain before its last sound is over;
the longest last word, "recording", takes 0.6 s) and at most LATE_MS after it (a final hypothesis may stretch the last word
over the pause that follows). Each said phrase counts once; whatever else is heard is false, be it for something unsaid or
a second time.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from engine.percentiles import percentile

EARLY_MS = 600
LATE_MS = 1500
Z_95 = 1.959964  # of the normal distribution, two-sided
NONE_SEEN_95 = 3.0  # rule of three: with none seen in n, fewer than 3 / n with 95 % confidence

FalseReason = Literal["not said", "twice"]


class Said(Protocol):
    """A phrase at its place."""

    @property
    def end_ms(self) -> int:
        """Where its last sound is over."""
        ...


class Spotted(Protocol):
    """Something heard."""

    @property
    def phrase_end_ms(self) -> int:
        """Where the pipeline puts its end."""
        ...


S = TypeVar("S", bound=Said)
H = TypeVar("H", bound=Spotted)


@dataclass(frozen=True, slots=True)
class Matching(Generic[S, H]):
    """Every said phrase is in `heard` or `missed`, in the order given; everything heard is in `heard` or `false`."""

    heard: tuple[tuple[S, H], ...]
    missed: tuple[S, ...]
    false: tuple[tuple[H, FalseReason], ...]


def match(
    said: Sequence[S], spotted: Iterable[H], said_key: Callable[[S], Hashable], spotted_key: Callable[[H], Hashable]
) -> Matching[S, H]:
    """Give each thing heard, in the order given, the nearest phrase that it fits and that none has had before."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for index, phrase in enumerate(said):
        places[said_key(phrase)].append(index)
    heard: dict[int, H] = {}
    false: list[tuple[H, FalseReason]] = []
    for event in spotted:
        offsets_ms = {index: event.phrase_end_ms - said[index].end_ms for index in places.get(spotted_key(event), ())}
        fitting = [index for index, offset_ms in offsets_ms.items() if -EARLY_MS <= offset_ms <= LATE_MS]
        free = [index for index in fitting if index not in heard]
        if free:
            heard[min(free, key=lambda index: abs(offsets_ms[index]))] = event
        else:
            false.append((event, "twice" if fitting else "not said"))
    return Matching(
        heard=tuple((phrase, heard[index]) for index, phrase in enumerate(said) if index in heard),
        missed=tuple(phrase for index, phrase in enumerate(said) if index not in heard),
        false=tuple(false),
    )


def wilson(hits: int, of: int) -> tuple[float, float] | None:
    """Wilson's 95 % interval of a share, from 0 to 1; None of nothing."""
    if not of:
        return None
    share, z2 = hits / of, Z_95 * Z_95
    middle = share + z2 / (2 * of)
    reach = Z_95 * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    low, high = (middle - reach) / (1 + z2 / of), (middle + reach) / (1 + z2 / of)
    return (0.0 if hits == 0 else low), (1.0 if hits == of else high)


@dataclass(frozen=True, slots=True)
class Tally:
    """How much was said, how late it was heard, and how much was heard that nobody said."""

    said: int = 0
    latencies_ms: tuple[
        int, ...
    ] = ()  # of each heard phrase: its end in the audio to where the audio was when it fired
    false_alarms: int = 0

    @property
    def heard(self) -> int:
        """Phrases that were said and heard."""
        return len(self.latencies_ms)

    @property
    def missed(self) -> int:
        """Phrases that were said and not heard."""
        return self.said - self.heard

    @property
    def recall(self) -> float | None:
        """Share of the said phrases that were heard; None where nothing was said."""
        return self.heard / self.said if self.said else None

    def latency_ms(self, rank: float) -> float | None:
        """A percentile of the latencies, 0 < rank <= 1; None where nothing was heard."""
        return percentile(self.latencies_ms, rank)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.said + other.said, self.latencies_ms + other.latencies_ms, self.false_alarms + other.false_alarms
        )


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them as one."""
    return sum(tallies, Tally())
