"""Exports that are one file: SQLite and Parquet."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from collector.export import ParquetFile, SqliteFile
from collector.export.table import TABLE
from tests.collector.export.rendered_events import an_event
from watchbook.event import FIELDS

HOSTILE = "=cmd|'\u202e\x00\"; DROP TABLE events;--\n😀"


def full_event(number: int) -> bytes:
    return an_event(
        number,
        duration_ms=1.5,
        measures={"rows": 3},
        changes=[{"field": "plan", "old": "a", "new": None}],
        details={HOSTILE: [HOSTILE, {"n": 12345678901234567890123}]},
        message=HOSTILE,
        flags=["unparsed"],
        origin={"host": "web1", "file": "/var/log/a.log", "offset": 7},
    )


def rows_of(path: Path, query: str) -> list[Any]:
    if path.suffix == ".parquet":
        with duckdb.connect(":memory:") as database:
            quoted = str(path).replace("'", "''")
            return database.execute(query.replace("FROM events", f"FROM '{quoted}'")).fetchall()
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def built(path: Path, *pages: list[bytes]) -> Path:
    file = ParquetFile(path) if path.suffix == ".parquet" else SqliteFile(path)
    for page in pages:
        file.add(page)
    file.close()
    return path


@pytest.fixture(params=["events.parquet", "events.db"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / "it's here" / str(request.param)


@pytest.fixture(autouse=True)
def folder(path: Path) -> None:
    path.parent.mkdir()


def test_a_file_has_a_column_for_every_field(path: Path) -> None:
    built(path, [full_event(0)])
    names = [column.name for column in TABLE]
    assert names == ["id", "received", *(field.name.replace(".", "_") for field in FIELDS)]
    quoted = ", ".join(f'"{name}"' for name in names if name not in ("time", "received"))
    (row,) = rows_of(path, f"SELECT {quoted} FROM events")
    found = dict(zip((name for name in names if name not in ("time", "received")), row, strict=True))
    assert {name: value for name, value in found.items() if value is not None} == {
        "id": f"{'5' * 32}-1-0", "actor_type": "user", "actor_id": "u-1", "actor_email": "alice@company.com",
        "action": "create", "resource_type": "database", "resource_id": "db-1", "resource_name": "sales_db",
        "outcome": "success", "duration_ms": 1.5, "measures": '{"rows": 3}', "source_ip": "192.168.1.100",
        "changes": json.dumps([{"field": "plan", "old": "a", "new": None}]), "details": found["details"],
        "message": HOSTILE, "flags": '["unparsed"]', "origin_host": "web1", "origin_file": "/var/log/a.log",
        "origin_offset": 7,
    }  # fmt: skip
    assert json.loads(found["details"]) == {HOSTILE: [HOSTILE, {"n": 12345678901234567890123}]}


def test_pages_lie_one_after_the_other(path: Path) -> None:
    built(path, [an_event(n) for n in range(1000)], [], [an_event(n) for n in range(1000, 1500)])
    assert rows_of(path, "SELECT count(*), count(DISTINCT id) FROM events") == [(1500, 1500)]
    assert rows_of(path, "SELECT id, action FROM events")[1200][0] == f"{'5' * 32}-1-1200"


def test_a_file_without_events_has_the_table_all_the_same(path: Path) -> None:
    assert rows_of(built(path), "SELECT count(*) FROM events") == [(0,)]


def test_times_of_every_century_keep_their_order_and_their_microseconds(path: Path) -> None:
    times = ["1970-01-01T00:00:00.000001Z", "2024-06-12T14:30:22.123456Z", "2100-12-31T23:59:59.999999Z"]
    built(path, [an_event(n, time=time) for n, time in enumerate(reversed(times))])
    if path.suffix == ".parquet":
        found = rows_of(path, "SELECT epoch_us(time) FROM events ORDER BY time")
        assert [us % 1_000_000 for (us,) in found] == [1, 123456, 999999]
        assert found[0] == (1,)
    else:
        assert rows_of(path, "SELECT time FROM events ORDER BY time") == [(time,) for time in times]


def test_numbers_that_no_column_holds_are_left_out_and_not_changed(path: Path) -> None:
    built(path, [an_event(0, origin={"offset": 2**70}, duration_ms=2**70)])
    assert rows_of(path, "SELECT origin_offset, duration_ms FROM events") == [(None, 2.0**70)]


def test_a_large_event_fits(path: Path) -> None:
    built(path, [an_event(0, raw="\x01" * 1_000_000)])
    assert rows_of(path, "SELECT length(raw) FROM events") == [(1_000_000,)]


def test_nothing_lies_beside_a_file_that_is_whole(path: Path) -> None:
    built(path, [full_event(0)])
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_an_export_never_overwrites_a_database(tmp_path: Path) -> None:
    built(tmp_path / "events.db", [an_event()])
    with pytest.raises(FileExistsError):
        SqliteFile(tmp_path / "events.db")


def test_sqlite_has_indexes_for_what_people_look_for(tmp_path: Path) -> None:
    built(tmp_path / "events.db", [an_event()])
    (plan,) = rows_of(tmp_path / "events.db", "EXPLAIN QUERY PLAN SELECT * FROM events WHERE actor_id = 'a'")
    assert "USING INDEX" in plan[3]
