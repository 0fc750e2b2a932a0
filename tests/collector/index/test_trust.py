"""An index that is damaged is never believed, and is made again."""

import os
import random
from pathlib import Path

import pytest

from collector.index import Indexer, IndexReader, IndexSettings, build_sealed_index, reindex
from collector.index.file import reopen
from collector.view import IndexDamagedError, Wanted
from tests.collector.index.expected import check_view
from tests.collector.index.source import MemorySegment, MemorySource, event

SETTINGS = IndexSettings(chunk_rows=64, flush_rows=32, flush_rows_min=8)
LATER = 10_000_000


def _filled(folder: Path, tier: str = "sealed", rows: int = 200) -> MemorySegment:
    segment = MemorySegment(folder, "s", "sealed" if tier == "sealed" else "hot")
    for begin in range(0, rows, 10):
        segment.append(
            [
                event(i, message=f"message {i % 50} of {i}", org="acme", measures={"rows": i})
                for i in range(begin, begin + 10)
            ]
        )
    return segment


def _build(segment: MemorySegment) -> None:
    build_sealed_index(segment.blocks(), segment.index_path, name="s", generation="a", settings=SETTINGS)


def _index(segment: MemorySegment, now: int = 0) -> None:
    indexer = Indexer(MemorySource(segment), SETTINGS)
    while indexer.step(now):
        pass
    indexer.close(now)


def _flip(path: Path, at: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes((byte ^ 1 << bit,)))


def test_any_flipped_bit_of_a_sealed_index_is_found(tmp_path: Path) -> None:
    segment = _filled(tmp_path)
    _build(segment)
    size = segment.index_path.stat().st_size
    chosen = random.Random(7)
    places = [*range(100), *(chosen.randrange(size) for _ in range(100)), size - 1]
    for at in places:
        bit = chosen.randrange(8)
        _flip(segment.index_path, at, bit)
        reader = IndexReader(1 << 20)
        assert reader.view("s", "a", segment.index_path) is None, at
        assert reader.damaged == {"s"}, at
        _flip(segment.index_path, at, bit)
    assert IndexReader(1 << 20).view("s", "a", segment.index_path) is not None


@pytest.mark.parametrize("size", [0, 1, 99, 100, 8192, 20_000, -1])
def test_a_truncated_index_is_found_and_made_again(tmp_path: Path, size: int) -> None:
    segment = _filled(tmp_path)
    _build(segment)
    os.truncate(segment.index_path, size if size >= 0 else segment.index_path.stat().st_size - 1)
    reader = IndexReader(1 << 20)
    assert reader.view("s", "a", segment.index_path) is None
    assert reader.damaged == {"s"}
    indexer = Indexer(MemorySource(segment), SETTINGS)
    indexer.report_damaged(reader.damaged, 0)
    while indexer.step(0):
        pass
    view = reader.view("s", "a", segment.index_path)
    assert view is not None
    check_view(view, segment.events())


def test_a_flipped_bit_of_a_growing_index_is_found_at_the_next_start(tmp_path: Path) -> None:
    segment = _filled(tmp_path, "hot")
    _index(segment)
    chosen = random.Random(3)
    for _ in range(15):
        _flip(segment.index_path, chosen.randrange(segment.index_path.stat().st_size), chosen.randrange(8))
        assert IndexReader(1 << 20).view("s", "a", segment.index_path) is None
        _index(segment)
        view = IndexReader(1 << 20).view("s", "a", segment.index_path)
        assert view is not None
        check_view(view, segment.events())


def test_damage_under_a_reader_is_told_and_made_good(tmp_path: Path) -> None:
    segment = _filled(tmp_path, "hot")
    source = MemorySource(segment)
    indexer = Indexer(source, SETTINGS)
    indexer.step(0)
    indexer.step(LATER)
    reader = IndexReader(1 << 20)
    view = reader.view("s", "a", segment.index_path)
    assert view is not None
    writing = reopen(segment.index_path)
    writing.execute("UPDATE page SET texts = substr(texts, 1, length(texts) - 1) || x'00'")
    writing.close()
    with pytest.raises(IndexDamagedError):
        view.passing("message", Wanted("x", lambda text: True))
    assert reader.damaged == {"s"}
    indexer.report_damaged(reader.damaged, LATER)
    while indexer.step(LATER):
        pass
    indexer.step(2 * LATER)
    again = reader.view("s", "a", segment.index_path)
    assert again is not None
    check_view(again, segment.events())
    indexer.close(2 * LATER)


def test_an_index_left_by_another_run_of_the_machine_is_not_believed(tmp_path: Path) -> None:
    segment = _filled(tmp_path, "hot")
    indexer = Indexer(MemorySource(segment), SETTINGS)
    indexer.step(0)
    indexer.step(LATER)
    # As after a loss of power: without a stamp, and the machine has started anew.
    (growing,) = indexer._growing.values()
    growing._writer.head.boot = "before"
    growing._writer.flush_head()
    growing.abandon()
    reader = IndexReader(1 << 20)
    assert reader.view("s", "a", segment.index_path) is None
    assert reader.damaged == set()
    before = segment.index_path.stat().st_ino, segment.index_path.stat().st_mtime_ns
    _index(segment)
    assert (segment.index_path.stat().st_ino, segment.index_path.stat().st_mtime_ns) != before
    view = reader.view("s", "a", segment.index_path)
    assert view is not None
    check_view(view, segment.events())


def test_an_index_of_other_blocks_is_made_again(tmp_path: Path) -> None:
    segment = _filled(tmp_path, "hot")
    _index(segment)
    shorter = _filled(tmp_path, "hot", rows=100)  # as after a backup was put back
    _index(shorter)
    view = IndexReader(1 << 20).view("s", "a", shorter.index_path)
    assert view is not None
    check_view(view, shorter.events())


def test_an_index_of_another_generation_is_not_used(tmp_path: Path) -> None:
    segment = _filled(tmp_path)
    _build(segment)
    reader = IndexReader(1 << 20)
    assert reader.view("s", "b", segment.index_path) is None
    assert reader.view("t", "a", segment.index_path) is None
    assert reader.damaged == set()


def test_a_missing_index_is_none(tmp_path: Path) -> None:
    reader = IndexReader(1 << 20)
    assert reader.view("s", "a", tmp_path / "s.ix") is None
    assert reader.damaged == set()


def test_reindex_makes_every_index_again(tmp_path: Path) -> None:
    hot, sealed = _filled(tmp_path, "hot"), MemorySegment(tmp_path, "t", "sealed", "b")
    sealed.append([event(1, message="one")])
    for path in (hot.index_path, sealed.index_path):
        path.write_bytes(b"no index at all")
    told: list[tuple[str, int]] = []
    source = MemorySource(sealed, hot)
    counters = reindex(source, SETTINGS, on_done=lambda segment, rows: told.append((segment.name, rows)))
    assert told == [("t", 1), ("s", 200)]
    assert counters.rows == 201
    reader = IndexReader(1 << 20)
    for segment in (hot, sealed):
        view = reader.view(segment.name, segment.generation, segment.index_path)
        assert view is not None
        check_view(view, segment.events())
    with pytest.raises(KeyError):
        reindex(source, SETTINGS, names=["u"])


def test_files_that_are_gone_are_closed(tmp_path: Path) -> None:
    reader = IndexReader(1 << 20)
    first, second = MemorySegment(tmp_path, "s", "sealed"), MemorySegment(tmp_path, "t", "sealed")
    for segment in (first, second):
        segment.append([event()])
        build_sealed_index(segment.blocks(), segment.index_path, name=segment.name, generation="a")
    assert reader.view("s", "a", first.index_path) is not None
    first.index_path.unlink()
    assert reader.view("t", "a", second.index_path) is not None
    held = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.islink(entry.path)]  # noqa: PTH115, PTH114
    assert not [path for path in held if path.startswith(str(first.index_path))]
