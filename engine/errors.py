"""Every exception that Cueline raises on purpose; each message says what was wrong and what to do next."""


class CuelineError(Exception):
    """Root of all errors raised on purpose."""


class ConfigError(CuelineError):
    """The configuration is wrong. `faults` has one line per fault: name, value (secrets masked), what is allowed."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ModelError(CuelineError):
    """A model folder can't be used; the message names each missing or broken part."""


class VocabularyError(CuelineError):
    """A phrase holds words that the model does not know. `faults` has one line per phrase."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class AudioFileError(CuelineError):
    """A recording can't be read."""


class LabelsError(CuelineError):
    """Labels of recordings can't be used. `faults` has one line per fault: file, line, what is allowed."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class DemoError(CuelineError):
    """The demo could not be played: a process of it did not start, or ended too early."""


class ProtocolError(CuelineError):
    """A peer broke its protocol; its session ends, no other does."""


REFUSALS = ("capacity", "credentials", "draining", "duplicate", "invalid", "quarantined", "redis")


class RefusedError(CuelineError):
    """A conversation was not taken. `reason` is one of REFUSALS (label of `cueline_conversations_refused_total`)."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UpgradeRefusedError(CuelineError):
    """An AudioHook peer may not connect. `status` is the HTTP answer, 400 or 401; the peer is told no more than that.

    `reason` is one of a closed set (`AuthFault` of engine.genesys.audiohook.refusals), a metric's label.
    """

    def __init__(self, reason: str, message: str, *, status: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


class PlatformError(CuelineError):
    """A platform API request failed.

    `status` is the HTTP status, 0 when none was received. `retry_after_s` is what the server asked for, if it did.
    `happened` is "no" when the platform proved that nothing was done (any 4xx, connection never made),
    "unknown" otherwise (5xx, time-out or drop after the request had left).
    """

    def __init__(
        self, message: str, *, status: int = 0, retry_after_s: float | None = None, happened: str = "unknown"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.happened = happened


class SinkError(CuelineError):
    """A sink could not deliver. `retryable` says whether the same delivery may be tried again.

    `happened` is "unknown" when the effect may have been had all the same (time-out or drop after the request had left).
    The message names no secret, no words that were said and no whole URL: it is logged as it is.
    """

    def __init__(
        self, message: str, *, retryable: bool, retry_after_s: float | None = None, happened: str = "no"
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.happened = happened


class RowError(CuelineError):
    """A row of the state file can't be read; the message says what of it, and holds no words that were said."""


class OutboxError(CuelineError):
    """What was asked of kept commands can't be done, and nothing of it was. `faults` has one line per fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


FLEET_KINDS = ("unreachable", "refused", "old", "readonly", "full", "protocol")


class FleetError(CuelineError):
    """The fleet's Redis did not do what was asked. The message says what, where (never the whole address), what to do.

    `kind` is one of FLEET_KINDS: "unreachable" (no connection, no answer in time, still loading), "refused" (password,
    rights, TLS), "old" (lacks a command that is needed), "readonly" (a replica), "full" (out of memory), "protocol" (any
    other answer). What was asked may have been done where it is "unreachable", and was not where it is another.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class LiveError(CuelineError):
    """An engine's live feed can't be read. `again` says whether the same may go well later."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again
