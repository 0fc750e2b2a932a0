"""The journal through the real journalctl, on real journal files."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.listen import JournalSettings
from agent.listen.journal import Journal, journal_argv
from agent.listen.journal_entries import Position, decode_position, encode_position, read_entry, same_entry
from tests.agent.listen.arrivals import Taker, taking
from tests.agent.profile.shipped import DEFINITIONS, compiled, events
from tests.journal_files import JournalFiles
from watchbook.units import Bytes


@pytest.fixture
def files(tmp_path: Path) -> Iterator[JournalFiles]:
    made = JournalFiles(tmp_path / "journal")
    yield made
    made.close()


@asynccontextmanager
async def following(
    files: JournalFiles, mark: bytes | None = None, **settings: Any
) -> AsyncIterator[tuple[Journal, Taker]]:
    async with taking() as taker:
        chosen = JournalSettings(**{"directory": files.folder, "since": "all", **settings})
        journal = Journal("journal", chosen, taker.inlet, mark)
        task = asyncio.ensure_future(journal.run())
        yield journal, taker
        journal.stop()
        async with asyncio.timeout(20):
            await task


def messages(taker: Taker) -> list[Any]:
    return [json.loads(line).get("MESSAGE") for line in taker.lines]


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.02)


async def write(files: JournalFiles, *texts: Any, **fields: Any) -> None:
    await asyncio.to_thread(files.write, *texts, **fields)


async def settled(journal: Journal) -> None:
    """Wait until what is there has been read and the following has begun."""
    await until(lambda: journal._expected is None or not journal._must_come)


async def test_entries_of_all_boots_are_read_and_then_followed(files: JournalFiles) -> None:
    await write(files, "old 1", "old 2")
    files.boot = "b"
    await write(files, "new 1")
    async with following(files) as (journal, taker):
        await taker.until(3)
        await write(files, "new 2")
        await taker.until(4)
        await write(files, "new 3", "new 4")
        await taker.until(6)
        files.boot = "c"
        await write(files, "next")
        await taker.until(7)
        assert messages(taker) == ["old 1", "old 2", "new 1", "new 2", "new 3", "new 4", "next"]
        assert "__CURSOR" not in taker.lines[0].decode()
        assert "gap" not in journal.state


@pytest.mark.parametrize("filters", [{}, {"units": ("app.service",)}, {"matches": ("_SYSTEMD_UNIT=app.service",)}])
async def test_a_restart_goes_on_after_the_last_entry_that_was_stored(files: JournalFiles, filters: Any) -> None:
    await write(files, "a", "b")
    found: list[Any] = []
    mark = None
    for number in range(4):
        async with following(files, mark, **filters) as (journal, taker):
            await taker.until(2 if not number else 3)
            found += messages(taker)
            mark = taker.mark
            assert "gap" not in journal.state
        await write(files, "noise", _SYSTEMD_UNIT="other.service") if filters else None
        await write(files, *(f"{number}.{each}" for each in range(3)))
    assert found == ["a", "b", *(f"{number}.{each}" for number in range(3) for each in range(3))]


async def test_a_unit_that_was_silent_since_the_last_boot_is_not_missed_when_it_speaks(files: JournalFiles) -> None:
    await write(files, "before")
    async with following(files, units=("app.service",)) as (_, taker):
        await taker.until(1)
        mark = taker.mark
    files.boot = "b"
    await write(files, "noise", _SYSTEMD_UNIT="other.service")
    async with following(files, mark, units=("app.service",)) as (journal, taker):
        await settled(journal)
        await write(files, "first", "second")
        await taker.until(2)
        assert messages(taker) == ["first", "second"]
        assert "gap" not in journal.state


async def test_what_was_rotated_away_is_said_and_reading_goes_on_at_the_oldest(files: JournalFiles) -> None:
    await write(files, "a", "b")
    async with following(files) as (_, taker):
        await taker.until(2)
        mark = taker.mark
    await write(files, "never read")
    files.rotate_away()
    await write(files, "c", "d")
    async with following(files, mark) as (journal, taker):
        await taker.until(2)
        assert messages(taker) == ["c", "d"]
        assert "rotated past" in journal.state["gap"]
        assert taker.inlet.counters["journal", "gaps"] == 1


async def test_a_position_that_journalctl_does_not_take_is_said_and_everything_is_read(files: JournalFiles) -> None:
    await write(files, "a")
    mark = encode_position(Position("nonsense", ()))
    async with following(files, mark) as (journal, taker):
        await taker.until(1)
        assert "does not take the cursor" in journal.state["gap"]
        assert messages(taker) == ["a"]


async def test_since_now_leaves_out_what_is_there_and_nothing_that_comes_later(files: JournalFiles) -> None:
    await write(files, "old")
    async with following(files, since="now", units=("app.service",)) as (_, taker):
        await until(lambda: taker.mark is not None)
        mark = taker.mark
        assert taker.lines == []
    await write(files, "while it was down")
    async with following(files, mark, since="now", units=("app.service",)) as (journal, taker):
        await taker.until(1)
        assert messages(taker) == ["while it was down"]
        assert "gap" not in journal.state


async def test_only_what_is_asked_for_is_read(files: JournalFiles) -> None:
    await write(files, "info", PRIORITY="6", SYSLOG_IDENTIFIER="one")
    await write(files, "error", PRIORITY="3", SYSLOG_IDENTIFIER="two", COLOUR="red")
    for settings, expected in (
        ({"priority": "warning"}, ["error"]),
        ({"identifiers": ("one",)}, ["info"]),
        ({"matches": ("COLOUR=red", "+", "SYSLOG_IDENTIFIER=one")}, ["info", "error"]),
        ({"matches": ("COLOUR=red",)}, ["error"]),
    ):
        async with following(files, **settings) as (_, taker):
            await taker.until(len(expected))
            assert messages(taker) == expected
            assert "COLOUR" not in taker.lines[0].decode()
    async with following(files, fields=()) as (_, taker):
        await taker.until(2)
        assert json.loads(taker.lines[1])["COLOUR"] == "red"


async def test_bytes_lists_and_large_fields_are_texts(files: JournalFiles) -> None:
    await write(files, b"bin\x00\xff\nary", "x" * 70_000, ["first", "second"])
    await write(files, "tags", COLOUR=["red", b"\x01\xfe"])
    async with following(files, fields=()) as (_, taker):
        await taker.until(4)
        assert messages(taker)[0] == "bin\x00\N{REPLACEMENT CHARACTER}\nary"
        assert messages(taker)[1] == "x" * 70_000
        assert sorted(messages(taker)[2].split("\n")) == ["first", "second"]
        assert sorted(json.loads(taker.lines[3])["COLOUR"]) == ["\x01\N{REPLACEMENT CHARACTER}", "red"]
    profile = compiled(DEFINITIONS["journal"])
    assert [event["resource.id"] for event in events(profile, taker.lines)] == ["app.service"] * 4


async def test_an_entry_that_is_too_long_is_cut_and_reading_goes_on_after_it(files: JournalFiles) -> None:
    await write(files, "a", "x" * 5000, "b")
    async with following(files, max_line_bytes=Bytes(2000)) as (_, taker):
        await taker.until(3)
        assert [len(line) == 2000 for line in taker.lines] == [False, True, False]
        assert sum(len(arrival.chunk.truncated) for arrival in taker.arrivals) == 1
        mark = taker.mark
    await write(files, "c")
    async with following(files, mark) as (_, taker):
        await taker.until(1)
        assert messages(taker) == ["c"]


async def test_lines_of_syslog_are_understood_by_the_profiles_of_syslog(files: JournalFiles) -> None:
    text = "Failed password for root from 203.0.113.7 port 4711 ssh2"
    await write(files, text, "two\nlines", SYSLOG_IDENTIFIER="sshd", _PID="42", _HOSTNAME="web01")
    async with following(files, lines="syslog") as (_, taker):
        await taker.until(2)
    failed, other = events(compiled(DEFINITIONS["sshd"]), taker.lines)
    assert (failed["actor.id"], failed["source.ip"], failed["outcome"]) == ("root", "203.0.113.7", "failure")
    assert failed["time"] == 1_795_252_100_000_000
    assert other["message"] == "two\nlines"


async def test_a_host_without_journalctl_is_told_so(files: JournalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    async with following(files) as (journal, taker):
        await until(lambda: "error" in journal.state)
        assert journal.state["error"] == "journalctl is not there; this input needs systemd's"
        assert taker.inlet.counters["journal", "failures"] >= 1


async def test_a_folder_that_is_not_there_is_said_and_read_when_it_is(files: JournalFiles) -> None:
    files.folder.rmdir()
    async with following(files) as (journal, taker):
        await until(lambda: "error" in journal.state)
        assert "No such file or directory" in journal.state["error"]
        files.folder.mkdir()
        await write(files, "there")
        await taker.until(1)
        await until(lambda: "error" not in journal.state)


async def test_an_empty_folder_is_followed(files: JournalFiles) -> None:
    async with following(files) as (_, taker):
        await write(files, "first")
        await taker.until(1)


async def test_a_journalctl_that_is_killed_is_started_again_where_it_was(files: JournalFiles) -> None:
    await write(files, "a")
    async with following(files) as (journal, taker):
        await taker.until(1)
        await settled(journal)
        await until(lambda: journal.state["pid"])
        os.kill(journal.state["pid"], 9)
        await write(files, "b")
        await taker.until(2)
        assert messages(taker) == ["a", "b"]


def test_cursors_name_the_same_entry_in_whatever_file_it_is() -> None:
    one = "s=4b80;i=1;b=bb;m=3e8;t=660c;x=5764"
    assert same_entry(one, "s=9999;i=7f;b=bb;m=3e8;t=660c;x=5764")
    assert not same_entry(one, "s=4b80;i=1;b=bb;m=3e9;t=660c;x=5764")
    assert not same_entry(None, one)
    assert decode_position(encode_position(Position(one, ("--unit=a",)))) == Position(one, ("--unit=a",))
    assert decode_position(None) is None


def test_what_is_no_entry_is_left_as_it_is() -> None:
    for line in (b"-- No entries --", b"", b"[" * 100_000, b'{"MESSAGE":"cut'):
        assert read_entry(line, "json") == (line, None)
        assert read_entry(line, "syslog") == (line, None)


def test_the_first_start_reads_what_was_asked_for_and_later_ones_go_on() -> None:
    boot = JournalSettings()
    assert "--boot" in journal_argv(boot, None, follow=False)
    later = journal_argv(boot, Position("s=1", ()), follow=True)
    assert "--boot" not in later
    assert {"--cursor=s=1", "--follow", "--no-tail", "--boot=all"} <= set(later)
    assert "--boot" not in journal_argv(JournalSettings(since="all"), None, follow=False)
