"""Where WebSocket frames begin and end in received bytes; pure arithmetic on their headers (RFC 6455, 5.2).

It lets a message that is one whole frame be cut right out of a segment. Anything else is for a real parser, which judges it too.
"""

PLAIN = (0x81, 0x82)  # text, binary; final: the message is this frame


def frame_bounds(data: bytes, at: int) -> tuple[int, int]:
    """Return where the payload of the frame at `at` begins and ends; an end beyond `data` where more has to come.

    A masked frame, which no server may send, is its first two bytes: those are enough to refuse it.
    """
    begin = at + 2
    if len(data) < begin:
        return begin, begin
    length = data[at + 1]
    if length < 126:
        return begin, begin + length
    if length > 127:
        return begin, begin
    begin += 2 if length == 126 else 8
    if len(data) < begin:
        return begin, begin
    return begin, begin + int.from_bytes(data[at + 2 : begin])
