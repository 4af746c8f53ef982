"""The process's one token: renewed ahead of time, by one thread, while the others wait for its result.

A renewal that failed is not tried again for HOLD_S: the callers that waited behind it get its error (or the old token,
while that lives) instead of asking the login server one after the other with credentials it has just refused.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.errors import PlatformError
from engine.genesys.platform_retry import TRIES, Budget
from engine.genesys.tokens import TokenCache

HOLD_S = 1.0


class LoginError(PlatformError):
    """The login server gave no token; kept apart, so that its 404 is never taken for a conversation's."""


class Login:
    """Hand out the token. `ask(budget, tries)` requests one: returns text and life in seconds, or raises LoginError.

    `on_renewed` is told the end of each new token, `on_failed` of each time that there was none.
    """

    def __init__(
        self,
        ask: Callable[[Budget, int], tuple[str, float]],
        on_renewed: Callable[[float], None],
        on_failed: Callable[[], None],
    ) -> None:
        self._ask = ask
        self._on_renewed = on_renewed
        self._on_failed = on_failed
        self._cache = TokenCache()
        self._lock = threading.Lock()
        self._failure: LoginError | None = None
        self._hold_until_s = 0.0

    def token(self, budget: Budget, refused: str | None = None) -> str:
        """Return a token that need not be renewed and is not the refused one; LoginError."""
        known = self._cache.fresh(time.monotonic(), refused)
        return known if known is not None else self._token_in_turn(budget, refused)

    def _token_in_turn(self, budget: Budget, refused: str | None) -> str:
        with self._turn(budget):
            if refused is not None:
                self._cache.invalidate(refused)
            return self._cache.fresh(time.monotonic()) or self._renew(budget)

    def _renew(self, budget: Budget) -> str:
        living = self._cache.living(time.monotonic())
        try:
            if self._failure is not None and time.monotonic() < self._hold_until_s:
                raise _again(self._failure) from self._failure
            return self._renew_now(budget, 1 if living else TRIES)
        except LoginError:
            if living is None:
                raise
            return living

    def _renew_now(self, budget: Budget, tries: int) -> str:
        try:
            text, expires_in_s = self._ask(budget, tries)
        except LoginError as error:
            self._failure, self._hold_until_s = error, time.monotonic() + HOLD_S
            self._on_failed()
            raise
        self._failure = None
        token = self._cache.store(text, expires_in_s, time.monotonic())
        self._on_renewed(token.expires_at_s)
        return text

    @contextmanager
    def _turn(self, budget: Budget) -> Iterator[None]:
        if not self._lock.acquire(timeout=budget.left_s()):
            raise LoginError("No time was left to wait for a token; the request was not sent", happened="no")
        try:
            yield
        finally:
            self._lock.release()


def _again(error: LoginError) -> LoginError:
    return LoginError(str(error), status=error.status, retry_after_s=error.retry_after_s, happened=error.happened)
