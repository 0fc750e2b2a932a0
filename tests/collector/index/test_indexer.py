"""The indexer keeps up, shows whole states, gives way, and puts off what fails."""

import sqlite3
import threading
from pathlib import Path

from collector.index import Indexer, IndexReader, IndexSettings
from collector.index.growing import flush_is_due
from tests.collector.index.expected import check_view
from tests.collector.index.source import MemorySegment, MemorySource, event
from watchbook.clock import SECOND_US
from watchbook.units import Seconds

SETTINGS = IndexSettings(chunk_rows=64, flush_rows=32, flush_rows_min=8)


def _grow(segment: MemorySegment, rows: int) -> None:
    segment.append([event(segment.rows + i, message=f"m{(segment.rows + i) % 30}") for i in range(rows)])


def _rows_shown(segment: MemorySegment) -> int:
    view = IndexReader(1 << 20).view(segment.name, segment.generation, segment.index_path)
    return -1 if view is None else view.rows


def test_few_new_rows_wait_and_many_do_not() -> None:
    settings = IndexSettings()
    assert not flush_is_due(0, 10**9, settings)
    assert flush_is_due(16_384, 0, settings)
    assert not flush_is_due(16_383, 999_999, settings)
    assert flush_is_due(2_048, SECOND_US, settings)
    assert not flush_is_due(2_047, 4 * SECOND_US, settings)
    assert flush_is_due(1, 5 * SECOND_US, settings)


def test_new_rows_are_shown_when_they_are_due(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s")
    indexer = Indexer(MemorySource(segment), SETTINGS)
    indexer.step(0)
    assert _rows_shown(segment) == 0
    _grow(segment, 3)
    indexer.step(SECOND_US)
    assert indexer.backlog_rows == 3
    assert _rows_shown(segment) == 0
    indexer.step(6 * SECOND_US)
    assert indexer.backlog_rows == 0
    assert _rows_shown(segment) == 3
    _grow(segment, 32)
    indexer.step(6 * SECOND_US)
    assert _rows_shown(segment) == 35
    indexer.close(6 * SECOND_US)


def test_a_trickle_of_events_makes_few_chunks(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s")
    indexer = Indexer(MemorySource(segment), SETTINGS)
    for second in range(100):
        _grow(segment, 1)
        indexer.step(second * 10 * SECOND_US)
        indexer.step((second * 10 + 6) * SECOND_US)
    view = IndexReader(1 << 20).view("s", "a", segment.index_path)
    assert view is not None
    assert len(view.chunks) == 4
    check_view(view, segment.events())
    indexer.close(0)
    connection = sqlite3.connect(segment.index_path)
    (columns,) = connection.execute("SELECT count(DISTINCT id >> 16) FROM col").fetchone()
    connection.close()
    assert columns < 15  # the chunks that larger ones replaced are removed after a while


def test_a_view_stays_right_while_the_index_grows(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s")
    source, reader = MemorySource(segment), IndexReader(1)
    indexer = Indexer(source, SETTINGS)
    _grow(segment, 10)
    indexer.step(0)
    indexer.step(6 * SECOND_US)
    view = reader.view("s", "a", segment.index_path)
    assert view is not None
    for second in range(7, 37, 6):
        _grow(segment, 10)
        indexer.step(second * SECOND_US)
        indexer.step((second + 5) * SECOND_US)
    check_view(view, segment.events()[:10])
    newer = reader.view("s", "a", segment.index_path)
    assert newer is not None
    check_view(newer, segment.events())
    indexer.close(60 * SECOND_US)


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s")
    for _ in range(20):
        _grow(segment, 10)
    first = Indexer(MemorySource(segment), SETTINGS)
    while first.step(0):
        pass
    first.close(0)
    _grow(segment, 10)
    second = Indexer(MemorySource(segment), SETTINGS)
    while second.step(0):
        pass
    second.close(0)
    assert first.counters.rows == 200
    assert second.counters.rows < 60
    assert second.counters.rebuilt == 0
    view = IndexReader(1 << 20).view("s", "a", segment.index_path)
    assert view is not None
    check_view(view, segment.events())


def test_a_step_ends_when_its_time_is_over(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s")
    for _ in range(50):
        _grow(segment, 10)
    indexer = Indexer(MemorySource(segment), IndexSettings(step=Seconds(1e-9)))
    assert indexer.step(0)
    assert indexer.counters.rows < 500
    indexer.close(0)


def test_segments_that_are_full_are_closed_and_sealed_ones_get_theirs(tmp_path: Path) -> None:
    old, full, new = MemorySegment(tmp_path, "a", "sealed"), MemorySegment(tmp_path, "b"), MemorySegment(tmp_path, "c")
    for segment in (old, full, new):
        _grow(segment, 40)
    indexer = Indexer(MemorySource(old, full, new), SETTINGS)
    while indexer.step(0):
        pass
    indexer.step(6 * SECOND_US)
    assert not Path(f"{full.index_path}-wal").exists()
    assert Path(f"{new.index_path}-wal").exists()
    assert [_rows_shown(segment) for segment in (old, full, new)] == [40, 40, 40]
    assert indexer.backlog_rows == 0
    indexer.close(6 * SECOND_US)


def test_a_segment_that_is_sealed_meanwhile_is_let_go(tmp_path: Path) -> None:
    segment, newer = MemorySegment(tmp_path, "s"), MemorySegment(tmp_path, "t")
    source = MemorySource(segment)
    _grow(segment, 40)
    indexer = Indexer(source, SETTINGS)
    indexer.step(0)
    source.held = [newer]
    indexer.step(0)
    assert not segment.index_path.exists()
    assert not Path(f"{segment.index_path}-wal").exists()
    indexer.close(0)


def test_damaged_blocks_are_passed_over(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s")
    for _ in range(3):
        _grow(segment, 10)
    segment.data[1] = b"damaged"
    indexer = Indexer(MemorySource(segment), SETTINGS)
    indexer.step(0)
    indexer.close(0)
    view = IndexReader(1 << 20).view("s", "a", segment.index_path)
    assert view is not None
    assert view.rows == 30
    assert indexer.counters.unreadable_blocks == 1


def test_what_fails_is_tried_again_later(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s")
    _grow(segment, 40)
    segment.index_path.mkdir()
    indexer = Indexer(MemorySource(segment), SETTINGS)
    assert not indexer.step(0)
    assert indexer.counters.failures == 1
    assert indexer.backlog_rows == 40
    segment.index_path.rmdir()
    indexer.step(SECOND_US)
    assert indexer.backlog_rows == 40
    indexer.step(6 * SECOND_US)
    assert indexer.backlog_rows == 0
    indexer.close(6 * SECOND_US)


def test_readers_of_many_threads_see_whole_states(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s")
    _grow(segment, 40)
    indexer = Indexer(MemorySource(segment), SETTINGS)
    indexer.step(0)
    reader = IndexReader(100_000, open_files_max=1)
    events = segment.events()
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            view = reader.view("s", "a", segment.index_path)
            assert view is not None
            seen.append(view.rows)
            for chunk in view.chunks:
                times = view.times(chunk).tolist()
                assert times == [row["time"] for row in events[chunk.row : chunk.row + chunk.n]]

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for step in range(30):
        _grow(segment, 10)
        events = segment.events()
        indexer.step(step * SECOND_US)
        indexer.step((step + 1) * SECOND_US)
    done.set()
    for thread in threads:
        thread.join()
    assert max(seen) > 40
    assert reader.damaged == set()
    indexer.close(0)
