"""A webhook goes where it may and nowhere else: literal hosts at the start, names when they are connected to."""

import asyncio
import socket
from ipaddress import ip_network

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from structlog.testing import capture_logs

from engine.commands import webhook
from engine.commands.sinks import open_sinks
from engine.errors import ConfigError, SinkError
from engine.options import WebhookSink
from tests.support.commands import attempted, command, receiver
from tests.support.webhooks import sink

LOOPBACK, METADATA = "127.0.0.1", "169.254.169.254"


class Names(AbstractResolver):
    """Answers by a script of address lists, the last for ever; notes what was asked."""

    def __init__(self, *script: list[str]) -> None:
        self._script = [*script]
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=_family(address), proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        pass


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "169.254.169.254.", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]", "0.0.0.0", "[::]", "255.255.255.255", "224.0.0.1", "[fe80::1]", "[64:ff9b::a9fe:a9fe]",
        "crm.example@169.254.169.254", "127.0.0.1:80@169.254.169.254", "169.254.169.254:80", "１６９.254.169.254",
    ],
)  # fmt: skip
async def test_a_literal_target_that_is_refused_stops_the_start(session, host):
    with pytest.raises(ConfigError, match=r"sinks\.hook\.url: ") as caught:
        sink(f"http://{host}/latest/meta-data?t=hush", session)
    assert "hush" not in str(caught.value)
    assert "crm.example@" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://crm.example/x", "gopher://127.0.0.1/", "unix:///run/x.sock"]
)
def test_no_other_scheme_passes(url):
    with pytest.raises(ValueError, match="url"):
        WebhookSink(name="hook", url=url)


async def test_a_named_network_is_allowed(session):
    assert sink(f"http://{METADATA}/", session, allow_addresses=["169.254.169.254"]).options.allow_addresses == (
        ip_network("169.254.169.254/32"),
    )
    with pytest.raises(ConfigError):
        sink(f"http://{METADATA}/", session, allow_addresses=["169.254.0.0/24"])


@pytest.mark.parametrize("found", [[METADATA], ["::ffff:169.254.169.254"], ["fe80::1"], [LOOPBACK, METADATA]])
async def test_a_name_that_resolves_to_a_refused_address_is_final(found):
    names = Names(found)
    async with webhook.open_session(1, resolver=names) as session:
        with pytest.raises(SinkError, match=r"^sink hook: crm\.example:80: its name resolves to a") as caught:
            await attempted(sink("http://crm.example/?t=hush-hush", session), command())
    assert not caught.value.retryable
    assert caught.value.happened == "no"
    assert names.asked == ["crm.example"]


async def test_a_name_that_changes_its_mind_gains_nothing():
    """DNS rebinding: judged and connected to is one and the same answer; the next one is judged anew."""
    async with receiver() as there:
        port = there.url.split(":")[2].split("/")[0]
        names = Names([LOOPBACK], [METADATA])
        async with webhook.open_session(1, resolver=names) as session:
            hook = sink(f"http://crm.example:{port}/hook", session)
            await hook.deliver(command())
            await session.close()
        async with webhook.open_session(1, resolver=names) as session:
            with pytest.raises(SinkError, match="metadata"):
                await sink(f"http://crm.example:{port}/hook", session).deliver(command())
    assert len(there.received) == 1
    assert names.asked == ["crm.example"] * 2


async def test_an_allowed_network_counts_for_names_too():
    async with webhook.open_session(1, [ip_network("169.254.0.0/16")], Names([METADATA])) as session:
        resolver = session.connector._resolver
        assert [found["host"] for found in await resolver.resolve("crm.example", 80)] == [METADATA]


async def test_a_name_that_does_not_resolve_is_tried_again(session):
    class Nobody(Names):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            self.asked.append(host)
            raise OSError("no such name")

    names = Nobody([])
    async with webhook.open_session(1, resolver=names) as session, asyncio.timeout(20):
        with pytest.raises(SinkError) as caught:
            await attempted(sink("http://crm.example/", session, deadline_s=1.5), command())
    assert caught.value.retryable
    assert len(names.asked) >= 2


async def test_each_webhook_has_its_own_allowances_and_connections(tmp_path):
    options = (
        WebhookSink(name="a", url="http://127.0.0.1:9/", allow_addresses=["169.254.0.0/16"]),
        WebhookSink(name="b", url="http://127.0.0.1:9/"),
    )
    async with open_sinks(options, None) as sinks:
        sessions = [each._session for each in sinks.values()]
        allowed = [session.connector._resolver._allowed for session in sessions]
    assert allowed == [(ip_network("169.254.0.0/16"),), ()]
    assert all(session.closed for session in sessions)


async def test_the_proxies_of_the_environment_are_not_used(monkeypatch):
    async with receiver() as there, receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url.partition("/hook")[0])
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        async with webhook.open_session(1) as session:
            await sink(there.url, session).deliver(command())
    assert (len(there.received), len(proxy.received)) == (1, 0)


@pytest.mark.parametrize(("url", "warned"), [("http://crm.example/x", True), ("http://8.8.8.8/", True), ("https://crm.example/", False), ("http://10.0.0.1/", False), ("http://receiver:9000/", False)])  # fmt: skip
async def test_a_body_that_crosses_the_network_in_clear_is_warned_of_at_the_start(session, url, warned):
    with capture_logs() as logs:
        sink(url, session)
    assert [line["log_level"] for line in logs] == ["warning"] * warned
    assert all(line["host"].startswith(("crm.example", "8.8.8.8")) for line in logs)


async def test_a_session_needs_no_cache_of_cookies_or_environment(session):
    assert not session.trust_env
    assert isinstance(session.cookie_jar, aiohttp.DummyCookieJar)
