"""The AudioHook server: where it listens, who may connect, and how long it waits."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, IPvAnyNetwork, SecretStr, StringConstraints, field_validator, model_validator

from engine.options.base import Options, Positive, on_loopback

API_KEY = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
# Base64 with or without padding, as Genesys takes it; empty: requests are not signed.
CLIENT_SECRET = re.compile(r"(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{3}=?|[A-Za-z\d+/]{2}(?:==)?)?")

UrlPath = Annotated[str, StringConstraints(pattern=r"^/[^\s?#]*$")]
Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
Authority = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-\[\]:]+$")]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]


class AudioHookKey(Options):
    """One integration's credentials, as they stand in Genesys Cloud."""

    api_key: SecretStr = Field(min_length=1, description="The integration's API key, sent as X-API-KEY.")
    client_secret: SecretStr = Field(
        SecretStr(""), description="Its client secret, base64; without one, requests are taken unsigned."
    )
    organization_id: Uuid | None = Field(None, description="The only organization that may use this key.")

    @property
    def signed(self) -> bool:
        """Whether its requests have to be signed."""
        return bool(self.client_secret.get_secret_value())

    @field_validator("api_key")
    @classmethod
    def _as_genesys_allows(cls, key: SecretStr) -> SecretStr:
        if not API_KEY.fullmatch(key.get_secret_value()):
            raise ValueError("must be of the characters A-Z a-z 0-9 + / _ - and at most two = at the end")
        return key

    @field_validator("client_secret")
    @classmethod
    def _is_base64(cls, secret: SecretStr) -> SecretStr:
        if not CLIENT_SECRET.fullmatch(secret.get_secret_value()):
            raise ValueError("must be base64 (A-Z a-z 0-9 + /); `openssl rand -base64 32` makes one")
        return secret


class AudioHookOptions(Options):
    """The AudioHook server. It runs where there is a key."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8443, ge=0, le=65_535, description="0 picks a free port (printed at start).")
    path: UrlPath = Field(
        "/api/v1/audiohook/ws",
        description="Path of the connection URI, as it arrives here; a connector's id may follow.",
    )
    keys: tuple[AudioHookKey, ...] = Field((), description="Who may connect; without a key the server does not run.")
    tls_cert: Path | None = Field(None, description="Certificate chain, PEM; read again when the file changes.")
    tls_key: Path | None = Field(None, description="Its private key, PEM, without a password.")
    authority: Authority | None = Field(
        None, description="Host (and port) of the connection URI, where a proxy does not keep the Host header."
    )
    public_path: UrlPath | None = Field(
        None, description="Path of the connection URI, where a proxy changes it; it is what is signed."
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Addresses of proxies in front: from elsewhere nothing but TLS and loopback is taken."
    )
    signature_age_s: Positive = Field(10.0, description="A signature is taken for so long after it was made.")
    clock_skew_s: float = Field(3.0, ge=0, le=60, description="How far Genesys' clock and ours may differ.")
    connections: int = Field(4000, ge=1, le=100_000, description="Sockets at once, with those not yet open.")
    half_open: int = Field(
        1024, ge=1, le=100_000, description="Sockets without a session yet; one more closes the oldest of them."
    )
    open_timeout_s: Positive = Field(10.0, description="From the connection to the upgrade, and from that to `open`.")
    silence_timeout_s: Positive = Field(
        30.0, description="A peer that sends nothing for so long is gone; Genesys pings every 5 s."
    )
    close_timeout_s: Positive = Field(10.0, description="For the peer's part of a close.")
    transcripts: bool = Field(True, description="Send `transcript` events where a session asks for a language of ours.")
    languages: tuple[Language, ...] = Field(
        ("en-US",), description="Languages told to Genesys; others of the same first part are served too."
    )
    reconnects: bool = Field(
        False, description="Ask for a `reconnect` when stopping: only where the integration has it enabled."
    )

    @model_validator(mode="after")
    def _closed_to_strangers(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("CUELINE_AUDIOHOOK_TLS_CERT and CUELINE_AUDIOHOOK_TLS_KEY go together; set both or none")
        if self.keys and not self.on_loopback and self.tls_cert is None and not self.trusted_proxies:
            raise ValueError(
                f"CUELINE_AUDIOHOOK_HOST = {self.host} can be reached from other machines: set CUELINE_AUDIOHOOK_TLS_CERT "
                "and CUELINE_AUDIOHOOK_TLS_KEY, or CUELINE_AUDIOHOOK_TRUSTED_PROXIES to the proxy that ends TLS in front, "
                "or listen on 127.0.0.1"
            )
        keys = [key.api_key.get_secret_value() for key in self.keys]
        if len(set(keys)) < len(keys):
            raise ValueError("two keys have the same api_key; each stands once")
        return self

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return on_loopback(self.host)

    def transcribes(self, language: str | None) -> bool:
        """Whether a session that asks for this language gets transcripts."""
        ours = {tag.split("-")[0].lower() for tag in self.languages}
        return self.transcripts and language is not None and language.split("-")[0].lower() in ours
