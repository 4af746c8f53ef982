"""One rule: phrases, when they count, where their commands go."""

from typing import Literal, Self

from pydantic import Field, model_validator

from engine.options.base import Channel, Name, Options, Phrase


class RuleOptions(Options):
    """One rule: what to hear, when it counts, and which sinks it goes to."""

    name: Name = Field(description="Unique; a metric label and part of the idempotency key.")
    phrases: tuple[Phrase, ...] = Field(
        min_length=1, description='Phrases, or regular expressions with match = "regex".'
    )
    match: str = Field(
        "phrase",
        pattern=r"^(phrase|exact|regex|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)$",
        description="`phrase` (whole words within the talk), `exact` (the whole utterance), `regex`, or `module:callable`.",
    )
    hear: tuple[Phrase, ...] = Field(
        (), description="Phrases put into the grammar for `regex` and `module:callable` rules."
    )
    fire_on: Literal["partial", "final"] = Field(
        "partial", description="As soon as heard, or at the end of the utterance."
    )
    stable_ms: int = Field(
        100,
        ge=0,
        le=5000,
        description='With fire_on = "partial": how long the phrase must stay in the hypothesis before it counts.',
    )
    min_confidence: float = Field(0.0, ge=0, le=1, description='Least mean word confidence; needs fire_on = "final".')
    channel: Channel | Literal["any"] = Field("any", description="`external` (customer), `internal` (agent) or `any`.")
    refractory_s: float = Field(2.0, ge=0, le=3600, description="Silence of this rule on a channel after it fired.")
    sinks: tuple[Name, ...] = Field(("log",), description="Names of sinks.")

    @model_validator(mode="after")
    def _confidence_needs_final(self) -> Self:
        if self.min_confidence > 0 and self.fire_on == "partial":
            raise ValueError('min_confidence needs fire_on = "final" (partial hypotheses carry no reliable confidence)')
        return self
