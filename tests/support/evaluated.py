"""Made-up evidence: what was said and heard, worked out by hand."""

from engine.config_rules import slug
from engine.evaluated import FINAL, Choice, Evidence, HeardHere, Place, SaidHere, decoded
from engine.options import RuleOptions

PLACE: Place = (0, "external")


def rule(phrase: str = "transfer me", **options: object) -> RuleOptions:
    return RuleOptions(name=slug(phrase), phrases=(phrase,), **{"stable_ms": 200} | options)


def said(end_ms: int, phrase: str = "transfer me", place: Place = PLACE) -> SaidHere:
    return SaidHere(place, phrase, end_ms)


def heard(
    end_ms: int, confidence: float | None = None, late_ms: int = 300, phrase: str = "transfer me", place: Place = PLACE
) -> HeardHere:
    """Fired so late after its end."""
    return HeardHere(place, phrase, end_ms, end_ms + late_ms, confidence)


def evidence(
    *ends_ms: int,
    partial: dict[int, list[int]] | None = None,
    final: dict[int, float] | None = None,
    of: RuleOptions | None = None,
    hours: float = 10.0,
    phrase: str = "transfer me",
) -> Evidence:
    """A phrase said at these ends; `partial`: heard with this stable_ms, `final`: with this confidence, at which ends.

    A partial fires `stable_ms + 100` after the end, a final 900 ms.
    """
    of = of or rule()
    found: dict[Choice, list[HeardHere]] = {choice: [] for choice in decoded(of)}
    for stable_ms, places in (partial or {}).items():
        found[Choice("partial", stable_ms)] = [
            heard(end_ms, late_ms=stable_ms + 100, phrase=phrase) for end_ms in places
        ]
    found[FINAL] = [heard(end_ms, confidence, 900, phrase) for end_ms, confidence in (final or {}).items()]
    return Evidence(of, tuple(said(end_ms, phrase) for end_ms in ends_ms), found, hours)
