import contextlib

import pytest

from engine.genesys.platform import PlatformClient
from tests.support.loopback_platform import LoopbackPlatform, genesys_options


@pytest.fixture
async def cloud():
    async with LoopbackPlatform() as platform:
        yield platform


@pytest.fixture
async def connect(cloud):
    """Start clients of the loopback platform; all are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**changed):
            return await stack.enter_async_context(PlatformClient(genesys_options(cloud, **changed)))

        yield start
