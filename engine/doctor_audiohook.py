"""What the doctor looks at where calls come by AudioHook: address, certificate, keys. Nothing is sent to anybody.

The certificate is looked at as a client would see it: a handshake within this process, trusting it alone.
"""

import contextlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from engine.doctor_checks import Check, check_address
from engine.errors import ConfigError
from engine.intake.audiohook_server import ADDRESS, CERTIFICATE
from engine.options import AudioHookOptions
from engine.tls import server_context

SOON_DAYS = 14
MOST_TURNS = 4  # of a handshake; TLS 1.2 needs 3
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


def check_audiohook(options: AudioHookOptions, now: datetime, *, running: bool = False) -> Iterator[Check]:
    """Its checks, or one that says why there are none; `running` as in `check_address`."""
    if not options.keys:
        yield Check("audiohook", "ok", "no key set: its server does not run")
        return
    yield check_address("audiohook address", ADDRESS, options.host, options.port, running=running)
    yield _check_certificate(options, now)
    yield _check_keys(options)


def _check_keys(options: AudioHookOptions) -> Check:
    unsigned = sum(not key.signed for key in options.keys)
    found = f"{len(options.keys)} set, {unsigned} of them without a client secret"
    if unsigned:
        advice = "set CUELINE_AUDIOHOOK_CLIENT_SECRET: without it whoever has the API key can send calls"
        return Check("audiohook keys", "warn", found, advice)
    return Check("audiohook keys", "ok", found)


def _check_certificate(options: AudioHookOptions, now: datetime) -> Check:
    name = "audiohook certificate"
    try:
        context = server_context(options.tls_cert, options.tls_key, CERTIFICATE)
    except ConfigError as error:
        return Check(name, "fail", "TLS", "\n".join(error.faults))
    if context is None:
        return Check(name, "ok", "none: a proxy in front has to end TLS, as Genesys comes by wss:// only")
    try:
        shown = certificate_shown(context, str(options.tls_cert))
    except ssl.SSLCertVerificationError as error:
        found = "expired" if error.verify_code == _EXPIRED else error.verify_message
        return Check(name, "fail", found, "renew it; the files are read again when they change")
    except ssl.SSLError as error:
        return Check(name, "fail", f"no handshake ({error.reason})", "give a certificate for servers, and its key")
    return judge_certificate(name, shown, now)


def judge_certificate(name: str, shown: dict[str, Any], now: datetime) -> Check:
    """A certificate as `SSLSocket.getpeercert` tells it: for whom, until when, by whom."""
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
    names = ", ".join(value for _, value in shown.get("subjectAltName", ())) or "no name"
    found = f"for {names}, until {until:%Y-%m-%d}"
    days = (until - now).days
    if days < SOON_DAYS:
        return Check(
            name,
            "warn",
            f"{found}: {days} {'day' if days == 1 else 'days'}",
            "renew it; the files are read again when they change",
        )
    if shown["issuer"] == shown["subject"]:
        return Check(name, "warn", f"{found}, signed by itself", "Genesys takes public authorities only")
    return Check(name, "ok", found)


def certificate_shown(context: ssl.SSLContext, cert: str) -> dict[str, Any]:
    """What a client sees of it that trusts `cert` alone; SSLError where there is no handshake."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname = False
    trust.load_verify_locations(cafile=cert)
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trust.wrap_bio(to_client, to_server)
    for _ in range(MOST_TURNS):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return dict(client.getpeercert() or {})
