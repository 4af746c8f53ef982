"""Access to the platform: every attempt one SDK call, with the current token, within its budget.

Blocking, for the platform process's threads. Every attempt gets an ApiClient of its own (cheap; connections and token
are shared), so token and answer of one thread never mix with another's. Addresses are the configured ones: the SDK would
derive the login address by replacing `//api.` with `//login.`, which fails for gateways and mocks, so `get_conf_url`, the
method that it asks for either address, is answered by us.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from engine.errors import PlatformError
from engine.genesys.platform_login import Login, LoginError
from engine.genesys.platform_messages import Configure, Note, RenewalFailed, TokenRenewed
from engine.genesys.platform_retry import Budget, MayRepeat, may_repeat_action, may_repeat_read, repeat
from engine.genesys.sdk import Sdk
from engine.genesys.sdk_http import OneShot, make_pool

T = TypeVar("T")

SHORTEST_LIFE_S = 300.0  # of a token, as the platform allows; taken where `expires_in` is missing
LOGIN = "log in to Genesys Cloud"
LOGIN_HINT = "; check GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET and GENESYS_REGION (or GENESYS_LOGIN_URL)"
HINTS = {
    401: "; a new token was refused too: the OAuth client needs the scopes conversation:view and, to act, conversation:call",
    403: "; the OAuth client's role lacks the permission, or its divisions do not see the conversation",
}


class PlatformAccess:
    """One OAuth client's way to the platform. Safe for several threads; raises PlatformError only."""

    def __init__(self, sdk: Sdk, configure: Configure, note: Callable[[Note], None]) -> None:
        self._sdk = sdk
        self._to = configure
        self._note = note
        sdk.abstract_http_client.register(OneShot)
        self._pool = make_pool(_ssl_context(sdk, configure))
        self._login = Login(
            self._log_in, lambda expires_at_s: note(TokenRenewed(expires_at_s)), lambda: note(RenewalFailed())
        )

    def token(self, budget: Budget, refused: str | None = None) -> str:
        """Return the platform token, another one than the refused; LoginError."""
        return self._login.token(budget, refused)

    def read(self, budget: Budget, what: str, send: Callable[[Any], T]) -> T:
        """Send (given an ApiClient) what changes nothing; repeated while it may help and time is left."""
        return self._authorized(budget, what, may_repeat_read, send)

    def act(self, budget: Budget, what: str, send: Callable[[Any], T]) -> T:
        """Send (given an ApiClient) what has effects; repeated only where it is proved that nothing was done."""
        return self._authorized(budget, what, may_repeat_action, send)

    def _authorized(self, budget: Budget, what: str, may_repeat: MayRepeat, send: Callable[[Any], T]) -> T:
        """Send with the current token; where that is refused, once more with a new one."""
        token = self._login.token(budget)
        try:
            return self._with_token(token, budget, what, may_repeat, send)
        except PlatformError as error:
            if error.status != 401:
                raise
        return self._with_token(self._login.token(budget, token), budget, what, may_repeat, send)

    def _with_token(self, token: str, budget: Budget, what: str, may_repeat: MayRepeat, send: Callable[[Any], T]) -> T:
        def attempt() -> T:
            shot = self._shot(budget, what, changes=may_repeat is may_repeat_action)
            return send(self._client(shot, token))

        try:
            return repeat(attempt, may_repeat, budget)
        except PlatformError as error:
            raise PlatformError(
                f"{error}{HINTS.get(error.status, '')}",
                status=error.status,
                retry_after_s=error.retry_after_s,
                happened=error.happened,
            ) from error

    def _log_in(self, budget: Budget, tries: int) -> tuple[str, float]:
        """Ask for a token; return it and its life in seconds."""
        if not (self._to.client_id + self._to.client_secret.get_secret_value()).isascii():
            raise LoginError(f"Could not {LOGIN}: id and secret must be ASCII{LOGIN_HINT}", happened="no")
        try:
            return repeat(lambda: self._ask_token(budget), may_repeat_read, budget, tries)
        except PlatformError as error:
            hint = LOGIN_HINT if 400 <= error.status < 500 and error.status != 429 else ""
            raise LoginError(
                f"{error}{hint}", status=error.status, retry_after_s=error.retry_after_s, happened="no"
            ) from error

    def _ask_token(self, budget: Budget) -> tuple[str, float]:
        shot = self._shot(budget, LOGIN, changes=False)
        client = self._client(shot, "")
        try:
            client.get_client_credentials_token(self._to.client_id, self._to.client_secret.get_secret_value())
            return _token_text(client.access_token), _life_s(shot)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            message = f"Could not {LOGIN}: the answer holds no token; check GENESYS_LOGIN_URL"
            raise PlatformError(message, status=200, happened="no") from error

    def _shot(self, budget: Budget, what: str, *, changes: bool) -> OneShot:
        timeout_s = budget.attempt_s(self._to.request_timeout_s)
        return OneShot(self._pool, what, timeout_s=timeout_s, changes=changes, on_limit=self._note)

    def _client(self, shot: OneShot, token: str) -> Any:
        client = self._sdk.api_client(host=self._to.api_url)
        client.get_conf_url = self._address
        client.set_http_client(shot)
        client.access_token = token
        return client

    def _address(self, path_type: str | None, _base_path: str) -> str:
        return (self._to.login_url if path_type == "login" else self._to.api_url).rstrip("/")


def _ssl_context(sdk: Sdk, configure: Configure) -> Any:
    """Return the SDK's TLS settings (the system's and certifi's authorities); None where all is plain HTTP."""
    if not any(url.startswith("https:") for url in (configure.login_url, configure.api_url)):
        return None
    sdk.configuration.create_mtls_or_ssl_context()
    return sdk.configuration.ssl_context


def _token_text(token: Any) -> str:
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        raise TypeError("not a token")
    return token


def _life_s(shot: OneShot) -> float:
    """Read `expires_in`, which the SDK throws away."""
    assert shot.answer is not None
    try:
        life_s = float(orjson.loads(shot.answer.data)["expires_in"])
    except (KeyError, TypeError, ValueError):
        return SHORTEST_LIFE_S
    return life_s if math.isfinite(life_s) and life_s > 0 else SHORTEST_LIFE_S
