"""How long a platform token is used: the law of the cache, without clock, locks or requests.

A token is renewed while it still works: below 300 s left, or below half its life when it lives for less than 600 s.
A token that a server refused is dropped, unless a newer one took its place meanwhile: then that one is the answer, so
any number of callers refused with the same token cause one renewal. Times are seconds of one monotonic clock.
"""

from dataclasses import dataclass, field

RENEW_BELOW_S = 300.0


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and its span of life."""

    text: str = field(repr=False)
    given_at_s: float
    expires_at_s: float

    def seconds_left(self, now_s: float) -> float:
        """Life left; 0 when it is over."""
        return max(0.0, self.expires_at_s - now_s)

    def is_fresh(self, now_s: float) -> bool:
        """Whether it may be used without asking for a new one."""
        left_s = self.seconds_left(now_s)
        return left_s > 0 and left_s >= min(RENEW_BELOW_S, (self.expires_at_s - self.given_at_s) / 2)


class TokenCache:
    """At most one token. The caller serialises `store` and `invalidate`; reading needs no lock."""

    def __init__(self) -> None:
        self._token: Token | None = None

    def store(self, text: str, expires_in_s: float, now_s: float) -> Token:
        """Keep a token that was given now and lives so long."""
        self._token = Token(text, now_s, now_s + expires_in_s)
        return self._token

    def invalidate(self, refused: str) -> None:
        """Drop the token that a server refused; a newer one stays."""
        if self._token is not None and self._token.text == refused:
            self._token = None

    def fresh(self, now_s: float, fresher_than: str | None = None) -> str | None:
        """Return the token if it needs no renewal and is not the refused one."""
        token = self._token
        return token.text if token is not None and token.is_fresh(now_s) and token.text != fresher_than else None

    def living(self, now_s: float) -> str | None:
        """Return the token if it has any life left: better than none while a renewal fails."""
        token = self._token
        return token.text if token is not None and token.seconds_left(now_s) > 0 else None

    def seconds_left(self, now_s: float) -> float:
        """Life left of the token; 0 without one."""
        token = self._token
        return token.seconds_left(now_s) if token is not None else 0.0
