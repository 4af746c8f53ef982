"""The page before a running engine with a call of the simulator, until that ends, and before the next engine at its address."""

import asyncio
import contextlib
import statistics
import time

import pytest
from playwright.async_api import expect

from engine.live_client import LiveClient
from tests.console.conftest import Open
from tests.support.commands import receiver
from tests.support.following import QUICK, phrases_of, running, simulator

pytestmark = pytest.mark.asyncio(loop_scope="session")
PHRASES = ("transfer me", "cancel my order")
MOMENTS = """() => {
  window.moments = [];
  const list = document.getElementById("phrases");
  new MutationObserver((records) => records.forEach((record) => record.addedNodes.forEach(() => window.moments.push(Date.now() / 1000))))
    .observe(list, { childList: true });
}"""


async def moments_of_phrases(url: str, moments: list[float]) -> None:
    """When another reader of the feed was told of each phrase, by this machine's clock."""
    async with contextlib.aclosing(LiveClient(url).events()) as events:
        async for event in events:
            if event.kind == "phrase":
                moments.append(time.time())  # noqa: PERF401 - as they come


async def test_a_call_is_watched_from_its_beginning_to_its_end_and_the_next_engine_is_found(
    open_page: Open, tmp_path
) -> None:
    told: list[float] = []
    async with receiver() as hook, simulator("--speed", 3) as cloud:
        environment = cloud.environment | {
            "GENESYS_CONVERSATION_ID": "",
            "CUELINE_WEBHOOK_URL": hook.url,
            "TARGET_KEYWORD": ",".join(PHRASES),
        }
        async with running(environment, tmp_path, QUICK) as engine:
            url = str(engine.http._base_url).rstrip("/")
            page = await open_page(url)
            await expect(page.locator("#verdict-text")).to_have_text(
                "Ready, no calls now. All is well.", timeout=20_000
            )
            await page.evaluate(MOMENTS)
            following = asyncio.create_task(moments_of_phrases(url, told))
            key = cloud.ids[0]
            assert (await engine.follow(key))[0] == 201
            await expect(page.locator(".sizer .call .id")).to_have_text([key], timeout=10_000)
            await expect(page.locator(".sizer .voice[data-speaking=true]").first).to_be_visible(timeout=20_000)
            said = phrases_of(1, *PHRASES)
            await expect(page.locator("#phrases li")).to_have_count(len(said), timeout=60_000)
            await expect(page.locator("#phrases [data-sink=webhook][data-outcome=delivered]")).to_have_count(len(said))
            await page.locator("#phrases .plain").first.click()
            await expect(page.locator("#timeline circle.flag")).to_have_count(len(said), timeout=20_000)
            await page.keyboard.press("Escape")
            await engine.comes_to(key, "ended", timeout_s=120)
            await expect(page.locator("#calls-empty")).to_have_text("No calls now.")
            shown = await page.evaluate("window.moments")
            delays_s = [seen - heard for heard, seen in zip(told, shown, strict=True)]
            print("shown after, s:", [round(delay_s, 3) for delay_s in delays_s])
            assert statistics.median_low(delays_s) < 1  # one alone may have waited for a processor
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        await expect(page.locator("#link-text")).to_contain_text("Not connected", timeout=20_000)
        environment["CUELINE_ADMIN_PORT"] = url.rpartition(":")[2]
        async with running(environment, tmp_path, QUICK):
            await expect(page.locator("#link-text")).to_contain_text("Live", timeout=60_000)
            await expect(page.locator("#verdict-text")).to_have_text(
                "Ready, no calls now. All is well.", timeout=20_000
            )
