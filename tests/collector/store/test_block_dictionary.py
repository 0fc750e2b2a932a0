"""What sealed blocks have in common: learnt, kept with them, part of the evidence, of no harm when it is damaged."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collector.store.block_dictionary import BlockDictionary, learn
from collector.store.packing import PackedError
from collector.store.settings import StoreSettings
from collector.store.verify import verify_folder
from tests.collector.store.folders import SETTINGS, events_in, filled, reader_of, shelf_of
from watchbook.units import Bytes
from watchbook.wire import WireError

LARGE = replace(
    SETTINGS, segment_events_max=1500, sealed_block_events=64, seal_events_at_once=1024, sealed_dictionary=Bytes(512)
)


def sealed_file(folder: Path, settings: StoreSettings = LARGE) -> Path:
    """Seal the first of a store's segments; return its file."""
    shelf = shelf_of(folder, settings=settings)
    name = shelf.to_seal()[0]
    for _ in shelf.seal(name):
        pass
    return folder / "segments" / f"{name}.sealed.blk"


def dictionary_in(path: Path) -> bytes | None:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT data FROM part WHERE name = 'dictionary'").fetchone()
    return None if found is None else bytes(found[0])


def data_bytes(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT sum(length(data)) FROM block").fetchone()[0])


def test_blocks_that_share_a_dictionary_are_smaller_and_hold_the_same(tmp_path: Path) -> None:
    stored = filled(tmp_path / "with", 300, settings=LARGE)
    filled(tmp_path / "without", 300, settings=LARGE)
    shared = sealed_file(tmp_path / "with")
    alone = sealed_file(tmp_path / "without", replace(LARGE, sealed_dictionary=Bytes(0)))
    dictionary = dictionary_in(shared)
    assert dictionary is not None
    assert len(dictionary) <= 512
    assert dictionary_in(alone) is None
    assert data_bytes(shared) < 0.95 * data_bytes(alone)
    assert events_in(tmp_path / "with") == events_in(tmp_path / "without") == stored
    for folder in ("with", "without"):
        assert not verify_folder(tmp_path / folder / "segments").findings


def test_a_segment_too_small_to_learn_from_has_none(tmp_path: Path) -> None:
    stored = filled(tmp_path, 40, settings=replace(LARGE, segment_events_max=100))
    assert dictionary_in(sealed_file(tmp_path)) is None
    assert events_in(tmp_path) == stored


def test_a_rewritten_segment_keeps_its_dictionary(tmp_path: Path) -> None:
    stored = filled(tmp_path, 300, settings=LARGE)
    before = dictionary_in(path := sealed_file(tmp_path))
    reader = reader_of(tmp_path)
    for _ in shelf_of(tmp_path, settings=LARGE).rewrite(
        reader.segments()[0],
        lambda block: [at for at in range(block.batch.n) if block.batch.value("action", at) != "read"],
        {"reason": "test"},
    ):
        pass
    assert dictionary_in(path) == before is not None
    kept = events_in(tmp_path)
    assert 0 < len(kept) < len(stored)
    assert all(stored[key] == event for key, event in kept.items())
    assert not verify_folder(tmp_path / "segments").findings
    reader.close()


@pytest.mark.parametrize("damage", ["changed", "removed", "nonsense"])
def test_a_damaged_dictionary_is_found_and_said(tmp_path: Path, damage: str) -> None:
    stored = filled(tmp_path, 300, settings=LARGE)
    path = sealed_file(tmp_path)
    dictionary = dictionary_in(path)
    assert dictionary is not None
    with closing(sqlite3.connect(path)) as connection:
        if damage == "removed":
            connection.execute("DELETE FROM part WHERE name = 'dictionary'")
        else:
            changed = dictionary[:300] + bytes([dictionary[300] ^ 1]) + dictionary[301:]
            data = changed if damage == "changed" else b"nonsense"
            connection.execute("UPDATE part SET data = ? WHERE name = 'dictionary'", (data,))
        connection.commit()
    findings = verify_folder(tmp_path / "segments").findings
    assert any("root" in finding.text for finding in findings)
    reader = reader_of(tmp_path)
    unreadable = 0
    for segment in reader.segments():
        for info in reader.blocks(segment):
            try:
                block = reader.read(info)
            except WireError:
                assert segment.tier == "sealed"
                unreadable += 1
                continue
            for at in range(info.n):
                assert block.batch.event(at) == stored[block.identity(at)[:3]]
    assert unreadable
    reader.close()


def test_every_thread_and_many_dictionaries_are_served() -> None:
    samples = [f'{{"user":"user{n}","action":"read","n":{n}}}'.encode() * 20 for n in range(200)]
    dictionaries = [BlockDictionary(learn(samples[n:], 1024)) for n in range(40)]
    packed = [dictionary.compressor(9).compress(samples[0]) for dictionary in dictionaries]
    for _ in range(2):
        for dictionary, data in zip(dictionaries, packed, strict=True):
            decompressor = dictionary.decompressor()
            assert decompressor is not None
            assert decompressor.decompress(data) == samples[0]
    assert BlockDictionary(b"").decompressor() is None


def test_there_is_nothing_to_learn_from_little_or_for_nothing() -> None:
    assert learn([b"x" * 1000] * 10, 1024) == b""
    assert learn([b"x" * 1000] * 1000, 0) == b""
    assert learn([], 1024) == b""
    with pytest.raises(PackedError):
        BlockDictionary(b"no dictionary").decompressor()
