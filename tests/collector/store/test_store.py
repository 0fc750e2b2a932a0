"""The store: durable, each batch once, in files that only grow."""

import asyncio
import hashlib
import sqlite3
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.block import DecodedBlock
from collector.store import (
    FolderInUseError,
    KeyReusedError,
    SequenceConflictError,
    SequenceGapError,
    Store,
    StoreSettings,
    StoreUnavailableError,
)
from collector.store.layout import order_of
from tests.collector.store.batches import TIME, batch_of
from watchbook.clock import SECOND_US
from watchbook.database import NewerDatabaseError
from watchbook.units import Bytes

STREAM, OTHER = "a" * 32, "b" * 32
DAY_US = 86400 * SECOND_US


@asynccontextmanager
async def opened(
    folder: Path, settings: StoreSettings | None = None, clock: Callable[[], int] = lambda: TIME
) -> AsyncIterator[tuple[Store, list[DecodedBlock]]]:
    """Open a store; the list collects what it told to be committed."""
    told: list[DecodedBlock] = []
    store = await Store.open(
        folder, settings or StoreSettings(), batch_bytes_max=1 << 20, clock=clock, on_committed=told.extend
    )
    try:
        yield store, told
    finally:
        await store.close()


async def actors(store: Store) -> list[str]:
    """Every event's actor in order of arrival."""
    return await asyncio.to_thread(_actors, store)


def _actors(store: Store) -> list[str]:
    found: list[str] = []
    for info in store.reader.arrived_after(0, 1000):
        batch = store.reader.read(info).batch
        found += [batch.value("actor.id", index) for index in range(batch.n)]
    return found


async def test_a_batch_sent_again_is_stored_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, told):
        first = await store.append(STREAM, 1, *batch_of("a", "b"))
        again = await store.append(STREAM, 1, *batch_of("a", "b"))
        assert (first.repeat, again.repeat) == (False, True)
        assert await actors(store) == ["a", "b"]
        await asyncio.sleep(0)
        assert [block.info.sequence for block in told] == [1]


async def test_a_repeat_in_the_same_commit_is_known_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        results = await asyncio.gather(*(store.append(STREAM, 1, *batch_of("a")) for _ in range(20)))
        assert sorted(result.repeat for result in results) == [False] + [True] * 19
        assert await actors(store) == ["a"]


async def test_the_guard_survives_a_restart_and_a_new_segment(tmp_path: Path) -> None:
    settings = StoreSettings(segment_events_max=1)
    async with opened(tmp_path, settings) as (store, _):
        await store.append(STREAM, 1, *batch_of("a"))
        await store.append(STREAM, 2, *batch_of("b"))
        await store.append(OTHER, 1, *batch_of("c"))
    async with opened(tmp_path, settings) as (store, _):
        assert (await store.append(STREAM, 1, *batch_of("a"))).repeat
        assert (await store.append(STREAM, 2, *batch_of("b"))).repeat
        assert not (await store.append(STREAM, 3, *batch_of("d"))).repeat
        assert await actors(store) == ["a", "b", "c", "d"]
        assert len(await asyncio.to_thread(store.reader.segments)) > 1
        assert await asyncio.to_thread(store.reader.last_number) == 4


async def test_a_hole_in_a_stream_is_refused_with_the_sequence_expected(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await store.append(STREAM, 1, *batch_of("a"))
        with pytest.raises(SequenceGapError) as caught:
            await store.append(STREAM, 3, *batch_of("c"))
        assert caught.value.expected == 2
        assert await actors(store) == ["a"]


async def test_the_same_sequence_with_other_content_is_no_repeat(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await store.append(STREAM, 1, *batch_of("a"))
        with pytest.raises(SequenceConflictError):
            await store.append(STREAM, 1, *batch_of("z"))
        results = await asyncio.gather(
            store.append(STREAM, 2, *batch_of("b")),
            store.append(STREAM, 2, *batch_of("y")),
            return_exceptions=True,
        )
        assert isinstance(results[1], SequenceConflictError)
        assert await actors(store) == ["a", "b"]


async def test_an_empty_batch_moves_the_stream_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await store.append(STREAM, 1, *batch_of())
        await store.append(STREAM, 2, *batch_of("a"))
        assert await actors(store) == ["a"]


async def test_a_key_answers_a_repeat_and_refuses_another_body(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        own = store.own_stream
        first = await store.append(own, None, *batch_of("a"), key=("token\0k", b"1"))
        again = await store.append(own, None, *batch_of("a"), key=("token\0k", b"1"))
        assert (again.repeat, again.sequence) == (True, first.sequence)
    async with opened(tmp_path) as (store, _):
        assert store.own_stream == own
        assert (await store.append(own, None, *batch_of("a"), key=("token\0k", b"1"))).repeat
        with pytest.raises(KeyReusedError):
            await store.append(own, None, *batch_of("z"), key=("token\0k", b"2"))
        assert await actors(store) == ["a"]


async def test_each_day_has_its_own_segment_and_a_clock_that_goes_back_reopens_none(tmp_path: Path) -> None:
    now = [TIME]
    async with opened(tmp_path, clock=lambda: now[0]) as (store, _):
        await store.append(STREAM, 1, *batch_of("a"))
        now[0] += DAY_US
        await store.append(STREAM, 2, *batch_of("b"))
        now[0] -= 5 * DAY_US
        await store.append(STREAM, 3, *batch_of("c"))
        assert [segment.name for segment in await asyncio.to_thread(store.reader.segments)] == [
            "2025-11-21",
            "2025-11-22",
        ]
        assert await actors(store) == ["a", "b", "c"]


async def test_the_chain_of_hashes_goes_over_the_border_of_segments(tmp_path: Path) -> None:
    async with opened(tmp_path, StoreSettings(segment_events_max=1)) as (store, _):
        for sequence, text in enumerate("abc", 1):
            await store.append(STREAM, sequence, *batch_of(text))
    before = bytes(32)
    blocks = 0
    for path in sorted(tmp_path.glob("*.blk"), key=lambda path: order_of(path.name.removesuffix(".blk"))):
        connection = sqlite3.connect(path)
        rows = connection.execute(
            "SELECT number, n, received, block.sequence, name, data, hash FROM block"
            " JOIN stream ON stream.id = block.stream ORDER BY number"
        ).fetchall()
        connection.close()
        for number, n, received, sequence, name, data, stored in rows:
            header = struct.pack(">qqqq", number, n, received, sequence)
            before = hashlib.sha256(before + header + name.encode() + b"\0" + data).digest()
            assert before == stored
            blocks += 1
    assert blocks == 3


async def test_no_two_segments_have_the_same_generation(tmp_path: Path) -> None:
    async with opened(tmp_path, StoreSettings(segment_events_max=1)) as (store, _):
        for sequence, text in enumerate("abc", 1):
            await store.append(STREAM, sequence, *batch_of(text))
        segments = await asyncio.to_thread(store.reader.segments)
    assert len({segment.generation for segment in segments}) == len(segments) == 3


async def test_a_disk_without_room_refuses_and_takes_the_same_batch_later(tmp_path: Path) -> None:
    async with opened(tmp_path, StoreSettings(free_bytes_min=Bytes(1 << 60))) as (store, _):
        with pytest.raises(StoreUnavailableError, match="free_bytes_min"):
            await store.append(STREAM, 1, *batch_of("a"))
        assert store.failing is not None
    async with opened(tmp_path) as (store, _):
        assert not (await store.append(STREAM, 1, *batch_of("a"))).repeat
        assert store.failing is None
        assert await actors(store) == ["a"]


async def test_two_collectors_cannot_share_a_folder(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(FolderInUseError, match="in use by another collector"):
            async with opened(tmp_path):
                pass


async def test_a_segment_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await store.append(STREAM, 1, *batch_of("a"))
    (path,) = tmp_path.glob("*.blk")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(NewerDatabaseError, match=r"newer Watchbook .*99"):
        async with opened(tmp_path):
            pass


async def test_a_segment_whose_creation_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "2025-11-21.blk").write_bytes(b"")
    async with opened(tmp_path) as (store, _):
        await store.append(STREAM, 1, *batch_of("a"))
        assert await actors(store) == ["a"]


async def test_blocks_are_found_by_row_and_by_stream(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await store.append(STREAM, 1, *batch_of("a", "b", time=TIME))
        await store.append(STREAM, 2, *batch_of("c", time=TIME - DAY_US))
        await store.append(OTHER, 1, *batch_of("d", time=TIME + DAY_US))
        (segment,) = await asyncio.to_thread(store.reader.segments)
        assert (segment.first_number, segment.rows) == (1, 4)
        assert (segment.tmin, segment.tmax) == (TIME - DAY_US, TIME + DAY_US)

        def sequences(*rows: int) -> list[tuple[str, int]]:
            return [(info.stream, info.sequence) for info in store.reader.blocks(segment, *rows)]

        assert await asyncio.to_thread(sequences) == [(STREAM, 1), (STREAM, 2), (OTHER, 1)]
        assert await asyncio.to_thread(sequences, 1, 3) == [(STREAM, 1), (STREAM, 2)]
        assert await asyncio.to_thread(sequences, 3) == [(OTHER, 1)]
        (found,) = await asyncio.to_thread(store.reader.find, STREAM, 2)
        assert (found.number, found.row) == (3, 2)
        assert not await asyncio.to_thread(store.reader.find, STREAM, 3)


def test_a_program_that_fails_before_it_closed_the_store_ends(tmp_path: Path) -> None:
    """The writer's thread does not keep a process alive that has nothing left to do: systemd would wait for ever."""
    program = f"""
import asyncio, pathlib
from collector.store import Store, StoreSettings

async def main():
    folder = pathlib.Path({str(tmp_path)!r}) / "segments"
    await Store.open(folder, StoreSettings(), batch_bytes_max=1 << 20, clock=lambda: {TIME}, on_committed=print)
    raise SystemExit(3)

asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=50, check=False).returncode == 3
