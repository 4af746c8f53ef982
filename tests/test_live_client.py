"""The feed's format in any pieces, and what is said where there is no feed."""

import asyncio
import itertools
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError, LiveError
from engine.live_client import EventReader, LiveClient
from tests.support.certificates import make_certificates, needs_openssl
from tests.support.live import Feed, framed, serving, state, tick
from tests.support.waiting import until

STREAM = b'retry: 2000\n\n: keep-alive\n\nid: 1\nevent: a\ndata: {"n":\ndata: 1}\n\ndata: {}\r\n\r\nevent: b\nnonsense\ndata:{"n": 2}\n\n'
EVENTS = [("a", {"n": 1}), ("message", {}), ("b", {"n": 2})]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_the_events_are_the_same_however_the_bytes_come(cuts):
    reader, bounds = EventReader(), [0, *sorted(cuts), len(STREAM)]
    found = [event for at, to in itertools.pairwise(bounds) for event in reader.feed(STREAM[at:to])]
    assert [(event.kind, event.data) for event in found] == EVENTS


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: [1]\n\n", b"data: \xff\n\n"])
def test_what_is_no_json_object_is_an_error(data):
    with pytest.raises(LiveError, match="can't be read") as caught:
        list(EventReader().feed(data))
    assert caught.value.again


@pytest.mark.parametrize("piece", [b"x" * 60, b"data: " + b"x" * 54 + b"\n"])
def test_an_event_without_an_end_is_given_up(piece):
    reader = EventReader(100)
    assert list(reader.feed(piece)) == []
    with pytest.raises(LiveError, match="too long") as caught:
        list(reader.feed(piece))
    assert not caught.value.again


async def told(client: LiveClient, count: int = 1) -> list[str]:
    kinds = []
    async with aclosing(client.events()) as events:
        async for event in events:
            kinds.append(event.kind)
            if len(kinds) == count:
                break
    return kinds


async def test_the_feed_is_followed_to_its_end():
    feed = Feed()
    async with serving(feed) as url:

        async def speak() -> None:
            await until(lambda: feed.following)
            feed.tell("tick", tick())
            feed.hang_up()

        kinds, _ = await asyncio.gather(told(LiveClient(url + "/"), 99), speak())
    assert kinds == ["state", "tick"]


async def test_who_leaves_leaves_no_connection():
    feed = Feed()
    async with serving(feed) as url:
        assert await told(LiveClient(url)) == ["state"]
        await until(lambda: feed.tell("tick", tick()) or not feed.following)


async def test_the_token_is_carried():
    async with serving(Feed(token="right")) as url:
        assert await told(LiveClient(url, "right")) == ["state"]
        for token, says in ((None, "wants a token: set CUELINE_ADMIN_TOKEN"), ("wrong", "is not the engine's")):
            with pytest.raises(LiveError, match=says) as caught:
                await told(LiveClient(url, token))
            assert not caught.value.again


@pytest.mark.parametrize(
    ("status", "body", "says", "again"),
    [
        (404, {}, "no live feed at .*: an older Cueline", False),
        (403, {"detail": "the Host header"}, r"answers 403 \(the Host header\)", False),
        (503, {"detail": "32 followers"}, r"answers 503 \(32 followers\)", True),
        (429, {}, "answers 429", True),
        (500, [], "answers 500", True),
        (302, {}, "answers 302", False),
        (200, {}, "is not Cueline", False),
    ],
)
async def test_other_answers_are_told_apart(status, body, says, again):
    feed = Feed()
    feed.answer = (status, body)
    async with serving(feed) as url:
        with pytest.raises(LiveError, match=says) as caught:
            await told(LiveClient(url))
    assert caught.value.again is again


async def test_nobody_there():
    async with serving(Feed()) as url:
        pass
    with pytest.raises(LiveError, match=rf"{url} is not reachable \(Connection refused\)") as caught:
        await told(LiveClient(url))
    assert caught.value.again


async def test_a_name_that_is_none():
    with pytest.raises(LiveError, match="is no address") as caught:
        await told(LiveClient("http://[::1"))
    assert not caught.value.again


async def test_silence_is_not_waited_for_without_end():
    async with serving(Feed()) as url:
        with pytest.raises(LiveError, match="says nothing") as caught:
            await told(LiveClient(url, silence_s=0.2), 2)
    assert caught.value.again


async def test_a_connection_that_breaks():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99999\r\n\r\n"
        writer.write(head + framed(1, "state", state()))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        with pytest.raises(LiveError, match="broke") as caught:
            await told(LiveClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), 2)
    assert caught.value.again


def test_an_authority_that_is_none(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConfigError, match=r"--ca = .*: can't be used"):
            LiveClient("https://localhost", ca=path)


@needs_openssl
async def test_https_with_an_authority_of_ones_own(tmp_path):
    made = make_certificates(tmp_path)
    async with serving(Feed(), tls=made.server_context()) as url:
        assert await told(LiveClient(url, ca=made.authority)) == ["state"]
        with pytest.raises(LiveError, match="not trusted; --ca names its authority") as caught:
            await told(LiveClient(url))
    assert not caught.value.again
