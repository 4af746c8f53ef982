"""Faults up to the WebSocket: connections that never ask, requests that are wrong, signatures that are.

Each is checked by the server before there is a session, and answered with 401, 400 or 404; `open` never comes.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from yarl import URL

from engine.simulator.audiohook.client import AudioHookClient, GoneError
from engine.simulator.audiohook.fault import Fault, expects
from engine.simulator.audiohook.signing import Upgrade
from engine.simulator.audiohook.socket import Headers

Act = Callable[[AudioHookClient], Awaitable[None]]
REFUSED = expects("refused")
OTHER_SECRET = base64.b64encode(b"another secret").decode()
SHORT = base64.b64encode(bytes(31)).decode()


def _with(**changes: Any) -> Act:
    """The request changed, and signed as changed."""

    async def act(client: AudioHookClient) -> None:
        await client.connect(replace(client.dialer.upgrade(), **changes))

    return act


def _later(seconds: int) -> Act:
    async def act(client: AudioHookClient) -> None:
        upgrade = client.dialer.upgrade()
        await client.connect(replace(upgrade, created=upgrade.created + seconds))

    return act


def _headers(alter: Callable[[Headers], Headers]) -> Act:
    """The request signed, then its headers changed."""

    async def act(client: AudioHookClient) -> None:
        await client.connect(alter=alter)

    return act


def _without(*names: str) -> Act:
    return _headers(lambda headers: [(name, value) for name, value in headers if name.lower() not in names])


def _twice(name: str) -> Act:
    return _headers(lambda headers: headers + [each for each in headers if each[0].lower() == name])


def _value(name: str, change: Callable[[str], str]) -> Act:
    return _headers(lambda headers: [(key, change(old) if key.lower() == name else old) for key, old in headers])


def _elsewhere(change: Callable[[URL], URL]) -> Act:
    """Signed for one address, sent to another."""

    async def act(client: AudioHookClient) -> None:
        await client.connect(url=change(client.dialer.url))

    return act


async def _wrong_path(client: AudioHookClient) -> None:
    """Signed as it is sent."""
    url = client.dialer.url.with_path("/nowhere")
    await client.connect(replace(client.dialer.upgrade(), target=url.raw_path_qs), url=url)


async def _replayed(client: AudioHookClient) -> None:
    upgrade: Upgrade = client.dialer.upgrade()
    await client.connect(upgrade)
    await client.open()
    await client.close()
    await client.connect(upgrade)


async def _no_request(client: AudioHookClient) -> None:
    await _raw(client, b"")


async def _half_request(client: AudioHookClient) -> None:
    await _raw(client, f"GET {client.dialer.url.raw_path_qs} HTTP/1.1\r\nHost: ".encode())


async def _no_websocket(client: AudioHookClient) -> None:
    """A whole request, signed, that asks for no WebSocket: the answer is an error or nothing."""
    lines = [f"{name}: {value}" for name, value in client.dialer.upgrade().headers()]
    head = [
        f"GET {client.dialer.url.raw_path_qs} HTTP/1.1",
        f"Host: {client.dialer.url.host_port_subcomponent}",
        *lines,
    ]
    await _raw(client, ("\r\n".join(head) + "\r\n\r\n").encode())


async def _raw(client: AudioHookClient, data: bytes) -> None:
    """Connect, write, and wait until the server has enough."""
    url = client.dialer.url
    secure = client.dialer.trust if url.scheme == "wss" else None
    reader, writer = await asyncio.open_connection(url.host, url.port, ssl=secure)
    try:
        writer.write(data)
        while await reader.read(65_536):
            pass
    finally:
        writer.close()
    raise GoneError(None)


UPGRADE_FAULTS: dict[str, Fault] = {
    "half_open": Fault("a connection on which nothing is ever said", expects("dropped"), _no_request, patience_s=40),
    "half_request": Fault("the request's first line, and no more", expects("dropped"), _half_request, patience_s=40),
    "no_websocket": Fault("a request for a page", expects("dropped"), _no_websocket, patience_s=40),
    "wrong_path": Fault("another path than the server's", REFUSED, _wrong_path),
    "unknown_key": Fault("a key that nobody knows", REFUSED, _with(api_key="nobody-knows-this-key")),
    "no_key": Fault("no X-API-KEY", REFUSED, _without("x-api-key")),
    "duplicate_key": Fault("X-API-KEY twice", REFUSED, _twice("x-api-key")),
    "no_session_id": Fault("no Audiohook-Session-Id", REFUSED, _without("audiohook-session-id")),
    "session_id_no_uuid": Fault("a session id that is no UUID", REFUSED, _with(session_id="session-1")),
    "duplicate_session_id": Fault("Audiohook-Session-Id twice", REFUSED, _twice("audiohook-session-id")),
    "no_organization": Fault("no Audiohook-Organization-Id", REFUSED, _without("audiohook-organization-id")),
    "duplicate_organization": Fault("Audiohook-Organization-Id twice", REFUSED, _twice("audiohook-organization-id")),
    "unsigned": Fault("no signature", REFUSED, _without("signature", "signature-input"), signed=True),
    "no_signature": Fault("Signature-Input alone", REFUSED, _without("signature"), signed=True),
    "no_signature_input": Fault("Signature alone", REFUSED, _without("signature-input"), signed=True),
    "duplicate_signature": Fault("Signature twice", REFUSED, _twice("signature"), signed=True),
    "duplicate_signature_input": Fault("Signature-Input twice", REFUSED, _twice("signature-input"), signed=True),
    "wrong_secret": Fault("signed with another secret", REFUSED, _with(secret=OTHER_SECRET), signed=True),
    "changed_path": Fault(
        "signed for another path", REFUSED, _with(target="/another/path"), signed=True
    ),
    "changed_query": Fault(
        "sent with a query that was not signed", REFUSED, _elsewhere(lambda url: url.update_query(site="b")), signed=True
    ),
    "changed_authority": Fault("signed for another host", REFUSED, _with(authority="elsewhere.example"), signed=True),
    "changed_session_id": Fault(
        "another session id than was signed",
        REFUSED,
        _value("audiohook-session-id", lambda _: "c2a1f7d4-3b7e-4f63-8a55-9e0d1b7c4e21"),
        signed=True,
    ),
    "clock_behind": Fault("signed a minute ago by its clock", REFUSED, _later(-60), signed=True),
    "clock_ahead": Fault("signed in a minute by its clock", REFUSED, _later(60), signed=True),
    "expired": Fault("a signature that has expired", REFUSED, _with(lifetime_s=-20), signed=True),
    "short_nonce": Fault("a nonce of 21 characters", REFUSED, _with(nonce="n" * 21), signed=True),
    "replayed_nonce": Fault("a request that has been used", REFUSED, _replayed, signed=True),
    "other_algorithm": Fault("alg is not hmac-sha256", REFUSED, _with(alg="hmac-sha512"), signed=True),
    "short_signature": Fault(
        "a signature of 31 bytes", REFUSED, _value("signature", lambda _: f"sig1=:{SHORT}:"), signed=True
    ),
    "loose_signature_input": Fault(
        "spaces in Signature-Input", REFUSED, _value("signature-input", lambda old: old.replace(";", "; ")), signed=True
    ),
}  # fmt: skip
