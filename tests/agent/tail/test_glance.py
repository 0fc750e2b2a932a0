"""A glance tells that something in the folders is otherwise, and that nothing is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.tail.glance import glance


def at(folder: Path, *patterns: str) -> int | None:
    return glance({str(folder)}, patterns or (f"{folder}/*.log",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "app.log").write_text("one\n")
    (logs / "other.log").write_text("two\n")
    return logs


def test_where_nothing_happens_a_glance_is_the_same(folder: Path) -> None:
    assert at(folder) is not None
    assert at(folder) == at(folder)


def _grow(folder: Path) -> None:
    with (folder / "app.log").open("a") as file:
        file.write("more\n")


def _swap(folder: Path) -> None:
    (folder / "app.log").rename(folder / "third")
    (folder / "other.log").rename(folder / "app.log")
    (folder / "third").rename(folder / "other.log")


def _rewrite(folder: Path) -> None:
    (folder / "app.log").write_text("ONE\n")
    os.utime(folder / "app.log", ns=(1, 1))


@pytest.mark.parametrize(
    "change",
    [
        _grow,
        _swap,
        _rewrite,
        lambda folder: (folder / "app.log").rename(folder / "app.log.1"),
        lambda folder: (folder / "app.log").unlink(),
        lambda folder: (folder / "new.log").touch(),
        lambda folder: os.truncate(folder / "app.log", 0),
        lambda folder: (folder / "link.log").symlink_to("nowhere"),
    ],
)
def test_whatever_happens_to_a_file_shows(folder: Path, change: Callable[[Path], None]) -> None:
    before = at(folder)
    change(folder)
    assert at(folder) not in (before, None)


def test_a_link_that_leads_nowhere_hides_nothing(folder: Path) -> None:
    (folder / "link.log").symlink_to(folder / "later")
    before = at(folder)
    assert before is not None
    assert before == at(folder)
    _grow(folder)
    after = at(folder)
    assert after != before
    (folder / "later").write_text("here\n")
    assert at(folder) != after


def test_a_folder_that_comes_shows(tmp_path: Path) -> None:
    before = at(tmp_path / "later")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "app.log").touch()
    assert at(tmp_path / "later") != before


def test_a_file_in_a_folder_that_only_a_pattern_names_shows(tmp_path: Path) -> None:
    pattern = f"{tmp_path}/*/app.log"
    (tmp_path / "one").mkdir()
    before = at(tmp_path, pattern)
    (tmp_path / "one" / "app.log").touch()
    assert at(tmp_path, pattern) != before
