"""For tests of the webhook sink: one sink, and the fault of one delivery."""

import pytest
from structlog.testing import capture_logs

from engine.commands.webhook import Session, Webhook
from engine.errors import SinkError
from engine.options import WebhookSink
from tests.support.commands import attempted, command


def sink(url: str, session: Session, **settings: object) -> Webhook:
    return Webhook(WebhookSink(name="hook", url=url, **settings), session)


async def fault_of(url: str, session: Session, **settings: object) -> SinkError:
    """The fault of one delivery; whatever it was, it does not give the URL away."""
    with capture_logs() as logs, pytest.raises(SinkError) as caught:
        await attempted(sink(url, session, **settings), command())
    assert "hush-hush" not in str(caught.value) + str(logs)
    return caught.value
