"""Access tokens and their rate limits, as the platform counts them. Pure; the time is passed in, in milliseconds."""

import secrets
from dataclasses import dataclass

WINDOW_MS = 60_000


@dataclass(frozen=True, slots=True)
class RateReading:
    """What the `inin-ratelimit-*` headers say after one request."""

    count: int
    allowed: int
    reset_s: int

    @property
    def exceeded(self) -> bool:
        """This request was one too many."""
        return self.count > self.allowed

    def headers(self) -> dict[str, str]:
        """As the platform writes them."""
        values = {"count": self.count, "allowed": self.allowed, "reset": self.reset_s}
        return {f"inin-ratelimit-{key}": str(value) for key, value in values.items()}


@dataclass(slots=True)
class _Token:
    """A token's end, whose it is, and its rate window."""

    expires_ms: float
    client: str = ""
    window_from_ms: float = 0.0
    count: int = 0


class TokenStore:
    """Tokens that were issued and are still valid."""

    def __init__(self, ttl_s: int, rate_limit_per_min: int) -> None:
        self._ttl_s = ttl_s
        self._allowed = rate_limit_per_min
        self._tokens: dict[str, _Token] = {}

    def issue(self, now_ms: float, client: str = "") -> str:
        """A new token of this client; those that have expired are forgotten."""
        self._tokens = {key: token for key, token in self._tokens.items() if token.expires_ms > now_ms}
        value = secrets.token_urlsafe(32)
        self._tokens[value] = _Token(now_ms + self._ttl_s * 1000, client)
        return value

    def valid(self, value: str, now_ms: float) -> bool:
        """Whether it was issued here and has not expired."""
        token = self._tokens.get(value)
        return token is not None and token.expires_ms > now_ms

    def client_of(self, value: str) -> str:
        """Whose token it is; "" where it is not known any more."""
        token = self._tokens.get(value)
        return token.client if token else ""

    def expire_all(self) -> None:
        """Nothing issued so far is valid any more."""
        self._tokens.clear()

    def hit(self, value: str, now_ms: float) -> RateReading:
        """Count one request of a valid token."""
        token = self._tokens[value]
        if now_ms - token.window_from_ms >= WINDOW_MS:
            token.window_from_ms, token.count = now_ms, 0
        token.count += 1
        left_ms = token.window_from_ms + WINDOW_MS - now_ms
        return RateReading(token.count, self._allowed, max(1, -int(-left_ms // 1000)))
