"""What every test finds: event loops of both kinds where sockets are watched by hand, and a Ctrl-C that works.

A shell starts a job in the background with SIGINT ignored, and so would every process that the tests start.
"""

import asyncio
import signal

import uvloop

BOTH_LOOPS = {"test_packets.py", "test_realtime_socket.py", "test_direct_connection.py", "test_tls.py"}

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_asyncio_loop_factories(config, item):
    factories = {"asyncio": asyncio.new_event_loop}
    return factories | {"uvloop": uvloop.new_event_loop} if item.path.name in BOTH_LOOPS else factories
