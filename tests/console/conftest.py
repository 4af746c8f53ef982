"""One Chromium for each file of tests, ended with it (other tests count their processes), and a page of its own for each test.

Nothing may be loaded from elsewhere, and no error logged.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.support.programs import program

PICTURES = Path(__file__).parents[2] / "var" / "screenshots"
DESKTOP, PHONE = {"width": 1440, "height": 1100}, {"width": 390, "height": 844}
EXPECTED = "Failed to load resource"  # the browser's own line for a 401 or a server that is gone

Open = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[Open]:
    """Open an address in a fresh profile; at the end, what the page has said and loaded is looked at."""
    contexts, faults = [], []

    async def opened(url: str, scheme: str = "light", size: dict[str, int] = DESKTOP, motion: str = "reduce") -> Page:
        context = await browser.new_context(viewport=size, color_scheme=scheme, reduced_motion=motion)
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if is_fault(line.type, line.text) else None)
        page.on(
            "request",
            lambda asked: (
                faults.append(f"from elsewhere: {asked.url}") if not asked.url.startswith((url, "data:")) else None
            ),
        )
        await page.goto(url)
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert faults == []


def is_fault(kind: str, text: str) -> bool:
    return kind in ("error", "warning") and not text.startswith(EXPECTED)


@pytest.fixture
def pictures() -> Path:
    """Where pictures are kept, for CI and the README."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES
