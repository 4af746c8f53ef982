import asyncio
from dataclasses import dataclass, field

import pytest
from urllib3 import HTTPHeaderDict

from engine.errors import PlatformError
from engine.genesys.platform_messages import LimitNeared, RateLimited
from engine.genesys.sdk_http import FORM, MAX_BODY_BYTES, OneShot, limit_of, make_pool
from tests.support.loopback_platform import DROP, STALL, Reply


@dataclass
class Options:
    """As the SDK's HttpRequestOptions."""

    url: str
    method: str = "GET"
    headers: dict = field(default_factory=dict)
    query_params: dict = field(default_factory=dict)
    post_params: dict = field(default_factory=dict)
    body: object = None


@pytest.fixture
def send(cloud):
    """Send one request to the loopback platform in a thread; `limits` gathers what the headers said."""
    pool = make_pool(None)

    async def request(path="/x", *, changes=True, timeout_s=1.0, **options):
        limits = []
        shot = OneShot(pool, "try it", timeout_s=timeout_s, changes=changes, on_limit=limits.append)
        answer = await asyncio.to_thread(shot.request, Options(cloud.url + path, **options))
        assert shot.answer is answer
        return answer, limits

    yield request
    pool.clear()


async def test_an_answer_is_what_the_sdk_expects(cloud, send):
    cloud.script("GET", "/x?a=b+c&d=1", Reply(201, {"ä": 1}, {"X-Y": "z"}))
    answer, _ = await send(query_params={"a": "b c", "d": 1})
    assert (answer.status, answer.data) == (201, '{"\\u00e4": 1}')
    assert (answer.getheader("x-y"), answer.getheader("none", "else")) == ("z", "else")
    assert answer.getheaders()["X-Y"] == "z"


async def test_bodies(cloud, send):
    await send("/json", method="POST", headers={"Content-Type": "application/json"}, body={"a": 1})
    await send("/form", method="POST", headers={"Content-Type": FORM}, post_params={"a": "ö &"})
    await send("/none", method="POST")
    assert [request.body for request in cloud.requests] == [b'{"a":1}', b"a=%C3%B6+%26", b""]


async def test_an_endless_answer_is_cut_off(cloud, send):
    cloud.script("GET", "/x", Reply(200, b" " * (MAX_BODY_BYTES + 1)))
    with pytest.raises(PlatformError, match="connection failed"):
        await send(timeout_s=10)


@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize("trouble", [DROP, STALL, Reply(500), Reply(302), Reply(429, headers={"Retry-After": "1"})])
async def test_one_request_and_what_may_have_happened(cloud, send, trouble, changes):
    cloud.script("POST", "/x", trouble)
    with pytest.raises(PlatformError, match=r"^Could not try it: ") as caught:
        await send(method="POST", changes=changes, timeout_s=0.3)
    assert cloud.count("POST", "/x") == 1
    refused = trouble.status == 429
    assert caught.value.happened == ("unknown" if changes and not refused else "no")
    assert caught.value.status == (trouble.status if trouble.behaviour == "answer" else 0)
    assert caught.value.retry_after_s == (1 if refused else None)


async def test_a_header_that_cannot_be_sent_is_never_sent(cloud, send):
    with pytest.raises(PlatformError) as caught:
        await send(method="POST", headers={"Authorization": "Bearer a\nb"})
    assert (caught.value.happened, cloud.requests) == ("no", [])


@pytest.mark.parametrize("body", [b"[1]", b"{", b'{"code": 7}', b'{"code": "call +49 30"}', b"null"])
async def test_no_text_of_the_server_gets_into_a_message(cloud, send, body):
    cloud.script("GET", "/x", Reply(400, body, {"ININ-Correlation-Id": "a b"}))
    with pytest.raises(PlatformError, match=r"the server answered 400$"):
        await send()


async def test_rate_limits_are_told_when_they_are_near(cloud, send):
    limits = {"inin-ratelimit-count": "250", "inin-ratelimit-allowed": "300", "inin-ratelimit-reset": "61"}
    cloud.script("GET", "/x", Reply(200, {}, limits))
    assert (await send())[1] == [LimitNeared(250, 300, 61)]


async def test_each_answer_429_is_told(cloud):
    cloud.script("GET", "/x", Reply(429, {}))
    pool, limits = make_pool(None), []
    shot = OneShot(pool, "try it", timeout_s=1.0, changes=False, on_limit=limits.append)
    with pytest.raises(PlatformError, match="429"):
        await asyncio.to_thread(shot.request, Options(f"{cloud.url}/x"))
    pool.clear()
    assert limits == [RateLimited()]


def test_rate_limits_far_away_or_garbled_are_not_told():
    names = ("inin-ratelimit-count", "inin-ratelimit-allowed", "inin-ratelimit-reset")
    assert limit_of(HTTPHeaderDict(zip(names, ("239", "300", "1"), strict=True))) is None
    assert limit_of(HTTPHeaderDict(zip(names, ("x", "300", "1"), strict=True))) is None
    assert limit_of(HTTPHeaderDict(zip(names, ("9" * 16, "300", "1"), strict=True))) is None  # JSON holds 64 bits
    assert limit_of(HTTPHeaderDict(zip(names, ("1", "9" * 400, "1"), strict=True))) is None
