"""The console's files: free of the token, held to their own origin, fresh; and the plain index for programs."""

import re

import pytest

from engine.admin.console import FOLDER, KINDS, POLICY, is_page, page_files
from tests.support.admin import running

TOKEN = "a-token-of-32-characters-1234567"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_browser_gets_the_page_and_a_program_the_index() -> None:
    async with running(token=TOKEN) as admin:
        page = await admin.http.get("/", headers=BROWSER)
        assert (page.status, page.content_type) == (200, "text/html")
        assert (await page.text()).startswith("<!doctype html>")
        index = await admin.http.get("/")
        assert (index.status, index.content_type, page.headers["Vary"]) == (200, "text/plain", "Accept")
        assert "/v1/live" in await index.text()


@pytest.mark.parametrize("name", sorted(page_files()))
async def test_every_file_is_there_without_a_token_and_keeps_to_its_origin(name: str) -> None:
    async with running(token=TOKEN) as admin:
        answer = await admin.http.get(f"/console/{name}")
        assert (answer.status, answer.content_type) == (200, KINDS[f".{name.rsplit('.', 1)[1]}"])
        assert await answer.read() == (FOLDER / name).read_bytes()
        told = answer.headers
        assert told["Content-Security-Policy"] == POLICY
        assert (told["X-Content-Type-Options"], told["Referrer-Policy"]) == ("nosniff", "no-referrer")
        assert told["Cache-Control"] == "no-cache"
        again = await admin.http.get(f"/console/{name}", headers={"If-None-Match": told["ETag"]})
        assert (again.status, await again.read()) == (304, b"")
        older = await admin.http.get(f"/console/{name}", headers={"If-None-Match": '"older"'})
        assert older.status == 200


@pytest.mark.parametrize(
    "path", ["/console/", "/console/server.py", "/console/..%2fserver.py", "/console/%2e%2e/guard.py"]
)
async def test_nothing_else_is_there(path: str) -> None:
    async with running() as admin:
        assert (await admin.http.get(path)).status == 404


async def test_the_page_opens_no_way_past_the_token() -> None:
    async with running(token=TOKEN) as admin:
        for path in (
            "/v1/conversations",
            "/console/../v1/conversations",
            "/console/%2e%2e/v1/conversations",
            "/metrics",
        ):
            assert (await admin.http.get(path)).status in (401, 404)
        assert (await admin.http.post("/", json={})).status == 405


async def test_a_link_from_another_site_opens_the_page_and_nothing_more() -> None:
    async with running() as admin:
        strange = {"Sec-Fetch-Site": "cross-site"}
        assert (await admin.http.get("/", headers=BROWSER | strange)).status == 200
        assert (await admin.http.get("/v1/conversations", headers=strange)).status == 403
        assert (await admin.http.get("/", headers=BROWSER | {"Host": "evil.example"})).status == 403


def test_what_belongs_to_the_page() -> None:
    assert [is_page(path) for path in ("/", "/console/main.js", "/console", "/v1/live", "/metrics")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_files_are_small_and_hold_nothing_inline() -> None:
    for path in FOLDER.iterdir():
        if not path.name.startswith("uplot."):
            assert len(path.read_text().splitlines()) <= 250
    html = (FOLDER / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|https?://", html)
    assert set(re.findall(r"/console/([\w.]+)", html)) <= set(page_files())


def test_every_module_asks_only_for_files_that_are_there() -> None:
    for path in FOLDER.glob("*.js"):
        assert set(re.findall(r'from "\./([\w.]+)"', path.read_text())) <= set(page_files())
