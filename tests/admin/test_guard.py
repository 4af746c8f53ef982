"""Who gets in: the bearer token, and without one programs of this machine that are no web page."""

import hmac

import pytest
from aiohttp import web

from engine.admin import guard
from tests.support.admin import Admin, running

TOKEN = "a-token-of-32-characters-1234567"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ADDRESSES = ["/metrics", "/v1/conversations", "/v1/conversations/one", "/v1/events", "/no-such-address"]


@pytest.fixture
async def closed():
    async with running(token=TOKEN) as admin:
        yield admin


@pytest.fixture
async def local():
    async with running() as admin:
        yield admin


def refused(admin: Admin, reason: str) -> float:
    return admin.metrics.registry.get_sample_value("cueline_admin_requests_refused_total", {"reason": reason})


@pytest.mark.parametrize("path", ADDRESSES)
async def test_a_stranger_gets_nothing(closed: Admin, path: str) -> None:
    response = await closed.http.get(path)
    body = await response.json(content_type="application/problem+json")
    assert (response.status, body["status"], body["title"]) == (401, 401, "Unauthorized")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="cueline"'
    assert TOKEN not in str(body)
    assert refused(closed, "unauthorized") == 1


async def test_a_stranger_changes_nothing(closed: Admin) -> None:
    assert (await closed.http.post("/v1/conversations", json={"conversation_id": "one"})).status == 401
    assert not closed.registry.followed
    await closed.http.post("/v1/conversations", json={"conversation_id": "one"}, headers=BEARER)
    assert (await closed.http.delete("/v1/conversations/one")).status == 401
    assert set(closed.registry.followed) == {"one"}


@pytest.mark.parametrize("path", ADDRESSES[:-2])
async def test_the_token_opens_everything(closed: Admin, path: str) -> None:
    assert (await closed.http.get(path, headers=BEARER)).status in (200, 404)
    assert refused(closed, "unauthorized") == 0


async def test_the_events_open_too(closed: Admin) -> None:
    async with closed.http.get("/v1/events", headers=BEARER) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "given",
    [
        "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, f"Bearer{TOKEN}",
        f"Bearer {TOKEN.upper()}", f"Bearer {TOKEN} {TOKEN}", "Bearer ü", f"Bearer {'x' * 4000}",
    ],
)  # fmt: skip
async def test_what_is_not_the_token_is_refused(closed: Admin, given: str) -> None:
    assert (await closed.http.get("/v1/conversations", headers={"Authorization": given})).status == 401


async def test_the_schemes_name_is_in_any_case(closed: Admin) -> None:
    for scheme in ("bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {TOKEN}"}
        assert (await closed.http.get("/v1/conversations", headers=headers)).status == 200


async def test_a_token_in_the_address_is_none(closed: Admin) -> None:
    assert (await closed.http.get(f"/v1/conversations?token={TOKEN}&access_token={TOKEN}")).status == 401


async def test_probes_need_none_and_metrics_where_they_are_opened(closed: Admin) -> None:
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/metrics", 401)):
        assert (await closed.http.get(path)).status == status
    async with running(token=TOKEN, open_metrics=True) as opened:
        assert (await opened.http.get("/metrics")).status == 200
        assert (await opened.http.get("/v1/conversations")).status == 401


async def test_the_comparison_takes_the_same_time_wherever_they_differ(closed: Admin, monkeypatch) -> None:
    compared, compare_digest = [], hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare_digest(one, other)

    monkeypatch.setattr(guard.hmac, "compare_digest", compare)
    await closed.http.get("/v1/conversations", headers={"Authorization": "Bearer x"})
    assert compared == [(b"x", TOKEN.encode())]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "LOCALHOST:8080", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:8080"]
)
async def test_without_a_token_the_machines_own_names_are_good(local: Admin, host: str) -> None:
    assert (await local.http.get("/v1/conversations", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example",
        "evil.example@127.0.0.1", "10.0.0.1", "0.0.0.0", "localhost:x", "localhost:99999", "[::1", "2130706433", "a/localhost", "",
    ],
)  # fmt: skip
async def test_a_name_that_somebody_points_here_is_refused(local: Admin, host: str) -> None:
    """DNS rebinding: the page's own name resolves to 127.0.0.1, so its browser reads our answers as that page's."""
    response = await local.http.get("/v1/conversations", headers={"Host": host})
    body = await response.json(content_type="application/problem+json")
    assert (response.status, body["allowed"]) == (403, ["localhost", "127.0.0.1", "[::1]"])
    assert refused(local, "host") == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://{host}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://{host}"},
    ],
)
async def test_another_sites_page_changes_nothing(local: Admin, headers: dict[str, str]) -> None:
    host = f"127.0.0.1:{local.server.port}"
    sent = {name: value.format(host=host) for name, value in headers.items()}
    response = await local.http.post("/v1/conversations", data=b'{"conversation_id":"one"}', headers=sent)
    assert response.status == 403
    assert not local.registry.followed
    assert refused(local, "cross_site") == 1


async def test_our_own_page_and_plain_programs_pass(local: Admin) -> None:
    own = {"Origin": f"http://127.0.0.1:{local.server.port}", "Sec-Fetch-Site": "same-origin"}
    for number, headers in enumerate((own, {"Sec-Fetch-Site": "none"}, {})):
        body = {"conversation_id": f"c{number}"}
        assert (await local.http.post("/v1/conversations", json=body, headers=headers)).status == 201


async def test_with_a_token_a_proxy_may_name_it_as_it_likes(closed: Admin) -> None:
    assert (await closed.http.get("/v1/conversations", headers=BEARER | {"Host": "cueline.example"})).status == 200


async def test_the_guard_stands_before_every_route(local: Admin) -> None:
    app = local.server._runner.app
    assert any(isinstance(resource, web.Resource) for resource in app.router.resources())
    for resource in app.router.resources():
        path = resource.canonical.replace("{conversation_id}", "x")
        assert (await local.http.get(path, headers={"Host": "evil.example"})).status == 403, path
