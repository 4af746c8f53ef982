"""The other end of `receiving.py`: a process that plays audio messages to N sockets, one per 20 ms each, evenly spread.

Blocking sockets and one thread, so that messages leave one by one at their time and not in the ticks of an event loop. On
/realtime it first answers `connect` and waits for `subscribe`, on any other path audio comes at once.
"""

import signal
import socket
import time
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from engine.audio.format import FRAME_BYTES, FRAME_S
from engine.simulator.delivery import message_of

READ_BYTES = 4096
IDLE_S = 60.0  # nobody comes any more: whoever started this is gone


def frames_of(samples: bytes) -> list[bytes]:
    """Audio as the simulator's messages, ready for the wire."""
    chunks = [samples[at : at + FRAME_BYTES] for at in range(0, len(samples) - FRAME_BYTES + 1, FRAME_BYTES)]
    return [Frame(Opcode.TEXT, message_of(chunk)).serialize(mask=False) for chunk in chunks]


def serve(sockets: int, samples: bytes, told: Connection) -> None:
    """Tell the port, then serve one group of so many sockets after the other until killed, or TimeoutError."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent ends it
    frames = frames_of(samples)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        listener.settimeout(IDLE_S)
        told.send(listener.getsockname()[1])
        while True:
            peers = [listener.accept()[0] for _ in range(sockets)]
            with suppress(OSError):  # a receiver is gone
                for peer in peers:
                    _open(peer)
                _play(peers, frames)
            for peer in peers:
                peer.close()


def _open(peer: socket.socket) -> None:
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    protocol = ServerProtocol()
    request = _events(peer, protocol, 1)[0]
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    _flush(peer, protocol)
    if request.path == "/realtime":
        _events(peer, protocol, 1)
        protocol.send_text(b'{"type":"connected"}')
        _flush(peer, protocol)
        _events(peer, protocol, 1)


def _events(peer: socket.socket, protocol: ServerProtocol, wanted: int) -> list[object]:
    events: list[object] = []
    while len(events) < wanted:
        data = peer.recv(READ_BYTES)
        if not data:
            raise ConnectionError("the receiver left before the audio began")
        protocol.receive_data(data)
        events += protocol.events_received()
    return events


def _flush(peer: socket.socket, protocol: ServerProtocol) -> None:
    peer.sendall(b"".join(protocol.data_to_send()))


def _play(peers: list[socket.socket], frames: list[bytes]) -> None:
    """Send until a socket is gone."""
    began = time.monotonic()
    for number in count():
        pause_s = began + number * FRAME_S / len(peers) - time.monotonic()
        if pause_s > 0:
            time.sleep(pause_s)
        peers[number % len(peers)].sendall(frames[number // len(peers) % len(frames)])
