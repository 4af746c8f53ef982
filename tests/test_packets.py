import asyncio
import contextlib
import os
import signal
import socket
import threading
from dataclasses import dataclass

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from engine.packets import MAX_PACKET_BYTES, PacketCodec, PacketLink, PacketPort, socket_pair
from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Say:
    """A message with something in it."""

    number: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A message with nothing in it."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A message of no table."""


CODEC = PacketCodec(Say | Ask)
SECRET = "not for any log"


class Peer:
    """A link on one end, what it told of, and the raw other end."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.raw = theirs
        self.port = PacketPort(theirs, CODEC)
        self.got: list[object] = []
        self.closed = 0
        self.link = PacketLink(ours, CODEC, self.on_message, self.on_closed)

    def on_message(self, message: object) -> None:
        self.got.append(message)

    def on_closed(self) -> None:
        self.closed += 1


@pytest.fixture
async def peer():
    peer = Peer(*socket_pair())
    yield peer
    peer.link.close()
    peer.port.close()


class TestCodec:
    @given(st.builds(Say, number=st.integers(-(2**63), 2**63 - 1), text=st.text()) | st.just(Ask()))
    def test_what_was_encoded_is_decoded(self, message):
        assert CODEC.decode(CODEC.encode(message)) == message

    def test_the_classes_are_those_of_the_table(self):
        assert CODEC.classes == (Say, Ask)

    def test_unknown_messages_are_neither_sent_nor_understood(self):
        with pytest.raises(ValueError, match="unknown message 'Stranger'"):
            CODEC.encode(Stranger())
        with pytest.raises(ValueError, match="unknown message 'Stranger'"):
            CODEC.decode(PacketCodec(Stranger | Say).encode(Stranger()))

    def test_the_largest_packet_passes_and_one_byte_more_does_not(self):
        rest = len(CODEC.encode(Say(1)))
        assert len(CODEC.encode(Say(1, "x" * (MAX_PACKET_BYTES - rest)))) == MAX_PACKET_BYTES
        with pytest.raises(ValueError, match=f"Say of {MAX_PACKET_BYTES + 1} bytes exceeds a packet"):
            CODEC.encode(Say(1, "x" * (MAX_PACKET_BYTES - rest + 1)))

    @pytest.mark.parametrize(
        "packet",
        [
            b"",
            b"{",
            b"1",
            b"null",
            b'"Say"',
            b"[]",
            b'["Say"]',
            b'["Say",[1]]',
            b'[["Say"],{"number":1}]',
            b'{"Say":1,"Ask":2}',
            b'["Say",{}]',
            b'["Say",{"number":"many"}]',
            b'["Say",{"number":1,"text":null}]',
            b'["Ask",{},{}]',
            b"\xff\xfe",
        ],
    )
    def test_what_is_no_message_is_a_value_error(self, packet):
        with pytest.raises(ValueError):  # noqa: PT011 (the documented type; whose message it is differs)
            CODEC.decode(packet)

    @given(
        st.binary(max_size=60)
        | st.recursive(st.none() | st.integers(0, 9) | st.text(max_size=3), st.lists).map(orjson.dumps)
    )
    def test_any_bytes_are_a_message_or_a_value_error(self, packet):
        with contextlib.suppress(ValueError):
            assert isinstance(CODEC.decode(packet), Say | Ask)


class TestLink:
    async def test_messages_go_both_ways_in_order(self, peer):
        for number in range(100):
            peer.link.send(Say(number))
            peer.port.send(Say(-number))
        assert [peer.port.receive().number for _ in range(100)] == list(range(100))
        await until(lambda: len(peer.got) == 100)
        assert [message.number for message in peer.got] == [-number for number in range(100)]

    async def test_a_peer_that_does_not_read_makes_a_backlog_that_is_drained_in_order(self, peer):
        sent = 0
        while peer.link.backlog < 50:
            peer.link.send(Say(sent, "x" * 1000))
            sent += 1
        received = [await asyncio.to_thread(peer.port.receive) for _ in range(sent)]
        assert [message.number for message in received] == list(range(sent))
        assert peer.link.backlog == 0
        peer.link.send(Ask())
        assert await asyncio.to_thread(peer.port.receive) == Ask()

    async def test_what_is_sent_while_the_backlog_drains_comes_after_it(self, peer):
        sent = 0
        while not peer.link.backlog:
            peer.link.send(Say(sent, "x" * 1000))
            sent += 1
        received = []
        while len(received) < sent + 50:
            received.append(await asyncio.to_thread(peer.port.receive))
            if len(received) <= 50:
                peer.link.send(Say(sent + len(received) - 1))
        assert [message.number for message in received] == list(range(sent + 50))

    async def test_a_peer_that_goes_is_told_of_once(self, peer):
        peer.port.close()
        await until(lambda: peer.closed)
        peer.link.send(Ask())  # dropped, not an error
        assert peer.link.backlog == 0
        assert peer.closed == 1

    async def test_what_a_peer_said_before_it_went_is_heard(self, peer):
        for number in range(20):
            peer.port.send(Say(number))
        peer.port.close()
        await until(lambda: peer.closed)
        assert [message.number for message in peer.got] == list(range(20))

    async def test_a_peer_that_goes_with_a_backlog_unread_is_told_of_once(self, peer):
        while not peer.link.backlog:
            peer.link.send(Say(0, "x" * 1000))
        peer.port.close()
        await until(lambda: peer.closed)
        assert peer.closed == 1

    async def test_a_send_that_finds_the_peer_gone_leaves_the_telling_to_the_reader(self, peer):
        peer.port.close()
        peer.link.send(Ask())  # before the loop could see the end
        peer.link.send(Ask())
        assert peer.closed == 0
        await until(lambda: peer.closed)
        assert peer.closed == 1

    async def test_our_own_close_is_not_told(self, peer):
        peer.link.close()
        peer.link.close()
        assert await asyncio.to_thread(peer.port.receive) is None
        assert peer.closed == 0

    async def test_a_callback_may_close_the_link_and_hears_no_more(self, peer):
        def close(message):
            peer.got.append(message)
            peer.link.close()

        peer.link._on_message = close
        for number in range(5):
            peer.port.send(Say(number))
        await until(lambda: peer.got)
        await asyncio.sleep(0)
        assert peer.got == [Say(0)]
        assert peer.closed == 0

    @pytest.mark.parametrize("packet", [b"rubbish", b'["Stranger",{}]', b'["Say",{"number":"%s"}]' % SECRET.encode()])
    async def test_a_peer_that_sends_rubbish_is_cut_off_and_told_of(self, peer, packet):
        with capture_logs() as logs:
            peer.port.send(Say(1))
            peer.raw.send(packet)
            peer.port.send(Say(2))
            await until(lambda: peer.closed)
        assert peer.got == [Say(1)]
        assert peer.closed == 1
        with pytest.raises(ConnectionError):
            peer.port.send(Ask())
        assert [entry["event"] for entry in logs] == ["peer sent what is no message: link closed"]
        assert SECRET not in str(logs)

    async def test_a_callback_that_fails_does_not_end_the_link(self, peer):
        failures = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

        def fail_first(message):
            peer.got.append(message)
            if len(peer.got) == 1:
                raise LookupError

        peer.link._on_message = fail_first
        for number in range(3):
            peer.port.send(Say(number))
        await until(lambda: len(peer.got) == 3)
        assert [type(failure) for failure in failures] == [LookupError]

    async def test_descriptors_travel_with_their_message(self, peer):
        reader, writer = os.pipe()
        peer.link.send(Say(7), (writer,))
        peer.link.send(Ask())
        os.close(writer)
        message, fds = peer.port.receive_with_fds(3)
        assert message == Say(7)
        assert len(fds) == 1
        os.write(fds[0], b"through")
        os.close(fds[0])
        assert os.read(reader, 100) == b"through"
        assert os.read(reader, 100) == b""  # no other copy is open
        os.close(reader)
        assert peer.port.receive_with_fds(3) == (Ask(), [])

    async def test_descriptors_wait_in_the_backlog_with_their_message(self, peer):
        sent = 0
        while not peer.link.backlog:
            peer.link.send(Say(sent, "x" * 1000))
            sent += 1
        reader, writer = os.pipe()
        peer.link.send(Ask(), (writer,))
        for number in range(sent):
            assert await asyncio.to_thread(peer.port.receive) == Say(number, "x" * 1000)
        message, fds = await asyncio.to_thread(peer.port.receive_with_fds, 1)
        assert (message, len(fds)) == (Ask(), 1)
        for fd in (reader, writer, *fds):
            os.close(fd)


class TestPort:
    def test_it_waits_for_a_message(self):
        ours, theirs = map(lambda sock: PacketPort(sock, CODEC), socket_pair())  # noqa: C417 (a pair, not a list)
        thread = threading.Timer(0.02, ours.send, (Say(1),))
        thread.start()
        assert theirs.receive() == Say(1)
        thread.join()
        ours.close()
        assert theirs.receive() is None
        assert theirs.receive_with_fds(1) == (None, [])
        theirs.close()

    def test_a_send_to_nobody_is_an_error(self):
        ours, theirs = socket_pair()
        theirs.close()
        port = PacketPort(ours, CODEC)
        with pytest.raises(BrokenPipeError):
            port.send(Ask())
        port.close()

    @pytest.mark.parametrize("receive", [PacketPort.receive, lambda port: port.receive_with_fds(1)[0]])
    def test_a_peer_that_went_without_reading_is_gone_not_an_error(self, receive):
        ours, theirs = socket_pair()
        port = PacketPort(ours, CODEC)
        port.send(Ask())
        theirs.close()  # with a message unread: the kernel calls it a reset
        assert receive(port) is None
        port.close()

    def test_it_can_be_polled(self):
        ours, theirs = socket_pair()
        port = PacketPort(ours, CODEC)
        assert port.fileno() == ours.fileno()
        port.close()
        theirs.close()


async def test_what_a_peer_said_before_it_died_with_unread_messages_is_heard(peer):
    """The kernel tells of the reset first, and only once; what the peer had sent lies behind it."""
    pid = os.fork()
    if pid == 0:
        peer.link._sock.close()
        peer.port.receive()
        peer.port.send(Say(1))
        os.kill(os.getpid(), signal.SIGKILL)
    peer.raw.close()
    for number in (1, 2):  # the second is never read
        peer.link.send(Say(number))
    os.waitpid(pid, 0)
    await until(lambda: peer.closed)
    assert (peer.got, peer.closed) == ([Say(1)], 1)
