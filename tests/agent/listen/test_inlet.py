"""The inlet: bounded, nothing lost without being counted, and a sender is told only what is true."""

import asyncio

import pytest

from agent.listen import Arrival, Inlet, InletClosedError
from agent.records import Chunk


def arrival(line: bytes, name: str = "net") -> Arrival:
    return Arrival(Chunk(name, "", [line], [None]))


async def test_what_must_not_wait_is_dropped_and_counted_when_there_is_no_room() -> None:
    inlet = Inlet(2 * arrival(b"x" * 100).size, lambda: None)
    taken = [inlet.offer(arrival(b"x" * 100)) for _ in range(3)]
    assert taken == [True, True, False]
    assert inlet.counters == {("net", "dropped"): 1, ("net", "bytes_read"): 100, ("net", "bytes_dropped"): 100}
    assert inlet.take() is not None
    assert inlet.offer(arrival(b"y" * 100))


async def test_what_can_wait_waits_for_room_in_order() -> None:
    inlet = Inlet(arrival(b"x" * 100).size, lambda: None)
    putting = [asyncio.ensure_future(inlet.put(arrival(b"%d" % number * 90))) for number in range(3)]
    await asyncio.sleep(0)
    found = []
    for _ in putting:
        taken = inlet.take()
        assert taken is not None
        found.append(taken.chunk.lines[0][:1])
        for _ in range(3):
            await asyncio.sleep(0)
    assert found == [b"0", b"1", b"2"]
    await asyncio.gather(*putting)


async def test_something_larger_than_the_inlet_passes_alone() -> None:
    inlet = Inlet(10, lambda: None)
    assert inlet.offer(arrival(b"x" * 1000))
    assert not inlet.offer(arrival(b"y"))
    inlet.take()
    assert inlet.bytes == 0


async def test_a_delivery_ends_when_it_is_stored_and_not_before() -> None:
    woken = []
    inlet = Inlet(1000, lambda: woken.append(1))
    delivering = asyncio.ensure_future(inlet.deliver(arrival(b"x")))
    await asyncio.sleep(0)
    taken = inlet.take()
    assert woken
    assert taken is not None
    assert taken.stored is not None
    await asyncio.sleep(0)
    assert not delivering.done()
    taken.stored.set_result(None)
    await delivering


async def test_whoever_waits_is_told_when_the_agent_ends_first() -> None:
    inlet = Inlet(1, lambda: None)
    delivering = asyncio.ensure_future(inlet.deliver(arrival(b"x")))
    waiting = asyncio.ensure_future(inlet.put(arrival(b"y")))
    await asyncio.sleep(0)
    inlet.close()
    for task in (delivering, waiting):
        with pytest.raises(InletClosedError):
            await task
    assert not inlet.offer(arrival(b"z"))
