"""What audio is offered, and which offer is taken: one entry of the peer's, given back as it came, with its order of channels.

Entries that are not known (another rate, format or channel) are passed over: Genesys may offer more in time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.audio.format import SAMPLE_RATE
from engine.audio.interleaved import Encoding
from engine.options import Channel

SAMPLE_SIZES: dict[Encoding, int] = {"PCMU": 1, "L16": 2}  # bytes, in the order of our preference
CHANNELS: tuple[tuple[Channel, ...], ...] = (
    ("external",),
    ("internal",),
    ("external", "internal"),
    ("internal", "external"),
)


@dataclass(frozen=True, slots=True)
class Media:
    """One offer: 8 kHz, samples interleaved in the order of `channels`. `raw` is the peer's own entry, to be sent back."""

    format: Encoding
    channels: tuple[Channel, ...]
    raw: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def bytes_per_sample_frame(self) -> int:
        """Bytes of one sample of every channel."""
        return SAMPLE_SIZES[self.format] * len(self.channels)


def media_of(offer: object) -> Media | None:
    """Read one entry of an offer; None for what is not known."""
    if not isinstance(offer, dict) or offer.get("type") != "audio" or offer.get("rate") != SAMPLE_RATE:
        return None
    coding = next((known for known in SAMPLE_SIZES if known == offer.get("format")), None)
    order = next((known for known in CHANNELS if list(known) == offer.get("channels")), None)
    return Media(coding, order, offer) if coding and order else None


def choose(offers: Iterable[Media], wanted: frozenset[Channel]) -> Media | None:
    """Most of the wanted channels first; then µ-law before L16, fewest other channels, the peer's own order. None of none."""
    formats = list(SAMPLE_SIZES)

    def rank(offer: Media) -> tuple[int, int, int]:
        has = len(wanted.intersection(offer.channels))
        return -has, formats.index(offer.format), len(offer.channels) - has

    return min(offers, key=rank, default=None)
