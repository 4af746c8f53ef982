"""What all options are made of: the frozen base class and the kinds of text and number that several parts share."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FRAME_MS = 20

Channel = Literal["external", "internal"]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Positive = Annotated[float, Field(gt=0)]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+.*$")]
SocketUrl = Annotated[str, StringConstraints(pattern=r"^wss?://[^\s/]+.*$")]


def on_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def public_url(url: str) -> str:
    """An address without what may be secret in it: user and password, query, fragment."""
    return re.sub(r"//[^/?#\s]*@", "//", re.split(r"[?#]", url, maxsplit=1)[0])


class Options(BaseModel):
    """Base of all option objects: frozen, unknown names refused, every number finite, no value in an error's text."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
