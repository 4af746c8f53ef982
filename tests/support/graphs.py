"""OpenFst files made by hand, for models that are whole enough to pass for one."""

import struct

ADD_ON = 446681434


def header(kind: bytes, states: int, arcs: int) -> bytes:
    """As OpenFst writes it, without symbol tables."""
    names = b"".join(struct.pack("<i", len(name)) + name for name in (kind, b"standard"))
    return struct.pack("<I", 0x7EB2FDD6) + names + struct.pack("<iiQqqq", 2, 0, 0, 0, states, arcs)


def graph(states: int = 1, arcs: int = 100) -> bytes:
    """A `const` graph of the right length; what it says is nonsense."""
    return header(b"const", states, arcs) + bytes(20 * states + 16 * arcs)


def lookahead_graph(states: int = 1, arcs: int = 5000) -> bytes:
    """The same with extras, as HCLr.fst is."""
    return header(b"olabel_lookahead", 0, 0) + struct.pack("<i", ADD_ON) + graph(states, arcs) + b"extras"
