import pytest

from engine.commands import webhook


@pytest.fixture
async def session():
    async with webhook.open_session(4) as session:
        yield session
