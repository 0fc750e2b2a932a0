"""The listener on real sockets: what is sent is in the inlet, what cannot be is counted, and nothing ends it."""

import asyncio
import os
import random
import socket
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.listen import Inlet
from agent.listen.syslog import SyslogSettings
from agent.listen.syslog.address import parse_address
from agent.listen.syslog.listener import SyslogListener
from agent.listen.syslog.sockets import CannotListenError, open_address
from agent.records import Chunk
from tests.stand import free_port
from watchbook.units import Bytes, Seconds

WAIT_S = 20


class Taker:
    """A listener that runs, its inlet, and what has been taken out of it."""

    def __init__(self, listener: SyslogListener, inlet: Inlet) -> None:
        self.listener = listener
        self.inlet = inlet
        self.chunks: list[Chunk] = []

    def take(self) -> None:
        while arrival := self.inlet.take():
            self.chunks.append(arrival.chunk)

    @property
    def lines(self) -> list[bytes]:
        return [line for chunk in self.chunks for line in chunk.lines]

    @property
    def truncated(self) -> list[bytes]:
        return [chunk.lines[place] for chunk in self.chunks for place in chunk.truncated]

    def counter(self, name: str) -> int:
        return self.inlet.counters["net", name]

    async def until(self, is_so: Callable[[], Any], *, take: bool = True) -> None:
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                if take:
                    self.take()
                await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(*addresses: str, inlet_bytes: int = 4 << 20, **options: Any) -> AsyncIterator[Taker]:
    """Run a listener; at the end stop it and take what it still had."""
    inlet = Inlet(inlet_bytes, lambda: None)
    listener = SyslogListener("net", SyslogSettings(addresses, **options), inlet)
    taker = Taker(listener, inlet)
    running = asyncio.ensure_future(listener.run())
    try:
        await taker.until(lambda: len(listener.state["listening"]) == len(addresses))
        yield taker
    finally:
        listener.stop()
        await taker.until(running.done)
        taker.take()
        await running


def tcp() -> tuple[str, int]:
    port = free_port()
    return f"tcp://127.0.0.1:{port}", port


def udp() -> tuple[str, tuple[str, int]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"udp://127.0.0.1:{probe.getsockname()[1]}", probe.getsockname()


def datagram_socket(place: str | tuple[str, int]) -> socket.socket:
    made = socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.connect(place)
    return made


async def test_each_datagram_is_a_message_of_its_sender() -> None:
    address, place = udp()
    async with listening(address) as taker:
        with datagram_socket(place) as sender:
            for data in (b"<34>a\nb\n", b"", b"\n\0", b"7 <34>c", b"\xff\x00x", b"d\r\n"):
                sender.send(data)
        await taker.until(lambda: len(taker.lines) == 4)
    assert taker.lines == [b"<34>a\nb", b"7 <34>c", b"\xff\x00x", b"d"]
    assert {chunk.file for chunk in taker.chunks} == {"udp://127.0.0.1"}
    assert {(chunk.input, len(chunk.lines) == len(chunk.offsets)) for chunk in taker.chunks} == {("net", True)}


async def test_a_datagram_that_is_too_long_is_cut_and_the_rest_counted() -> None:
    address, place = udp()
    async with listening(address, message_bytes_max=Bytes(500)) as taker:
        with datagram_socket(place) as sender:
            for size in (500, 501, 2000):
                sender.send(b"x" * size)
        await taker.until(lambda: len(taker.lines) == 3)
    assert [len(line) for line in taker.lines] == [500, 500, 500]
    assert len(taker.truncated) == 2
    assert taker.counter("bytes_skipped") == 1501


async def test_datagrams_that_find_no_room_are_dropped_and_counted() -> None:
    address, place = udp()
    async with listening(address, inlet_bytes=1000, read_batch=1) as taker:
        with datagram_socket(place) as sender:
            for _ in range(20):
                sender.send(b"x" * 500)
        await taker.until(lambda: taker.counter("dropped") == 19, take=False)
    assert taker.counter("bytes_dropped") == 19 * 500
    assert len(taker.lines) == 1


async def test_what_the_kernel_drops_is_counted() -> None:
    address, place = udp()
    async with listening(address, receive_buffer=Bytes(4096)) as taker:
        with datagram_socket(place) as sender:
            for _ in range(500):  # the loop cannot read meanwhile
                sender.send(b"x" * 200)
        await taker.until(lambda: len(taker.lines) + taker.counter("kernel_dropped") == 500)
        assert taker.counter("kernel_dropped") > 400
        assert taker.listener.state["receive_buffer"] == 4096


async def test_a_sender_to_a_unix_socket_waits_while_the_inlet_is_full(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    async with listening(f"unix://{path}", inlet_bytes=1000, read_batch=1) as taker:
        with datagram_socket(path) as sender:
            sent = 0
            with suppress(BlockingIOError):
                while sent < 10_000:
                    sender.send(b"<34>%d" % sent)
                    sent += 1
                    await asyncio.sleep(0)
            assert sent < 10_000
            await taker.until(lambda: len(taker.lines) == sent)
    assert taker.lines == [b"<34>%d" % number for number in range(sent)]
    assert {chunk.file for chunk in taker.chunks} == {f"unix://{path}"}
    assert taker.counter("dropped") == 0


async def test_connections_bring_messages_in_both_framings() -> None:
    address, port = tcp()
    async with listening(address) as taker:
        _, first = await asyncio.open_connection("127.0.0.1", port)
        _, second = await asyncio.open_connection("127.0.0.1", port)
        first.write(b"<34>a\n<34>")
        second.write(b"6 <34>c\n8 <34>")
        await taker.until(lambda: len(taker.lines) == 2)
        assert taker.listener.state["connections"] == 2
        first.write(b"b")
        first.close()
        second.close()
        await taker.until(lambda: len(taker.lines) == 4)
        await taker.until(lambda: taker.listener.state["connections"] == 0)
    assert sorted(taker.lines) == [b"<34>", b"<34>a", b"<34>b", b"<34>c"]
    assert taker.truncated == [b"<34>"]
    assert {chunk.file for chunk in taker.chunks} == {"tcp://127.0.0.1"}


async def test_a_sender_over_a_connection_waits_while_the_inlet_is_full_and_loses_nothing() -> None:
    address, port = tcp()
    async with listening(address, inlet_bytes=1_000_000) as taker:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [b"<34>%d %s" % (number, b"x" * 200) for number in range(100_000)]
        writer.write(b"\n".join(lines) + b"\n")
        sending = asyncio.ensure_future(writer.drain())
        await taker.until(lambda: taker.inlet.bytes > 700_000, take=False)
        assert not sending.done()
        await taker.until(lambda: len(taker.lines) == len(lines))
        await sending
        writer.close()
    assert taker.lines == lines


async def test_more_connections_than_allowed_are_closed_and_counted() -> None:
    address, port = tcp()
    async with listening(address, connections_max=2) as taker:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await taker.until(lambda: taker.counter("connections_refused") == 1)
        assert await opened[2][0].read() == b""
        opened[0][1].close()
        await taker.until(lambda: taker.listener.state["connections"] == 1)
        _, again = await asyncio.open_connection("127.0.0.1", port)
        again.write(b"<34>a\n")
        await taker.until(lambda: taker.lines == [b"<34>a"])
        for writer in (again, opened[1][1], opened[2][1]):
            writer.close()


async def test_who_says_nothing_or_never_finishes_is_disconnected() -> None:
    address, port = tcp()
    async with listening(address, idle_timeout=Seconds(0.05)) as taker:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        assert taker.counter("connections_timed_out") == 1
        writer.close()
    address, port = tcp()
    async with listening(address, message_timeout=Seconds(0.2)) as taker:
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(b"<34>a\n")
            async with asyncio.timeout(WAIT_S):
                while not taker.counter("connections_timed_out"):  # a byte now and then, for ever
                    with suppress(OSError):
                        sender.send(b"x", socket.MSG_NOSIGNAL)
                    await asyncio.sleep(0.01)
        await taker.until(lambda: len(taker.lines) == 2)
    assert taker.lines[0] == b"<34>a"
    assert set(taker.lines[1]) == set(b"x")
    assert taker.truncated == [taker.lines[1]]


async def test_hostile_bytes_end_nothing() -> None:
    address, port = tcp()
    numbers = random.Random(5)
    payloads = [numbers.randbytes(5000), b"1000000000000 <34>x", b"9999999999 <34>x", b"\0" * 9999, b"<" * 200_000]
    async with listening(address) as taker:
        for payload in payloads:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(payload)
            with suppress(ConnectionError):
                await writer.drain()
            writer.transport.abort() if numbers.random() < 0.5 else writer.close()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"<34>still here\n")
        await taker.until(lambda: b"<34>still here" in taker.lines)
        writer.close()
    assert max(map(len, taker.lines)) <= 64 << 10


async def test_what_had_come_before_the_stop_is_not_lost(tmp_path: Path) -> None:
    (tcp_address, port), (udp_address, place) = tcp(), udp()
    path = str(tmp_path / "log")
    async with listening(tcp_address, udp_address, f"unix://{path}") as taker:
        _, open_still = await asyncio.open_connection("127.0.0.1", port)
        await taker.until(lambda: taker.listener.state["connections"] == 1)
        with socket.create_connection(("127.0.0.1", port)) as ended, datagram_socket(place) as first:
            # No turn of the loop from here to the stop.
            ended.sendall(b"<34>ended\n")
            first.send(b"<34>datagram")
            with datagram_socket(path) as second:
                second.send(b"<34>unix")
            os.write(open_still.get_extra_info("socket").fileno(), b"<34>open\n<34>par")
            taker.listener.stop()
    open_still.close()
    assert sorted(taker.lines) == [b"<34>datagram", b"<34>ended", b"<34>open", b"<34>par", b"<34>unix"]
    assert taker.truncated == [b"<34>par"]


async def test_what_a_sender_has_written_before_the_stop_is_not_lost_for_want_of_room() -> None:
    address, port = tcp()
    lines = [b"<34>%d %s" % (number, b"x" * 300) for number in range(5000)]
    async with listening(address) as taker:
        with socket.create_connection(("127.0.0.1", port)) as sender:
            # More than the receiving side takes without being read; the rest waits with the sender, who is gone.
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
            sender.sendall(b"\n".join(lines[:2500]) + b"\n")
            sender.sendall(b"\n".join(lines[2500:]) + b"\n")
        taker.listener.stop()
    assert taker.lines == lines
    assert taker.truncated == []


async def test_messages_of_many_senders_stay_with_their_senders() -> None:
    port = free_port()
    async with listening(f"udp://127.0.0.1:{port}") as taker:
        for number in range(300):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((f"127.0.0.{1 + number % 100}", 0))
                sender.sendto(b"<34>%d" % (number % 100), ("127.0.0.1", port))
        await taker.until(lambda: len(taker.lines) == 300)
    found = Counter((chunk.file, line) for chunk in taker.chunks for line in chunk.lines)
    assert found == {(f"udp://127.0.0.{1 + number}", b"<34>%d" % number): 3 for number in range(100)}


async def test_ipv4_and_ipv6_come_over_one_socket() -> None:
    port = free_port()
    try:
        open_address(parse_address(f"tcp://[::1]:{port}"), SyslogSettings(())).close()
    except CannotListenError as error:
        pytest.skip(f"no IPv6 here: {error}")
    async with listening(f"tcp://[::]:{port}") as taker:
        for host in ("127.0.0.1", "::1"):
            _, writer = await asyncio.open_connection(host, port)
            writer.write(b"<34>a\n")
            writer.close()
        await taker.until(lambda: len(taker.lines) == 2)
    assert sorted(chunk.file for chunk in taker.chunks) == ["tcp://127.0.0.1", "tcp://[::1]"]


def _has_taken(taker: Taker, line: bytes) -> bool:
    return taker.lines == [line]


async def test_the_socket_of_a_killed_agent_is_taken_over_and_removed_at_the_stop(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for address, kind in ((f"unix://{path}", socket.SOCK_DGRAM), (f"unix+stream://{path}", socket.SOCK_STREAM)):
        with socket.socket(socket.AF_UNIX, kind) as killed:
            killed.bind(str(path))
        assert path.is_socket()
        async with listening(address, socket_mode="0620") as taker:
            assert stat.S_IMODE(path.stat().st_mode) == 0o620
            with socket.socket(socket.AF_UNIX, kind) as sender:
                sender.connect(str(path))
                sender.sendall(b"<34>a")
            await taker.until(partial(_has_taken, taker, b"<34>a"))
        assert not path.exists()


async def test_the_socket_of_another_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    async with listening(f"unix://{path}"):
        path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(path))
    assert path.is_socket()


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
async def test_an_address_in_use_is_tried_until_it_is_free(scheme: str) -> None:
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        address = f"{scheme}://127.0.0.1:{other.getsockname()[1]}"
        inlet = Inlet(1000, lambda: None)
        listener = SyslogListener("net", SyslogSettings((address,), retry=Seconds(0.01)), inlet)
        running = asyncio.ensure_future(listener.run())
        taker = Taker(listener, inlet)
        await taker.until(lambda: "error" in listener.state)
        assert "another program listens there; find it with 'ss -lpn sport = :" in listener.state["error"]
    await taker.until(lambda: listener.state["listening"] == [address])
    assert "error" not in listener.state
    listener.stop()
    await running


def refusal(address: str) -> str:
    with pytest.raises(CannotListenError) as caught:
        open_address(parse_address(address), SyslogSettings(()))
    return str(caught.value)


def test_what_cannot_be_listened_on_says_what_to_do(tmp_path: Path) -> None:
    file, used = tmp_path / "file", tmp_path / "used"
    file.touch()
    assert "there is a file of that name that is no socket; remove it" in refusal(f"unix://{file}")
    assert file.exists()
    assert f"the folder {tmp_path}/none is not there; create it" in refusal(f"unix://{tmp_path}/none/log")
    assert "this host has no such address" in refusal("udp://192.0.2.77:5514")
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_UNIX, kind) as other:
            other.bind(str(used))
            if kind == socket.SOCK_STREAM:
                other.listen()
            for scheme in ("unix", "unix+stream"):
                assert "another program listens there; stop it" in refusal(f"{scheme}://{used}")
        used.unlink()
