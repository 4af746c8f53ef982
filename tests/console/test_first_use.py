"""What somebody who sees the page for the first time tries, reads and compares: each was once a stumble."""

import re
import time

import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import Open
from tests.console.test_page import ids, live
from tests.support.live_view import MadeUp, call_key, shown

pytestmark = pytest.mark.asyncio(loop_scope="session")
FOCUSED = "document.activeElement.textContent"
OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll("#timeline text.rule")].map((node) => node.getBoundingClientRect());
  const touch = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return boxes.flatMap((a, n) => boxes.slice(n + 1).filter((b) => touch(a, b))).length;
}"""
RIGHT_EDGES = """() => [...document.querySelectorAll(".call.titles > span")].map((title, n) => [title, document.querySelector(
    `.sizer .call > :nth-child(${n + 1})`)]).map((pair) => pair.map((node) => Math.round(node.getBoundingClientRect().right)))"""


async def test_an_engine_that_is_full_is_well_and_says_so(open_page: Open) -> None:
    view = MadeUp(3)
    view.engine |= {"status": "not ready", "refused_total": 7}
    view.engine["conditions"]["capacity_left"] = False
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        await expect(page.locator("#verdict")).to_have_attribute("data-level", "warn")
        await expect(page.locator("#verdict-text")).to_have_text("Full: takes no more calls; hearing 3 calls.")
        await expect(page.locator("#status")).to_have_text("full")
        await expect(page.locator("#refused")).to_have_text("7 calls refused")
        view.engine["conditions"]["state_writable"] = False  # and now it is not well
        view.engine["refused_total"] = 0
        view.tick()
        await expect(page.locator("#verdict")).to_have_attribute("data-level", "bad")
        await expect(page.locator("#verdict-text")).to_have_text("Not ready for new calls; hearing 3 calls.")
        await expect(page.locator("#refused")).to_be_hidden()


async def test_arrows_go_into_the_calls_and_stay_where_they_are_needed(open_page: Open) -> None:
    async with shown(MadeUp(12)) as server:
        page = await open_page(server.url)
        await live(page)
        await expect(ids(page).first).to_be_visible()
        listed = await ids(page).all_text_contents()
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate(FOCUSED) == listed[0]
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate(FOCUSED) == listed[1]
        await page.locator("#filter").focus()
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate("document.activeElement.id") == "filter"
        await page.locator("#calls").focus()
        await page.keyboard.press("ArrowUp")
        assert await page.evaluate(FOCUSED) == listed[1]  # where it was left
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("/")
        await page.keyboard.type("no such call")
        await expect(page.locator("#calls-empty")).to_be_visible()
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate("document.activeElement === document.body")


async def test_the_skip_link_leads_to_a_call(open_page: Open) -> None:
    async with shown(MadeUp(12)) as server:
        page = await open_page(server.url)
        await live(page)
        first = await ids(page).first.text_content()
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") == "skip"
        await page.keyboard.press("Enter")
        assert await page.evaluate(FOCUSED) == first


async def test_a_sink_that_waits_is_told_in_the_list_and_in_the_calls_timeline(open_page: Open) -> None:
    view = MadeUp(1, phrases_told=0)
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        told = [{"sink": "crm", "outcome": "delivered", "latency_ms": 12}]
        view.spot(0, id="waits", at=time.time() - 38, deliveries=told)
        chips = ["✓ crm delivered, 12\u202fms", re.compile(r"^… transfer waiting, \d+\u202fs$")]
        await expect(page.locator("#phrases .outcome")).to_have_text(chips)
        seconds = await waited_s(page, "#phrases")
        assert seconds >= 38
        later = {"at": time.time() + 30, "engine": view.engine, "shards": view.shards}
        view.events.publish("tick", later | {"calls": [], "left": [], "sample": None})
        await expect(page.locator("#phrases [data-outcome=waiting]")).not_to_contain_text(f", {seconds}\u202fs")
        assert await waited_s(page, "#phrases") >= 68
        await page.locator("#phrases .plain").click()
        await expect(page.locator("#timeline-phrases .outcome")).to_have_text(chips)
        assert await waited_s(page, "#timeline-phrases") >= 68


async def waited_s(page: Page, where: str) -> int:
    text = await page.locator(f"{where} [data-outcome=waiting]").inner_text()
    return int(text.removesuffix("\u202fs").split(", ")[1])


async def test_figures_agree_while_a_phrase_is_ahead_of_its_tick(open_page: Open) -> None:
    view = MadeUp(2)  # with nine phrases
    view.engine["phrases_total"] = 9
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        view.spot(1, id="ahead")
        await expect(page.locator("#phrases-count")).to_have_text("10")
        await expect(page.locator("#phrases-word")).to_have_text("phrases in 5 minutes, 10 since the start")


async def test_a_phrase_that_is_found_brings_its_call(open_page: Open) -> None:
    async with shown(MadeUp(12, phrases_told=3)) as server:
        page = await open_page(server.url)
        await live(page)
        await page.fill("#filter", "cancel")  # the second of three phrases, of the second call
        await expect(ids(page)).to_have_text([call_key(1)])
        await expect(page.locator("#phrases li")).to_have_count(1)
        await page.fill("#filter", "nowhere")
        await expect(page.locator("#calls-empty")).to_contain_text("in its id, source, state or phrases")


async def test_reasons_of_then_are_not_shown_when_the_connection_is_lost(open_page: Open) -> None:
    view = MadeUp(2)
    view.engine |= {"sinks_failing": ["crm"]}
    async with shown(view) as server:
        port = server.port
        page = await open_page(server.url)
        await expect(page.locator("#concerns li")).to_have_text(["Sink crm fails; its deliveries wait."])
    await expect(page.locator("#verdict-text")).to_contain_text("What stands below is from", timeout=20_000)
    await expect(page.locator("#concerns")).to_be_hidden()
    again = MadeUp(2)
    again.engine |= view.engine
    async with shown(again, port=port):
        await expect(page.locator("#concerns li")).to_be_visible(timeout=20_000)


async def test_pins_of_a_crowded_timeline_say_what_they_are(open_page: Open) -> None:
    view = MadeUp(5)
    told = view.timeline(call_key(4))
    assert told is not None
    ends_ms = (9000, 9000, 10_500, 12_000, 40_000, 40_900, 120_500)
    pins = [view.phrase(n) | {"id": f"pin-{n}", "phrase_end_ms": at} for n, at in enumerate(ends_ms)]
    told["channels"] = [told["channels"][0] | {"phrases": pins}]
    view.timeline = lambda key: told  # type: ignore[method-assign]
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        await ids(page).first.click()
        titles = page.locator("#timeline .pin > title")
        await expect(titles).to_have_count(7)
        assert (await titles.first.text_content()) == "transfer-me: “transfer me” at 0:09"
        assert await page.locator("#timeline text.rule").count() >= 4  # there is room at both ends of each group
        assert await page.evaluate(OVERLAPS) == 0
        await expect(page.locator("#timeline .legend")).to_contain_text("going on now")
        boxes = [await page.locator(f"#timeline-picture{part}").bounding_box() for part in ("", " svg")]
        assert len({box and box["height"] for box in boxes}) == 1  # nothing empty below a lane


async def test_titles_end_where_their_figures_do_and_nothing_is_blank(open_page: Open) -> None:
    async with shown(MadeUp(40)) as server:
        page = await open_page(server.url)
        await live(page)
        await expect(ids(page).first).to_be_visible()
        for column in (2, 4, 5, 6, 7):  # lasts, behind, phrases, gaps, shard
            title, figure = (await page.evaluate(RIGHT_EDGES))[column]
            assert title == figure
        assert "" not in await page.locator(".sizer .call > span").all_inner_texts()
