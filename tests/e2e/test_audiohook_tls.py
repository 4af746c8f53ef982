"""TLS of Cueline's own: a certificate that is exchanged while calls stand, and plain connections that are not to be."""

import socket

import psutil
import pytest

from engine.simulator.audiohook import UpgradeFailedError
from tests.support.certificates import make_certificates, needs_openssl
from tests.support.commands import receiver
from tests.support.hooked import assert_spotted, hooked, rules_of, said, spotted

UNTIL_MS = 14_000
ELSEWHERE = "192.0.2.7"  # of no machine


def replaced(path, data):
    """As certbot does: whole, at once."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(path)


@needs_openssl
async def test_a_certificate_is_exchanged_while_calls_stand(tmp_path):
    """A call from before goes on and loses nothing; who comes later gets the new one. One that is broken changes nothing."""
    old, new = ((tmp_path / name) for name in ("old", "new"))
    old.mkdir(), new.mkdir()
    first, second = make_certificates(old), make_certificates(new)
    given = {"CUELINE_AUDIOHOOK_TLS_CERT": str(first.cert), "CUELINE_AUDIOHOOK_TLS_KEY": str(first.key)}
    async with receiver() as hook, hooked(tmp_path, given, rules_of(hook.url)) as it:
        assert it.url.startswith("wss://127.0.0.1:")
        async with it.call(ca=first.authority) as before:
            before.speak(8_000, external=1)
            await before.ping()
            replaced(first.key, second.key.read_bytes())
            replaced(first.cert, second.cert.read_bytes())
            await it.engine.command.says("The certificate was read again")
            async with it.voice(ca=first.authority) as stranger:
                with pytest.raises(UpgradeFailedError, match="certificate"):
                    await stranger.connect()
            async with it.call(ca=second.authority) as after:
                await after.ping()
                replaced(first.cert, b"no certificate")
                await it.engine.command.says("A new certificate can't be used; the one before it stays")
                await after.ping()
            async with it.call(ca=second.authority) as still:
                await still.ping()
            before.speak(UNTIL_MS, 8_000, external=1)
            await before.ping()
        await it.engine.comes_to(before.session_id, "ended")
        await it.engine.settled()
        assert_spotted(spotted(hook, before.conversation_id), said(UNTIL_MS, external=1))
        assert "PRIVATE KEY" not in "\n".join(it.engine.command.err)


async def test_plain_connections_are_taken_from_this_machine_and_trusted_proxies_alone(tmp_path):
    addresses = [
        each.address
        for several in psutil.net_if_addrs().values()
        for each in several
        if each.family is socket.AF_INET and not each.address.startswith("127.")
    ]
    if not addresses:
        pytest.skip("this machine has no address but its own")
    for trusted, taken in ((ELSEWHERE, False), (f"{addresses[0]}/32", True)):
        given = {"CUELINE_AUDIOHOOK_HOST": "0.0.0.0", "CUELINE_AUDIOHOOK_TRUSTED_PROXIES": f"{ELSEWHERE},{trusted}"}
        async with hooked(tmp_path, given | {"TARGET_KEYWORD": "transfer me"}) as it:
            port = it.url.split(":")[2]
            async with (
                it.call(url=f"ws://127.0.0.1:{port}") as local,
                it.voice(url=f"ws://{addresses[0]}:{port}") as far,
            ):
                if taken:
                    await far.begin()
                    await far.ping()
                    await far.close()
                else:
                    with pytest.raises(UpgradeFailedError, match="403"):
                        await far.connect()
                await local.ping()
            assert await it.counts() == ({} if taken else {"refused address": 1})
