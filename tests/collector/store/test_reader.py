"""The reader: knows of everything in the folder by itself, with few files open and little remembered."""

import asyncio
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from collector.store import SegmentReader, Store
from collector.store.checkpoint import HEAD_FILE, read_checkpoint
from collector.store.verify import key_of_folder, verify_folder
from tests.collector.store.batches import TIME, batch_of
from tests.collector.store.folders import BYTES_MAX, SETTINGS, Ticking, all_blocks, filled, reader_of, seal_all
from watchbook.units import Seconds

STREAM = "a" * 32


async def test_another_reader_sees_what_is_appended_and_every_new_segment(tmp_path: Path) -> None:
    reader = reader_of(tmp_path)
    store = await Store.open(
        tmp_path / "segments",
        replace(SETTINGS, segment_events_max=5),
        batch_bytes_max=BYTES_MAX,
        clock=Ticking(),
        on_committed=lambda _: None,
    )
    seen: list[tuple[int, int]] = []
    for sequence in range(1, 15):
        await store.append(STREAM, sequence, *batch_of("a", "b"))
        assert await asyncio.to_thread(reader.last_number) == 2 * sequence
        segments = await asyncio.to_thread(reader.segments)
        assert sum(segment.rows for segment in segments) == 2 * sequence
        seen.append((len(segments), segments[-1].rows))
        assert len(await asyncio.to_thread(reader.arrived_after, 0, 100)) == sequence
    await store.close()
    assert seen[:4] == [(1, 2), (1, 4), (1, 6), (2, 2)]
    reader.close()


def test_few_files_are_open_however_many_segments_there_are(tmp_path: Path) -> None:
    stored = filled(tmp_path, 200)
    seal_all(tmp_path, 10)
    settings = replace(SETTINGS, open_segments_max=3, directory_blocks_max=1)
    with closing(SegmentReader(tmp_path / "segments", BYTES_MAX, settings)) as reader:
        assert len(reader.segments()) > 15
        assert sum(block.info.n for _, block in all_blocks(reader)) == len(stored)
        for key in list(stored)[::50]:
            assert reader.event(*key) is not None
        assert 0 < len(_open_segments(tmp_path)) <= 3
    assert not _open_segments(tmp_path)


def _open_segments(folder: Path) -> list[str]:
    targets = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [target for target in targets if target.startswith(str(folder)) and target.endswith(".blk")]


def test_reading_a_finished_folder_leaves_no_trace_but_at_the_newest_segment(tmp_path: Path) -> None:
    filled(tmp_path, 100)
    seal_all(tmp_path, 2)
    files = {path.name for path in (tmp_path / "segments").iterdir()}
    with closing(reader_of(tmp_path)) as reader:
        newest = reader.segments()[-1].name
        for _ in all_blocks(reader):
            pass
    left = {path.name for path in (tmp_path / "segments").iterdir()} - files
    assert left <= {f"{newest}.blk-wal", f"{newest}.blk-shm"}


async def test_an_idempotency_key_outlives_any_number_of_segments_sealing_and_restarts(tmp_path: Path) -> None:
    settings = replace(SETTINGS, segment_events_max=1)
    clock = Ticking()

    async def opened() -> Store:
        return await Store.open(
            tmp_path / "segments", settings, batch_bytes_max=BYTES_MAX, clock=clock,
            on_committed=lambda _: None, key_path=tmp_path / "checkpoint.key",
        )  # fmt: skip

    store = await opened()
    own = store.own_stream
    for number in range(12):
        await store.append(own, None, *batch_of("a"), key=(f"key {number}", b"1"))
    await store.close()
    await asyncio.to_thread(seal_all, tmp_path, 5, clock)
    store = await opened()
    for number in range(12):
        again = await store.append(own, None, *batch_of("a"), key=(f"key {number}", b"1"))
        assert (again.repeat, again.sequence) == (True, number + 1)
    await store.close()


async def test_too_many_idempotency_keys_are_forgotten_oldest_first_and_counted(tmp_path: Path) -> None:
    settings = replace(SETTINGS, idempotency_keys_max=3)
    store = await Store.open(
        tmp_path, settings, batch_bytes_max=BYTES_MAX, clock=Ticking(), on_committed=lambda _: None
    )
    for number in range(5):
        await store.append(store.own_stream, None, *batch_of("a"), key=(f"key {number}", b"1"))
    assert store.keys_forgotten == 2
    assert (await store.append(store.own_stream, None, *batch_of("a"), key=("key 4", b"1"))).repeat
    assert not (await store.append(store.own_stream, None, *batch_of("a"), key=("key 0", b"1"))).repeat
    await store.close()


async def test_the_guard_goes_on_when_the_newest_segment_is_a_sealed_one(tmp_path: Path) -> None:
    await asyncio.to_thread(filled, tmp_path, 60)
    await asyncio.to_thread(seal_all, tmp_path)
    with closing(reader_of(tmp_path)) as reader:
        newest = (await asyncio.to_thread(reader.segments))[-1]
        before = newest.first_number
    newest.path.unlink()
    store = await Store.open(
        tmp_path / "segments", SETTINGS, batch_bytes_max=BYTES_MAX, clock=Ticking(TIME * 2), on_committed=lambda _: None
    )
    assert store.last_number == before - 1
    assert not (await store.append("e" * 32, 1, *batch_of("a"))).repeat
    assert await asyncio.to_thread(store.reader.last_number) == before
    await store.close()


async def test_the_head_is_signed_soon_after_a_commit_even_when_nothing_follows(tmp_path: Path) -> None:
    folder = tmp_path / "segments"
    settings = replace(SETTINGS, checkpoint_every=Seconds(0.05))
    store = await Store.open(
        folder, settings, batch_bytes_max=BYTES_MAX, clock=Ticking(), on_committed=lambda _: None,
        key_path=tmp_path / "checkpoint.key",
    )  # fmt: skip
    await store.append(STREAM, 1, *batch_of("a", "b", "c"))
    key = await asyncio.to_thread(key_of_folder, folder)
    deadline = time.monotonic() + 20
    while read_checkpoint((folder / HEAD_FILE).read_bytes(), key).size < 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert read_checkpoint((folder / HEAD_FILE).read_bytes(), key).state == "running"
    await store.close()
    assert read_checkpoint((folder / HEAD_FILE).read_bytes(), key).state == "closed"
    assert (tmp_path / "checkpoint.key").stat().st_mode & 0o777 == 0o600


async def test_a_store_that_fills_segments_faster_than_it_signs_is_intact_while_it_runs(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "segments"
    settings = replace(SETTINGS, segment_events_max=2, checkpoint_every=Seconds(3600.0))
    store = await Store.open(
        folder, settings, batch_bytes_max=BYTES_MAX, clock=Ticking(), on_committed=lambda _: None,
        key_path=tmp_path / "checkpoint.key",
    )  # fmt: skip
    for sequence in range(1, 8):
        await store.append(STREAM, sequence, *batch_of("a"))
        report = await asyncio.to_thread(verify_folder, folder)
        assert report.is_intact, report
    await store.close()
