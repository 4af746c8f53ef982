"""Which fault when: the same for the same seed. Pure.

Kinds are dealt like cards: whole decks, each shuffled, so that every kind comes equally often. The moments lie on a grid
and are moved by up to a third of a step either way. What is hit is drawn too, as a number from 0 to 1; who is there to be
hit, only the run knows.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault to come, so many seconds after the calm."""

    number: int
    at_s: float
    kind: str
    draw: float  # of [0, 1)

    def of(self, targets: Sequence[str]) -> str:
        """The one of these that is hit."""
        return targets[int(self.draw * len(targets))]


def planned(seed: int, kinds: Sequence[str], faults: int, spacing_s: float) -> list[Planned]:
    """So many faults of these kinds."""
    draw = random.Random(seed)
    return [
        Planned(number, (number + draw.uniform(-1 / 3, 1 / 3)) * spacing_s + spacing_s / 3, kind, draw.random())
        for number, kind in enumerate(islice(_dealt(kinds, draw), faults))
    ]


def _dealt(kinds: Sequence[str], draw: random.Random) -> Iterator[str]:
    while True:
        deck = list(kinds)
        draw.shuffle(deck)
        yield from deck
