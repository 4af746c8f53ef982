"""Tokens and attempts against real sockets, through the real process and the real SDK."""

import asyncio
import ssl
import subprocess
import time

import pytest

from engine.errors import PlatformError
from tests.support.loopback_platform import DRIP, DROP, LOGIN, LOOK_UP, STALL, LoopbackPlatform, Reply

LIVE = Reply(body={"participants": [{"id": "p", "purpose": "customer", "state": "connected"}]})


async def failure(request) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        await request
    return caught.value


async def test_wrong_credentials_say_what_to_check_and_show_no_secret(cloud, connect):
    cloud.script("POST", LOGIN, Reply(401, {"error": "invalid_client", "description": "client our-client is wrong"}))
    client = await connect()
    errors = await asyncio.gather(*(failure(client.token()) for _ in range(8)))
    assert {error.status for error in errors} == {401}
    assert "401, invalid_client" in str(errors[0])
    assert "GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET" in str(errors[0])
    assert "open-sesame" not in str(errors)
    assert cloud.count("POST", LOGIN) == 1


async def test_credentials_beyond_ascii_are_refused_without_a_request(cloud, connect):
    client = await connect(client_secret="sésame")
    error = await failure(client.token())
    assert "ASCII" in str(error)
    assert "sésame" not in str(error)
    assert cloud.requests == []


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"access_token": 7}', b'{"access_token": "a\\nb"}', b"{}"])
async def test_a_login_answer_without_a_token_is_an_error(cloud, connect, body):
    cloud.script("POST", LOGIN, Reply(200, body))
    error = await failure((await connect()).token())
    assert "holds no token" in str(error)
    assert cloud.count("POST", LOGIN) == 1


@pytest.mark.parametrize(
    ("expires_in", "life_s"), [(None, 300), ("soon", 300), (-1, 300), ("600", 600), (172_800, 172_800)]
)
async def test_the_life_of_a_token_is_what_the_server_says_or_the_shortest(cloud, connect, expires_in, life_s):
    cloud.expires_in = expires_in
    client = await connect()
    await client.token()
    assert life_s - 10 < client.token_seconds_left(time.monotonic()) <= life_s


async def test_a_failed_renewal_does_not_take_a_living_token_away(cloud, connect):
    cloud.script("POST", LOGIN, Reply(body={"access_token": "old", "expires_in": 2}), Reply(500))
    client = await connect()
    assert await client.token() == "old"
    while client.token_seconds_left(time.monotonic()) >= 1:
        await asyncio.sleep(0.02)
    assert await client.token() == "old"
    assert cloud.count("POST", LOGIN) == 2


async def test_a_401_gets_exactly_one_new_token_and_the_request_is_sent_again(cloud, connect):
    cloud.script("GET", LOOK_UP, Reply(401), LIVE)
    client = await connect()
    assert (await client.check("conv-1")).live
    bearers = [request.headers["authorization"] for request in cloud.of("GET", LOOK_UP)]
    assert bearers == ["Bearer token-1", "Bearer token-2"]
    assert cloud.count("POST", LOGIN) == 2


async def test_a_second_401_is_an_error_that_names_the_scope(cloud, connect):
    cloud.script("GET", LOOK_UP, Reply(401))
    error = await failure((await connect()).check("conv-1"))
    assert (error.status, error.happened) == (401, "no")
    assert "conversation:view" in str(error)
    assert (cloud.count("GET", LOOK_UP), cloud.count("POST", LOGIN)) == (2, 2)


async def test_a_login_server_that_answers_404_is_not_a_missing_conversation(cloud, connect):
    cloud.script("POST", LOGIN, Reply(404))
    error = await failure((await connect()).check("conv-1"))
    assert error.status == 404
    assert "log in" in str(error)
    assert cloud.count("GET") == 0


@pytest.mark.parametrize("trouble", [Reply(500), Reply(503, headers={"Retry-After": "0"}), Reply(429), DROP])
async def test_reads_are_repeated_through_passing_trouble(cloud, connect, trouble):
    cloud.script("GET", LOOK_UP, trouble, LIVE)
    assert (await (await connect()).check("conv-1")).live
    assert cloud.count("GET", LOOK_UP) == 2


async def test_a_login_is_repeated_through_passing_trouble(cloud, connect):
    cloud.script("POST", LOGIN, Reply(503), Reply(body={"access_token": "late"}))
    assert await (await connect()).token() == "late"


async def test_reads_are_given_up_after_five_tries(cloud, connect):
    cloud.script("GET", LOOK_UP, Reply(500, headers={"Retry-After": "0"}))
    error = await failure((await connect()).check("conv-1"))
    assert error.status == 500
    assert cloud.count("GET", LOOK_UP) == 5


async def test_retry_after_is_kept_to(cloud, connect):
    cloud.script("GET", LOOK_UP, Reply(429, headers={"Retry-After": "1"}), LIVE)
    client = await connect()
    await client.token()
    began_s = time.monotonic()
    assert (await client.check("conv-1")).live
    assert time.monotonic() - began_s >= 1


async def test_a_retry_after_beyond_the_deadline_is_passed_on_at_once(cloud, connect):
    cloud.script("GET", LOOK_UP, Reply(429, headers={"Retry-After": "3600"}))
    error = await failure((await connect()).check("conv-1"))
    assert (error.status, error.retry_after_s, error.happened) == (429, 3600, "no")
    assert cloud.count("GET", LOOK_UP) == 1


@pytest.mark.parametrize("trouble", [STALL, DRIP])
async def test_a_read_that_never_ends_is_given_up(cloud, connect, trouble):
    cloud.script("GET", LOOK_UP, trouble)
    client = await connect(request_timeout_s=0.4)
    began_s = time.monotonic()
    error = await failure(client.check("conv-1"))
    assert "no complete answer in time" in str(error)
    assert time.monotonic() - began_s < 20


async def test_a_host_that_nobody_listens_on(cloud, connect):
    client = await connect(login_url="http://127.0.0.1:9", request_timeout_s=0.3)
    error = await failure(client.token())
    assert (error.status, error.happened) == (0, "no")
    assert "no connection to the server" in str(error)


async def test_a_host_that_does_not_exist(connect):
    error = await failure((await connect(login_url="http://login.invalid", request_timeout_s=0.3)).token())
    assert "no connection to the server" in str(error)


async def test_redirects_are_not_followed(cloud, connect):
    cloud.script("GET", LOOK_UP, Reply(307, headers={"Location": f"{cloud.url}/elsewhere"}))
    error = await failure((await connect()).check("conv-1"))
    assert error.status == 307
    assert cloud.count(path="/elsewhere") == 0


async def test_an_https_address_needs_a_certificate_that_the_system_trusts(tmp_path, connect):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*openssl.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with LoopbackPlatform(context) as cloud:
        error = await failure((await connect(api_url=cloud.url, request_timeout_s=0.5)).check("conv-1"))
        assert cloud.requests == []
    assert (error.status, error.happened) == (0, "no")
    assert "certificate is not trusted" in str(error)
