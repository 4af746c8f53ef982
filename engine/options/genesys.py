"""Where Genesys Cloud is and how we behave towards it."""

from pydantic import Field, SecretStr

from engine.options.base import ConversationId, HttpUrl, Options, Positive, SocketUrl


class GenesysOptions(Options):
    """Where Genesys Cloud is and who we are there. Without credentials nothing is asked of it: calls come by AudioHook."""

    client_id: str | None = Field(None, min_length=1, description="OAuth client id (client credentials grant).")
    client_secret: SecretStr | None = Field(None, min_length=1, description="OAuth client secret.")
    region: str = Field("mypurecloud.com", description="Region's domain.")
    login_url: HttpUrl = Field(description="OAuth server; default `https://login.<region>`.")
    api_url: HttpUrl = Field(description="Platform API; default `https://api.<region>`.")
    realtime_url: SocketUrl = Field(
        description="Real-time socket; default `wss://api.<region>/api/v2/interactions/realtime`."
    )
    conversation_ids: tuple[ConversationId, ...] = Field((), description="Conversations to follow from the start.")
    connect_timeout_s: Positive = Field(10.0, description="Limit for the socket's opening and for each answer on it.")
    request_timeout_s: Positive = Field(15.0, description="Limit for one platform API request.")
    reconnect_tries: int = Field(5, ge=0, le=100, description="Tries in a row before a conversation is given up.")
    reconnect_base_s: Positive = Field(2.0, description="First pause between tries; doubles each time, with jitter.")
    reconnect_max_s: Positive = Field(60.0, description="Longest pause between tries.")
    reconnects_per_s: Positive = Field(
        25.0, description="Sockets opened again per second, all conversations together; as many may come at once."
    )
    reconnect_checks_per_minute: Positive = Field(
        240.0,
        description="Look-ups for reconnecting, all conversations together; Genesys allows 300 requests a minute.",
    )
    ping_interval_s: Positive = Field(
        15.0, description="WebSocket ping period; a peer that misses one whole period is dropped."
    )

    @property
    def credentials(self) -> tuple[str, SecretStr] | None:
        """Client id and secret, where both are set."""
        if self.client_id is None or self.client_secret is None:
            return None
        return self.client_id, self.client_secret
