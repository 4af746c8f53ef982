"""The panel of the fleet in a real Chromium: only where there is one, kept up to date, and what it says when Redis is away."""

import pytest
from playwright.async_api import expect

from engine.errors import FleetError
from tests.console.conftest import PHONE, Open
from tests.console.test_page import FAINT, NAMELESS, TOKEN, live
from tests.support.fleet_view import MadeUpFleet, node
from tests.support.live_view import MadeUp, shown

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_engine_that_is_alone_shows_none_and_is_not_asked(open_page: Open) -> None:
    async with shown(MadeUp(2)) as server:
        page = await open_page(server.url)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        await live(page)
        await page.reload()
        await live(page)
        await expect(page.locator("#calls-count")).to_have_text("2")
        await expect(page.locator("#fleet")).to_be_hidden()
        assert [url for url in asked if url.endswith("/v1/fleet")] == []


async def test_nodes_leader_and_what_waits(open_page: Open) -> None:
    fleet = MadeUpFleet()
    async with shown(MadeUp(2, fleet=fleet)) as server:
        page = await open_page(server.url)
        await live(page)
        await expect(page.locator("#fleet-title")).to_have_text("Fleet default")
        await expect(page.locator("#fleet-summary")).to_have_text(
            "3 nodes follow 18 calls, room for 6 more; nothing waits."
        )
        await expect(page.locator("#fleet-about")).to_have_text("b leads · lease 10 s · Redis 7.0.15, 12\u202fMB")
        await expect(page.locator(".nodes li b")).to_have_text(["a", "b", "c"])
        await expect(page.locator(".nodes .standing")).to_have_text(["ready", "full, leads", "ready"])
        await expect(page.locator(".nodes .calls")).to_have_text(["6 of 8 calls", "8 of 8 calls", "4 of 8 calls"])
        await expect(page.locator("#fleet-concerns li")).to_have_count(0)
        gone = node("b", 8, age_s=14)
        fleet.change(nodes=(node("a", 8), gone, node("d", 1)), calls=17, waiting=1, oldest_s=31.5)
        await expect(page.locator(".nodes .standing")).to_have_text(["full", "silent, leads", "ready"])
        await expect(page.locator(".nodes li b")).to_have_text(["a", "b", "d"])
        assert await page.locator("#fleet-concerns li").all_inner_texts() == [
            "Node b has not been heard of for 14 s: others take its 8 calls.",
            "A call has waited for a node for 32 s although there is room.",
        ]


async def test_a_node_that_has_begun_alone_shows_none(open_page: Open) -> None:
    fleet = MadeUpFleet()
    async with shown(MadeUp(1, fleet=fleet)) as server:
        page = await open_page(server.url)
        await expect(page.locator("#fleet")).to_be_visible(timeout=20_000)
        fleet.alone = True
        await expect(page.locator("#fleet")).to_be_hidden(timeout=20_000)


async def test_while_redis_is_away_the_last_rows_stay_and_it_says_so(open_page: Open) -> None:
    fleet = MadeUpFleet()
    async with shown(MadeUp(1, fleet=fleet), token=TOKEN) as server:
        page = await open_page(server.url)
        await page.fill("#token", TOKEN)
        await page.keyboard.press("Enter")
        await expect(page.locator(".nodes li")).to_have_count(3, timeout=20_000)
        fleet.fault = FleetError("Redis at 127.0.0.1:6379: connection refused", "unreachable")
        await expect(page.locator("#fleet-fault")).to_have_text(
            "The fleet can’t be seen now: Redis at 127.0.0.1:6379: connection refused", timeout=20_000
        )
        await expect(page.locator(".nodes li")).to_have_count(3)
        fleet.fault = None
        await expect(page.locator("#fleet-fault")).to_be_hidden(timeout=20_000)


async def test_markup_in_a_nodes_name_stays_text(open_page: Open) -> None:
    fleet = MadeUpFleet()
    fleet.change(nodes=(node("<b>bold</b>", admin="javascript:alert(1)"),))
    async with shown(MadeUp(1, fleet=fleet)) as server:
        page = await open_page(server.url)
        await expect(page.locator(".nodes li > b")).to_have_text("<b>bold</b>", timeout=20_000)
        await expect(page.locator(".nodes b b")).to_have_count(0)


@pytest.mark.parametrize(("name", "size"), [("desktop", None), ("phone", PHONE)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pictures_contrast_and_width(open_page: Open, pictures, name: str, size, scheme: str) -> None:
    fleet = MadeUpFleet("contact-centre")
    nodes = (
        node("cueline-0"), node("cueline-1", 8, audiohook=3), node("cueline-2", 3, state="draining", room=0), node("cueline-3", 8, age_s=14),
        node("node-with-a-name-that-is-rather-long.eu-central-1.example", 120, max_calls=None, room=402, utilization=0.31),
    )  # fmt: skip
    fleet.change(nodes=nodes, leader="cueline-1-0a1b2c", calls=145, waiting=12, oldest_s=34.2, quarantined=1)
    async with shown(MadeUp(12, fleet=fleet)) as server:
        page = await open_page(server.url, scheme, **({"size": size} if size else {}))
        await live(page)
        await expect(page.locator(".nodes li")).to_have_count(5)
        await page.locator("#fleet").screenshot(path=pictures / f"fleet-{name}-{scheme}.png")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.evaluate(NAMELESS) == []
        assert await page.evaluate(FAINT) == []
        worst = await page.evaluate("""() => [...document.querySelectorAll(".nodes li > *")]
            .filter((node) => node.tagName !== "B" && node.scrollWidth > node.clientWidth + 1).map((node) => node.outerHTML)""")
        assert worst == []
