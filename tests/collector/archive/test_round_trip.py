"""An archive gives back what it was made of."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.archive import EVERY_ROW, ArchiveError, ArchiveReader, ArchiveSettings, write_archive
from collector.archive import arrow as arrow_module
from collector.block import DecodedBlock, Identity
from tests.collector.archive import hostile
from tests.collector.archive.blocks import DAY, STREAM, contents, sealed_blocks
from watchbook.clock import TIME_MAX_US, TIME_MIN_US
from watchbook.units import Bytes

ALL_TIME = (TIME_MIN_US, TIME_MAX_US + 1)
_identities = st.builds(
    Identity,
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.integers(1, 2**60),
    st.integers(0, 4095),
    st.integers(TIME_MIN_US, TIME_MAX_US),
    st.integers(1, 2**60),
)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(st.lists(st.tuples(hostile.events, _identities), min_size=1, max_size=12, unique_by=lambda pair: pair[1][:3]))
def test_every_event_comes_back_as_it_was_whatever_is_in_it(
    tmp_path: Path, pairs: list[tuple[dict[str, Any], Identity]]
) -> None:
    events, identities = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    stored = list(sealed_blocks(events, 5, identities))
    path = tmp_path / f"{DAY}.parquet"
    write_archive(stored, path, ArchiveSettings(row_group_events=2048))
    reader = ArchiveReader(tmp_path, ArchiveSettings())

    assert contents(reader.scan(path, EVERY_ROW, *ALL_TIME)) == contents(iter(stored))
    assert contents(reversed(list(reader.newest(path, EVERY_ROW, *ALL_TIME)))) == contents(iter(stored))
    reader.close()


def test_events_of_a_megabyte_and_of_deep_nesting_come_back(tmp_path: Path) -> None:
    deep = {"a": 1}
    for _ in range(200):
        deep = {"deeper": [deep]}  # type: ignore[dict-item]
    events = [
        {
            "time": i,
            "actor.type": "system",
            "action": "x",
            "raw": chr(0x20AC) * 350_000,
            "details": deep,
            "message": "m" * i,
        }
        for i in range(40)
    ]
    stored = list(sealed_blocks(events, 8))
    path = tmp_path / f"{DAY}.parquet"

    outline = write_archive(
        stored, path, ArchiveSettings(row_group_bytes=Bytes(8 << 20), memory_limit=Bytes(256 << 20))
    )

    assert len(outline.groups) > 1
    reader = ArchiveReader(tmp_path, ArchiveSettings())
    assert contents(reader.scan(path, EVERY_ROW, *ALL_TIME)) == contents(iter(stored))
    reader.close()


def test_nothing_is_held_in_memory_after_an_archive_was_written(tmp_path: Path) -> None:
    blocks = sealed_blocks([{"time": i, "actor.type": "user", "action": "read"} for i in range(5000)])
    write_archive(blocks, tmp_path / f"{DAY}.parquet", ArchiveSettings())
    assert not arrow_module._held


def test_rows_are_in_order_of_time_in_groups_of_the_size_set(tmp_path: Path) -> None:
    events = [{"time": (i * 7919) % 10_000, "actor.type": "user", "action": "read"} for i in range(10_000)]
    path = tmp_path / f"{DAY}.parquet"
    outline = write_archive(sealed_blocks(events), path, ArchiveSettings(row_group_events=4096))
    assert outline.rows == 10_000
    assert (outline.tmin, outline.tmax) == (0, 9999)
    assert len(outline.groups) == 3
    reader = ArchiveReader(tmp_path, ArchiveSettings())
    times = [time for block in reader.scan(path, EVERY_ROW, 100, 9_000) for time in block.batch.times]
    assert times == list(range(100, 9_000))
    newest = [time for block in reader.newest(path, EVERY_ROW, 100, 9_000) for time in reversed(block.batch.times)]
    assert newest == times[::-1]
    reader.close()


def test_an_archive_is_read_by_plain_duckdb(tmp_path: Path) -> None:
    path = tmp_path / f"{DAY}.parquet"
    events = [{"time": 5, "actor.type": "user", "action": "read", "measures": {"rows": 7}}]
    write_archive(sealed_blocks(events), path, ArchiveSettings())
    connection = duckdb.connect()
    found = connection.execute("SELECT action, measures->>'rows' FROM read_parquet(?)", [str(path)]).fetchall()
    connection.close()
    assert found == [("read", "7")]


def test_what_fails_halfway_leaves_no_file_and_says_why(tmp_path: Path) -> None:
    def broken() -> Any:
        yield from sealed_blocks([{"time": i, "actor.type": "user", "action": "read"} for i in range(9000)])
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        write_archive(broken(), tmp_path / "x.parquet.new", ArchiveSettings())
    assert list(tmp_path.iterdir()) == []


def test_events_out_of_order_are_refused(tmp_path: Path) -> None:
    events = [{"time": 9000 - i, "actor.type": "user", "action": "read"} for i in range(9000)]
    blocks: list[DecodedBlock] = [block for event in _pieces(events) for block in sealed_blocks(event)]
    with pytest.raises(ArchiveError, match="out of order"):
        write_archive(blocks, tmp_path / "x.parquet.new", ArchiveSettings(row_group_events=2048))


def _pieces(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [events[i : i + 3000] for i in range(0, len(events), 3000)]


def test_a_batch_is_found_again_and_events_in_order_of_arrival(tmp_path: Path) -> None:
    events = [{"time": 10_000 - i, "actor.type": "user", "action": f"a{i}"} for i in range(2000)]
    path = tmp_path / f"{DAY}.parquet"
    write_archive(sealed_blocks(events), path, ArchiveSettings())
    reader = ArchiveReader(tmp_path, ArchiveSettings())
    block = reader.find(path, STREAM, 2)
    assert block is not None
    assert [block.identity(i).index for i in range(block.batch.n)] == list(range(512))
    assert block.batch.value("action", 3) == "a515"
    arrived = reader.arrived(path, 100, 50)
    assert arrived is not None
    assert [arrived.identity(i).number for i in range(arrived.batch.n)] == list(range(101, 151))
    assert reader.find(path, STREAM, 77) is None
    reader.close()


def test_an_archive_that_went_is_a_key_error_and_a_damaged_one_says_so(tmp_path: Path) -> None:
    reader = ArchiveReader(tmp_path, ArchiveSettings())
    with pytest.raises(KeyError):
        list(reader.scan(tmp_path / "gone.parquet", EVERY_ROW, 0, 1))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no parquet")
    with pytest.raises(ArchiveError, match=r"bad\.parquet"):
        list(reader.newest(tmp_path / "bad.parquet", EVERY_ROW, 0, 1))
    reader.close()
