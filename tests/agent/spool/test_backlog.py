"""The backlog: in order, from memory or from the spool, whatever happens to either."""

import asyncio
from pathlib import Path

from agent.spool import Backlog, Mark, Spool, StoredBatch
from tests.agent.spool.test_spool import NOTHING, group


class Bench:
    """A spool with its backlog, as the agent joins them."""

    def __init__(self, folder: Path, memory_bytes_max: int) -> None:
        self.spool = Spool(folder, lambda: 7)
        self.read_back = 0
        self.backlog = Backlog(
            self._read, last_stored=0, acknowledged=self.spool.acknowledged(), memory_bytes_max=memory_bytes_max
        )

    async def _read(self, after: int, limit: int) -> list[StoredBatch]:
        self.read_back += 1
        return await asyncio.to_thread(self.spool.after, after, limit)

    async def store(self, *texts: str) -> None:
        for text in texts:
            self.backlog.add(await asyncio.to_thread(self.spool.commit, group(text), NOTHING))

    async def send(self) -> int:
        batch = await asyncio.wait_for(self.backlog.next(), 5)
        self.backlog.acknowledge(batch)
        return batch.sequence


async def test_batches_come_in_order_from_memory(tmp_path: Path) -> None:
    bench = await asyncio.to_thread(Bench, tmp_path, 1 << 20)
    await bench.store(*"abc")
    assert [await bench.send() for _ in range(3)] == [1, 2, 3]
    assert (bench.read_back, bench.backlog.is_empty) == (0, True)


async def test_what_does_not_fit_in_memory_is_read_back(tmp_path: Path) -> None:
    bench = await asyncio.to_thread(Bench, tmp_path, 300)
    await bench.store(*map(str, range(40)))
    assert [await bench.send() for _ in range(40)] == list(range(1, 41))
    assert bench.read_back > 0
    await bench.store("x")
    assert await bench.send() == 41


async def test_a_batch_not_acknowledged_comes_again(tmp_path: Path) -> None:
    bench = await asyncio.to_thread(Bench, tmp_path, 1 << 20)
    await bench.store("a")
    assert (await bench.backlog.next()).sequence == (await bench.backlog.next()).sequence == 1


async def test_a_batch_told_of_before_the_renewal_of_its_stream_is_not_forgotten(tmp_path: Path) -> None:
    bench = await asyncio.to_thread(Bench, tmp_path, 1 << 20)
    await bench.store("a", "b")
    await bench.send()
    renewed = await asyncio.to_thread(bench.spool.renew_stream, bench.backlog.acknowledged)
    early = await asyncio.to_thread(bench.spool.commit, group("c"), NOTHING)
    bench.backlog.add(early)
    bench.backlog.restart(renewed)
    assert [await bench.send() for _ in range(2)] == [1, 2]
    assert bench.backlog.acknowledged == Mark(bench.spool.stream, 2)
    assert bench.backlog.is_empty
