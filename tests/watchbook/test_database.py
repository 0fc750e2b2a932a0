"""SQLite files: durable, and never one that a newer version wrote."""

import sqlite3
from pathlib import Path

import pytest

from watchbook.database import NewerDatabaseError, connect, connect_readonly


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_commit_is_on_disk_and_readers_do_not_wait(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.db", compatibility=1, page_bytes=8192)
    connection.execute("CREATE TABLE t (x)")
    assert pragma(connection, "journal_mode") == "wal"
    assert pragma(connection, "synchronous") == 2
    assert pragma(connection, "page_size") == 8192
    connection.close()


@pytest.mark.parametrize("open_it", [connect, connect_readonly])
def test_a_file_of_a_newer_version_is_refused_and_left_as_it_was(open_it: object, tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=7")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerDatabaseError, match=r"newer\.db: written by a newer Watchbook \(format 7, .* knows 6\)"):
        open_it(path, compatibility=6)  # type: ignore[operator]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("found", [0, 5, 6])
def test_a_file_of_this_version_or_an_older_one_is_opened(found: int, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute(f"PRAGMA user_version={found}")
    connection.close()
    connect(tmp_path / "a.db", compatibility=6).close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    connect(tmp_path / "a.db", compatibility=1).close()
    reader = connect_readonly(tmp_path / "a.db", compatibility=1)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("CREATE TABLE t (x)")
    reader.close()


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect_readonly(tmp_path / "missing.db", compatibility=1)
    assert not list(tmp_path.iterdir())


def test_a_name_with_url_characters_is_opened_readonly(tmp_path: Path) -> None:
    path = tmp_path / "odd #1?%20.db"
    connect(path, compatibility=1).close()
    connect_readonly(path, compatibility=1).close()
    assert path.exists()


def test_what_is_no_database_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect(path, compatibility=1)
    assert path.read_text().startswith("not a database")
