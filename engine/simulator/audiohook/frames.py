"""A client's WebSocket frames (RFC 6455 §5.2), finished: whole bytes that are only written.

A client masks what it sends. Here a frame is masked once, when it is made, and the same bytes go to every call that plays
the recording; the fresh key that the RFC wants guards browsers against scripts, of which there are none here. What sending
costs is then the write alone. Pure but for the key.
"""

import os

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _MASKED = 0x80, 0x80


def frame(opcode: int, payload: bytes, *, fin: bool = True, key: bytes | None = None) -> bytes:
    """One frame; `key` is four bytes, drawn if not given."""
    key = os.urandom(4) if key is None else key
    size = len(payload)
    if size < 126:
        head = bytes((opcode | _FIN * fin, _MASKED | size))
    elif size < 65_536:
        head = bytes((opcode | _FIN * fin, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((opcode | _FIN * fin, _MASKED | 127)) + size.to_bytes(8, "big")
    return head + key + masked(payload, key)


def masked(payload: bytes, key: bytes) -> bytes:
    """XOR with the key over and over; masking twice gives the payload back."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
