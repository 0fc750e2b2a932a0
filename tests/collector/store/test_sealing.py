"""Sealing: the same events, in order of time, with the identities they had."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collector.block import Identity
from collector.store import SegmentDamagedError, SegmentReader
from collector.store.verify import verify_folder
from tests.collector.store.batches import TIME
from tests.collector.store.folders import (
    SETTINGS,
    STREAMS,
    all_blocks,
    events_in,
    filled,
    reader_of,
    seal_all,
    shelf_of,
)
from tests.collector.store.folders import (
    archived as written_archive,
)
from watchbook.units import Seconds

DAY_US = 86_400_000_000


def arrival(reader: SegmentReader) -> list[tuple[Identity, dict[str, object]]]:
    """Every event as it arrived, read batch by batch."""
    found: list[tuple[Identity, dict[str, object]]] = []
    after = 0
    while infos := reader.arrived_after(after, 7):
        after = infos[-1].number
        for info in infos:
            block = reader.read(info)
            assert block.info.n == block.batch.n
            found += [(block.identity(index), block.batch.event(index)) for index in range(block.batch.n)]
    return found


def test_sealing_keeps_every_event_its_identity_and_the_order_of_arrival(tmp_path: Path) -> None:
    stored = filled(tmp_path, 120)
    reader = reader_of(tmp_path)
    before, last = arrival(reader), reader.last_number()
    names = seal_all(tmp_path)
    assert len(names) > 5
    assert {segment.tier for segment in reader.segments()[:-1]} == {"sealed"}
    assert reader.segments()[-1].tier == "hot"
    assert events_in(tmp_path) == stored
    assert arrival(reader) == before
    assert reader.last_number() == last == len(stored)
    reader.close()


def test_a_sealed_segment_is_in_order_of_time_in_blocks_of_one_size(tmp_path: Path) -> None:
    filled(tmp_path, 60)
    seal_all(tmp_path)
    reader = reader_of(tmp_path)
    for segment in reader.segments()[:-1]:
        blocks = [reader.read(info) for info in reader.blocks(segment)]
        keys = [(block.batch.times[at], *block.identity(at)[:3]) for block in blocks for at in range(block.batch.n)]
        assert keys == sorted(keys)
        assert (len(keys), keys[0][0], keys[-1][0]) == (segment.rows, segment.tmin, segment.tmax)
        assert [block.info.row for block in blocks] == list(range(0, segment.rows, 16))
    reader.close()


def test_blocks_that_were_listed_while_hot_are_read_after_sealing(tmp_path: Path) -> None:
    filled(tmp_path, 60)
    reader = reader_of(tmp_path)
    listed = [
        (info, [reader.read(info).batch.event(at) for at in range(info.n)])
        for s in reader.segments()
        for info in reader.blocks(s)
    ]
    generations = {segment.name: segment.generation for segment in reader.segments()}
    hot = reader.segments()[0]
    seal_all(tmp_path)
    for info, events in listed:
        block = reader.read(info)
        assert [block.batch.event(at) for at in range(block.batch.n)] == events
        assert block.identity(0).number == info.number
    assert reader.segments()[0].generation != generations[reader.segments()[0].name]
    with pytest.raises(KeyError):
        reader.blocks(hot)
    reader.close()


def test_batches_and_events_are_found_by_stream_wherever_they_lie(tmp_path: Path) -> None:
    stored = filled(tmp_path, 80)
    seal_all(tmp_path)
    reader = reader_of(tmp_path)
    for (stream, sequence, index), event in stored.items():
        found = reader.event(stream, sequence, index)
        assert found is not None
        block, position = found
        assert block.batch.event(position) == event
    assert reader.event(STREAMS[0], 10_000, 0) is None
    assert not reader.find("d" * 32, 1)
    reader.close()


def test_a_rewritten_segment_lacks_what_did_not_stay_and_nothing_else(tmp_path: Path) -> None:
    stored = filled(tmp_path, 80)
    seal_all(tmp_path)
    shelf, reader = shelf_of(tmp_path), reader_of(tmp_path)
    sealed = [segment for segment in reader.segments() if segment.tier == "sealed"]
    listed = list(reader.blocks(sealed[0]))
    for segment in sealed:
        for _ in shelf.rewrite(
            segment,
            lambda block: [at for at in range(block.batch.n) if block.batch.value("action", at) != "read"],
            {"reason": "test"},
        ):
            pass
    names = {segment.name for segment in sealed}
    kept = {
        block.identity(at)[:3]: block.batch.event(at)
        for segment, block in all_blocks(reader) for at in range(block.info.n)
    }  # fmt: skip
    hot = {key for segment, block in all_blocks(reader) if segment.name not in names
           for key in (block.identity(at)[:3] for at in range(block.info.n))}  # fmt: skip
    assert kept == {key: event for key, event in stored.items() if key in hot or event["action"] != "read"}
    assert [event for _, event in arrival(reader)] == [event for key, event in stored.items() if key in kept]
    for info in listed[1:]:
        with pytest.raises(KeyError):
            reader.read(info)
    entries = [entry for _, entry in shelf.entries() if entry["type"] == "rewritten"]
    assert sum(entry["events"] for entry in entries) == len(stored) - len(kept)
    reader.close()


def test_a_removed_segment_is_gone_and_in_the_ledger(tmp_path: Path) -> None:
    filled(tmp_path, 80)
    names = seal_all(tmp_path)
    shelf, reader = shelf_of(tmp_path), reader_of(tmp_path)
    first = reader.segments()[0]
    shelf.remove(first, {"reason": "old"})
    assert [segment.name for segment in reader.segments()][:-1] == names[1:]
    assert arrival(reader)[0][0].number == first.first_number + first.rows
    *_, (number, entry) = shelf.entries()
    assert (number, entry["type"], entry["events"], entry["why"]) == (
        len(names) + 1, "removed", first.rows, {"reason": "old"},
    )  # fmt: skip
    with pytest.raises(ValueError, match="not finished"):
        shelf.remove(reader.segments()[-1], {})
    reader.close()


def test_an_archived_segment_is_listed_but_has_no_blocks(tmp_path: Path) -> None:
    filled(tmp_path, 80)
    seal_all(tmp_path)
    shelf, reader = shelf_of(tmp_path), reader_of(tmp_path)
    first = reader.segments()[0]
    info = reader.blocks(first)[0]
    with pytest.raises(SegmentDamagedError):
        shelf.archive(first, lambda blocks, path: (written_archive(blocks, path)[0] - 1, 0, 0), {})
    shelf.archive(first, written_archive, {"reason": "old"})
    archived = reader.segments()[0]
    assert archived.tier == "archived"
    assert (archived.rows, archived.tmin, archived.tmax) == (first.rows, first.tmin, first.tmax)
    assert archived.path.read_text() == f"{first.rows} events"
    assert not reader.blocks(archived)
    with pytest.raises(KeyError):
        reader.read(info)
    assert not (tmp_path / "segments" / f"{first.name}.sealed.blk").exists()
    shelf.remove(archived, {})
    assert archived.name not in {segment.name for segment in reader.segments()}
    reader.close()


def test_an_archive_is_replaced_by_one_with_fewer_events(tmp_path: Path) -> None:
    filled(tmp_path, 80)
    seal_all(tmp_path)
    shelf, reader = shelf_of(tmp_path), reader_of(tmp_path)
    shelf.archive(reader.segments()[0], written_archive, {})
    archived = reader.segments()[0]

    def write(path: Path) -> tuple[int, int, int]:
        path.write_text("fewer")
        return archived.rows - 3, archived.tmin, archived.tmax

    shelf.rewrite_archived(archived, write, {"reason": "purge"})
    after = reader.segments()[0]
    assert (after.rows, after.path.read_text()) == (archived.rows - 3, "fewer")
    assert after.generation != archived.generation
    *_, (_, entry) = shelf.entries()
    assert (entry["type"], entry["events"], entry["left"]) == ("rewritten", 3, archived.rows - 3)
    assert shelf_of(tmp_path).ledger.latest(archived.name) == entry
    assert verify_folder(tmp_path / "segments").is_intact
    after.path.write_text("other")
    assert not verify_folder(tmp_path / "segments").is_intact
    reader.close()


def test_a_finished_segment_waits_as_long_as_it_was_told_to(tmp_path: Path) -> None:
    filled(tmp_path, 60)
    finished = shelf_of(tmp_path).to_seal()
    written = [(tmp_path / "segments" / f"{name}.blk").stat().st_mtime_ns // 1000 for name in finished]

    def due(now: int) -> list[str]:
        settings = replace(SETTINGS, seal_after=Seconds(60.0))
        return shelf_of(tmp_path, settings=settings, clock=lambda: now).due_to_seal()

    assert due(min(written)) == []
    assert due(max(written) + 61_000_000) == finished
    assert shelf_of(tmp_path, clock=lambda: 0).due_to_seal() == finished


def test_work_that_is_broken_off_leaves_all_as_it_was(tmp_path: Path) -> None:
    stored = filled(tmp_path, 60)
    shelf = shelf_of(tmp_path)
    (name, *_) = shelf.to_seal()
    files = {path.name for path in (tmp_path / "segments").iterdir()}
    steps = sum(1 for _ in shelf_of(Path(shutil.copytree(tmp_path, tmp_path / "copy"))).seal(name))
    for stop_at in range(steps):
        job = shelf.seal(name)
        for _ in range(stop_at + 1):
            next(job)
        job.close()
        assert {path.name for path in (tmp_path / "segments").iterdir()} == files
    assert events_in(tmp_path) == stored
    assert seal_all(tmp_path)[0] == name


def test_a_segment_whose_chain_is_broken_is_not_sealed(tmp_path: Path) -> None:
    filled(tmp_path, 60)
    shelf = shelf_of(tmp_path)
    (name, *_) = shelf.to_seal()
    path = tmp_path / "segments" / f"{name}.blk"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE block SET received = received + 1 WHERE number = (SELECT max(number) FROM block)")
    with pytest.raises(SegmentDamagedError, match=name):
        list(shelf.seal(name))
    assert path.exists()
    assert not list((tmp_path / "segments").glob("*.new"))
    assert shelf.ledger.size == 0


def test_a_segment_without_events_is_sealed_too(tmp_path: Path) -> None:
    settings = replace(SETTINGS, segment_events_max=1_000_000)
    days = iter([TIME, TIME, *[TIME + DAY_US] * 1000])
    filled(tmp_path, 1, seed=4, settings=settings, clock=lambda: next(days))
    (name,) = seal_all(tmp_path)
    reader = reader_of(tmp_path)
    sealed = reader.segments()[0]
    assert (sealed.name, sealed.tier, sealed.rows) == (name, "sealed", 0)
    assert not reader.blocks(sealed)
    assert verify_folder(tmp_path / "segments").is_intact
    reader.close()
