"""Whose calls are followed without being named one by one."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from engine.options.base import Options, Positive

MOST_TOPICS = 19_000  # 19 channels of 1,000; the platform's 20th is kept to replace one

PlatformId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class DiscoveryOptions(Options):
    """Genesys' notifications: voice calls of queues and users are followed as they begin. Nothing named: nothing is asked."""

    queues: tuple[PlatformId, ...] = Field((), description="Ids of queues whose calls are followed.")
    users: tuple[PlatformId, ...] = Field((), description="Ids of users (agents) whose calls are followed.")
    all_queues: bool = Field(False, description="Follow every queue that the OAuth client may see.")
    heartbeat_limit_s: float = Field(
        35.0, ge=0.1, le=600, description="A channel silent for so long is asked for a sign of life, then replaced."
    )
    renew_after_s: float = Field(
        72_000.0, ge=1, le=82_800, description="A channel is replaced at this age; the platform ends it after 24 h."
    )
    lookback_s: float = Field(
        86_400.0, ge=60, le=2_592_000, description="A query for live calls finds those that began within so long."
    )
    query_again_s: float = Field(
        45.0, ge=1, le=3600, description="A second query after each, for what the platform's analytics told too late."
    )
    requests_per_minute: Positive = Field(
        60.0, description="Queries and lists of queues; Genesys allows 300 requests a minute in all."
    )
    list_queues_every_s: float = Field(600.0, ge=1, description="With all_queues: new queues are looked for so often.")

    @property
    def configured(self) -> bool:
        """Whether anybody's calls are to be followed."""
        return self.all_queues or bool(self.queues or self.users)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (count := len({*self.queues}) + len({*self.users})) > MOST_TOPICS:
            raise ValueError(f"{count} queues and users: Genesys' notifications carry {MOST_TOPICS} at most")
        if self.all_queues and self.queues:
            raise ValueError("all_queues and queues exclude each other; leave one out")
        return self
