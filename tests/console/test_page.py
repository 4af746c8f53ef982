"""The page in a real Chromium, before a real AdminServer that shows a made-up view."""

import time

import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import PHONE, Open
from tests.support.live_view import MadeUp, call_key, shown

pytestmark = pytest.mark.asyncio(loop_scope="session")
TOKEN = "a-token-of-32-characters-1234567"


async def live(page: Page) -> None:
    await expect(page.locator("#link")).to_have_attribute("data-level", "ok", timeout=20_000)


def ids(page: Page):
    return page.locator(".sizer .call .id")


async def test_a_first_look_says_whether_it_hears_how_fast_and_what_it_did(open_page: Open) -> None:
    view = MadeUp(4)
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        await expect(page.locator("#verdict-text")).to_have_text("Hearing 4 calls. All is well.")
        await expect(page.locator("#calls-count")).to_have_text("4")
        # nine phrases: 260 + 23 × (0 1 2 3 4 5 0 1 2) ms; the ninth of nine is the 95th percentile, the fifth the half
        await expect(page.locator("#spot-p95")).to_have_text("375\u202fms")
        await expect(page.locator("#spot-p50")).to_contain_text("half within 306\u202fms")
        await expect(page.locator("#phrases-count")).to_have_text("9")
        await expect(page.locator("#outcomes")).to_have_text(
            "deliveries (crm + transfer + supervisor-alert): 271 delivered1 failed"
        )
        await expect(page).to_have_title("● 4 calls · Cueline")
        await expect(page.locator("#text-note")).to_contain_text("not shown")
        await expect(page.locator(".shards li")).to_have_count(2)
        await expect(page.locator(".rules li").first).to_contain_text("transfer-metransfer me")


async def test_what_is_wrong_is_said_and_how_badly(open_page: Open) -> None:
    view = MadeUp(2)
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        view.shards[1] |= {"up": False, "dropped": 7}
        view.engine |= {"sinks_failing": ["crm"], "without_audio": 1, "status": "not ready"}
        view.engine["conditions"]["shards_up"] = False
        view.tick()
        await expect(page.locator("#verdict")).to_have_attribute("data-level", "bad")
        await expect(page.locator("#verdict-text")).to_have_text("Not ready for new calls; hearing 2 calls.")
        assert await page.locator("#concerns li").all_inner_texts() == [
            "Not ready: not all shards are up.", "1 call without audio for 10 s or more.",
            "7 frames lost in the last 5 minutes: more audio came than was heard.", "Shard 1 is down.", "Sink crm fails; its deliveries wait.",
        ]  # fmt: skip


async def test_calls_come_and_go_and_a_phrase_shows_at_once_with_its_outcome(open_page: Open) -> None:
    view = MadeUp(1)
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        view.tick([view.call(50)])
        await expect(ids(page)).to_have_count(2)
        view.spot(3, id="new", rule="transfer-me", phrase="<b>not markup</b>")
        newest = page.locator("#phrases li").first
        await expect(newest).to_contain_text("<b>not markup</b>")
        await expect(newest.locator("[data-outcome=waiting]")).to_have_count(2)
        outcome = {
            "id": "new",
            "rule": "transfer-me",
            "sink": "crm",
            "outcome": "refused",
            "at": time.time(),
            "latency_ms": 12,
        }
        view.events.publish("command", outcome)
        await expect(newest.locator("[data-outcome=refused]")).to_have_text("⊘ crm refused, 12\u202fms")
        view.tick(left=(call_key(0), call_key(50)))
        await expect(page.locator("#calls-empty")).to_have_text("No calls now.")
        await page.select_option("#calls-which", "left")
        await expect(ids(page)).to_have_count(5)


async def test_filter_order_and_pause(open_page: Open) -> None:
    view = MadeUp(12)
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        await page.keyboard.press("/")
        await page.keyboard.type("RECONN")
        await expect(ids(page)).to_have_text([call_key(10)])
        await page.keyboard.press("Escape")
        await page.select_option("#calls-which", "trouble")
        await expect(page.locator("#calls-shown")).to_have_text("2 of 12 calls")
        await page.select_option("#calls-order", "late")
        await expect(ids(page).first).to_have_text(call_key(7))
        await page.locator("body").click(position={"x": 2, "y": 2})
        await page.keyboard.press("p")
        await expect(page.locator("#pause")).to_have_attribute("aria-pressed", "true")
        view.spot(60, id="while-paused")
        await expect(page.locator("#pause")).to_have_text("Go on · 1 new phrase")
        await expect(page.locator("#phrases li")).to_have_count(9)
        await page.click("#pause")
        await expect(page.locator("#phrases li")).to_have_count(10)


async def test_a_walk_by_keyboard_to_a_calls_timeline_and_back(open_page: Open) -> None:
    view = MadeUp(12)
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        await page.locator("#calls-order").focus()
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == "calls-scroller":
            await page.keyboard.press("Tab")
        await page.keyboard.press("End")
        last = await page.evaluate("document.activeElement.textContent")
        assert last == call_key(11)  # the one that began first, newest first
        await page.keyboard.press("Enter")
        await expect(page.locator("#timeline-title")).to_have_text(f"Call {last}")
        await expect(page.locator("#timeline rect.speech")).to_have_count(17)
        await expect(page.locator("#timeline rect.speech.open, #timeline rect.gap")).to_have_count(2)
        await expect(page.locator("#timeline circle.flag")).to_have_count(4)
        await page.keyboard.press("Escape")
        await expect(page.locator("#timeline")).to_be_hidden()
        assert await page.evaluate("document.activeElement.textContent") == last


async def test_the_token_missing_wrong_and_right(open_page: Open) -> None:
    async with shown(MadeUp(3), token=TOKEN) as server:
        page = await open_page(server.url)
        await expect(page.locator("#sign-in")).to_be_visible()
        await expect(page.locator("#sign-in-fault")).to_be_hidden()
        await page.fill("#token", "not-the-token")
        await page.keyboard.press("Enter")
        await expect(page.locator("#sign-in-fault")).to_have_text("That is not this engine’s token.")
        await page.fill("#token", TOKEN)
        await page.keyboard.press("Enter")
        await live(page)
        await expect(page.locator("#sign-in")).to_be_hidden()
        await page.reload()
        await live(page)  # this tab remembers
        await page.click("#sign-out")
        await expect(page.locator("#sign-in")).to_be_visible()
        assert await page.evaluate("sessionStorage.length") == 0


async def test_it_comes_back_after_a_restart_and_says_that_it_was_away(open_page: Open) -> None:
    async with shown(MadeUp(3)) as server:
        port = server.port
        page = await open_page(server.url)
        await live(page)
    await expect(page.locator("#link-text")).to_contain_text("Not connected", timeout=20_000)
    await expect(page.locator("#verdict-text")).to_contain_text("What stands below is from")
    async with shown(MadeUp(5), port=port):
        await expect(page.locator("#verdict-text")).to_have_text("Hearing 5 calls. All is well.", timeout=20_000)
        await expect(ids(page)).to_have_count(5)


async def test_a_page_that_slept_is_up_to_date_again(open_page: Open) -> None:
    view = MadeUp(3)
    async with shown(view) as server:
        page = await open_page(server.url)
        await live(page)
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
        for number in range(400):  # more than a reader's queue holds
            view.spot(number, id=f"asleep-{number}")
        view.tick([view.call(70)])
        await devtools.send("Page.setWebLifecycleState", {"state": "active"})
        await expect(page.locator("#calls-count")).to_have_text("4")
        await live(page)
        assert await page.locator("#phrases li").count() <= 200


@pytest.mark.parametrize(("name", "size"), [("desktop", None), ("phone", PHONE)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pictures_contrast_and_width(open_page: Open, pictures, name: str, size, scheme: str) -> None:
    async with shown(MadeUp(12, texts=True)) as server:
        page = await open_page(server.url, scheme, **({"size": size} if size else {}))
        await live(page)
        await expect(page.locator("#phrases .said").first).to_be_visible()
        await page.screenshot(path=pictures / f"console-{name}-{scheme}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.evaluate(NAMELESS) == []
        assert await page.evaluate(FAINT) == []
        await ids(page).first.click()
        await expect(page.locator("#timeline svg")).to_be_visible()
        await page.screenshot(path=pictures / f"timeline-{name}-{scheme}.png")


NAMELESS = """() => [...document.querySelectorAll("button, input, select, [role=img], [role=meter]")]
  .filter((node) => node.checkVisibility() && !(node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.length))
  .map((node) => node.outerHTML)"""

# Texts whose contrast with the ground they stand on is below WCAG's 4.5; large text may have 3.
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgba(getComputedStyle(node).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll("body *")) {
    if (!node.checkVisibility() || ![...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(rgba(style.color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)} ${node.outerHTML.slice(0, 90)}`);
  }
  return faint;
}"""
