"""Shards live on the supervisor's loop, so their tests run on uvloop."""

import pytest
import uvloop

from tests.support.shards import Ear


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def ear():
    return Ear()
