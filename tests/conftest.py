"""Which event loop tests run on: the one of Python, and uvloop too where sockets are watched by hand."""

import asyncio

import uvloop

BOTH_LOOPS = {"test_packets.py"}


def pytest_asyncio_loop_factories(config, item):
    factories = {"asyncio": asyncio.new_event_loop}
    return factories | {"uvloop": uvloop.new_event_loop} if item.path.name in BOTH_LOOPS else factories
