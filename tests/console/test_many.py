"""A thousand calls cost the page about what ten do: what is not seen is not drawn."""

import asyncio
import statistics

import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import Open
from tests.support.live_view import MadeUp, shown

pytestmark = pytest.mark.asyncio(loop_scope="session")
TICKS = 8
MEASURE = """() => {
  window.spent = [];
  const frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) => frame((at) => {
    const since = performance.now();
    callback(at);
    window.spent.push(performance.now() - since);
  });
}"""


async def drawing_ms(page: Page, view: MadeUp) -> float:
    """Median time of the page's own drawing after a tick in which three in ten of the calls changed."""
    await page.evaluate(MEASURE)
    ticks_ms = []
    for tick in range(TICKS):
        changed = [view.call(n) | {"phrases": tick + 1} for n in range(len(view.calls)) if (n + tick) % 10 < 3]
        before = await page.evaluate("window.spent.length")
        view.tick(changed)
        await page.wait_for_function("before => window.spent.length > before", arg=before)
        ticks_ms.append(await page.evaluate("before => Math.max(...window.spent.slice(before))", before))
    return statistics.median(ticks_ms)


async def test_a_thousand_calls_stay_fluid(open_page: Open) -> None:
    costs = {}
    for count in (10, 1000):
        view = MadeUp(count)
        async with shown(view) as server:
            page = await open_page(server.url)
            await expect(page.locator("#calls-count")).to_have_text("10" if count == 10 else "1\u202f000")
            assert await page.locator(".sizer .call").count() <= 30
            costs[count] = await drawing_ms(page, view)
            if count == 1000:
                await page.locator("#calls-scroller").evaluate("node => node.scrollTop = node.scrollHeight")
                await expect(page.locator(".sizer .call[aria-rowindex='1001']")).to_be_visible()
                assert await page.locator(".sizer .call").count() <= 30
    print("drawing after a tick, ms:", {count: round(cost, 2) for count, cost in costs.items()})
    assert costs[1000] < 15 * costs[10]  # a row for each would be a hundred times


async def test_fifteen_hundred_phrases_leave_two_hundred(open_page: Open) -> None:
    view = MadeUp(10)
    async with shown(view) as server:
        page = await open_page(server.url)
        await expect(page.locator("#link")).to_have_attribute("data-level", "ok")
        for number in range(1500):
            view.spot(number % 3, id=f"many-{number}")
            if number % 50 == 49:
                await asyncio.sleep(0.02)  # the pace of the load: a reader of 256 events can follow it
        view.spot(0, id="last", phrase="the very last")
        await expect(page.locator("#phrases li").first).to_contain_text("the very last")
        assert await page.locator("#phrases li").count() == 200
