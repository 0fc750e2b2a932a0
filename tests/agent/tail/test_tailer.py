"""The tailer on single happenings that the model does not have."""

import os
import shutil
from pathlib import Path

import pytest

from agent.tail import InputFiles, Tailer, TailSettings
from agent.tail.contents import DiskContents, UnreadableError
from agent.tail.listing import Found, look_at
from agent.tail.reconcile import Reconciler, View
from watchbook.units import Bytes, Seconds

NOW_US = 1_763_733_909_000_000


def tailer(folder: Path, pattern: str = "app.log", **values: object) -> Tailer:
    settings = TailSettings(rotated_hold=Seconds(0.0), max_line_bytes=Bytes(4096))
    read_from = values.pop("read_from", "beginning")
    files = InputFiles("app", (str(folder / pattern),), read_from)  # type: ignore[arg-type]
    return Tailer([files], settings, clock=lambda: NOW_US, since_us=2**60, **values)  # type: ignore[arg-type]


def lines(reader: Tailer) -> list[bytes]:
    reader.look()
    return [line for chunk in reader.read() for line in chunk.lines]


def test_read_from_end_passes_over_what_is_there_even_half_a_line(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"old\nhalf of an")
    reader = tailer(tmp_path, read_from="end")
    assert lines(reader) == []
    with log.open("ab") as file:
        file.write(b" old line\nnew\n")
    assert lines(reader) == [b"new"]


def test_read_from_end_reads_files_that_appear_later_from_their_beginning(tmp_path: Path) -> None:
    reader = tailer(tmp_path, "*.log", read_from="end")
    assert lines(reader) == []
    (tmp_path / "app.log").write_bytes(b"first\n")
    assert lines(reader) == [b"first"]


def test_bytes_that_were_seen_and_are_gone_are_counted(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"read\n")
    reader = tailer(tmp_path)
    assert lines(reader) == [b"read"]
    with log.open("ab") as file:
        file.write(b"seen\n")
    reader.look()
    os.truncate(log, 0)
    assert lines(reader) == []
    assert [(lost.file, lost.bytes) for lost in reader.lost] == [(str(log), 5)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_becomes_readable_is_read(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"a\n")
    log.chmod(0)
    reader = tailer(tmp_path)
    assert lines(reader) == []
    assert reader.errors == {str(log): "Permission denied"}
    log.chmod(0o600)
    assert lines(reader) == [b"a"]
    assert reader.errors == {}


def test_the_last_line_of_a_rotated_file_needs_no_newline(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"whole\nlast")
    reader = tailer(tmp_path)
    assert lines(reader) == [b"whole"]
    log.rename(tmp_path / "app.log.1")
    log.write_bytes(b"next\n")
    found = lines(reader) + lines(reader)
    assert sorted(found) == [b"last", b"next"]


def test_a_line_over_the_limit_is_cut_and_what_follows_is_read(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"a\n" + b"x" * 300_000 + b"\nb\n")
    reader = tailer(tmp_path)
    reader.look()
    chunks = list(reader.read())
    assert [line[:10] for chunk in chunks for line in chunk.lines] == [b"a", b"x" * 10, b"b"]
    assert [len(line) for chunk in chunks for line in chunk.lines] == [1, 4096, 1]
    assert sum(len(chunk.truncated) for chunk in chunks) == 1
    (track,) = reader.tracks.values()
    assert (track.offset, sum(chunk.lost for chunk in chunks)) == (300_005, 300_001 - 4096)


def test_a_date_in_the_name_is_followed_through_a_symbolic_link(tmp_path: Path) -> None:
    link = tmp_path / "current"
    for day in ("20", "21", "22"):
        (tmp_path / f"app-2026-11-{day}.log").write_bytes(f"{day}a\n".encode())
    link.symlink_to(tmp_path / "app-2026-11-20.log")
    reader = tailer(tmp_path, "current")
    found = lines(reader)
    for day in ("21", "22"):
        with (tmp_path / f"app-2026-11-{int(day) - 1}.log").open("ab") as file:
            file.write(f"{int(day) - 1}b\n".encode())
        link.unlink()
        link.symlink_to(tmp_path / f"app-2026-11-{day}.log")
        found += lines(reader)
    assert sorted(found) == [b"20a", b"20b", b"21a", b"21b", b"22a"]


def test_offsets_are_where_the_lines_begin(tmp_path: Path) -> None:
    content = b"".join(b"%d" % number * (number % 7 + 1) + b"\n" for number in range(30_000))
    (tmp_path / "app.log").write_bytes(content)
    reader = tailer(tmp_path)
    reader.look()
    for chunk in reader.read():
        for line, offset in zip(chunk.lines, chunk.offsets, strict=True):
            assert offset is not None
            assert content[offset : offset + len(line) + 1] == line + b"\n"


def test_a_new_file_that_begins_like_an_old_one_is_read(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"2026-11-21 first\n")
    reader = tailer(tmp_path)
    assert lines(reader) == [b"2026-11-21 first"]
    log.rename(tmp_path / "app.log.1")
    assert lines(reader) + lines(reader) == []
    log.write_bytes(b"2026-")
    assert lines(reader) == []
    with log.open("ab") as file:
        file.write(b"11-22 second\n")
    assert lines(reader) == [b"2026-11-22 second"]


def test_lines_read_between_the_copy_and_the_truncation_are_not_read_again(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(500)))
    reader = tailer(tmp_path)
    assert len(lines(reader)) == 500
    shutil.copyfile(log, tmp_path / "app.log.1")
    with log.open("ab") as file:
        file.write(b"between\n")
    assert lines(reader) == [b"between"]
    os.truncate(log, 0)
    assert lines(reader) + lines(reader) + lines(reader) == []
    assert reader.lost == []


def test_a_folder_that_comes_back_is_read_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = folder / "app.log"
    log.write_bytes(b"a\nhalf ")
    reader = tailer(folder)
    assert lines(reader) == [b"a"]
    folder.rename(tmp_path / "away")
    assert lines(reader) == []
    (tmp_path / "away").rename(folder)
    with log.open("ab") as file:
        file.write(b"a line\n")
    assert lines(reader) == [b"half a line"]
    assert reader.lost == []


class FailingContents(DiskContents):
    """A disk that answers EIO while ``fails``."""

    fails = False

    def read(self, found: Found, offset: int, size: int) -> bytes:
        """See :class:`agent.tail.contents.Contents`."""
        if self.fails:
            raise UnreadableError("EIO")
        return super().read(found, offset, size)


def test_a_file_that_cannot_be_looked_into_is_neither_given_up_nor_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"a\n")
    found = look_at(str(log))
    assert found is not None
    contents = FailingContents()
    files = InputFiles("app", (str(log),))
    reconciler = Reconciler([files], contents, fingerprint_bytes=1024, forget_after_us=0, since_us=0)
    view = View({str(log): found}, {str(log): "app"}, frozenset(), NOW_US)
    reconciler.reconcile(view, lambda track: None)
    (track,) = reconciler.tracks.values()
    track.offset = 2
    track.set_anchor(b"a\n")
    reconciler.distrust(track)
    contents.fails = True
    outcome = reconciler.reconcile(view, lambda track: None)
    assert (list(reconciler.tracks.values()), track.state, outcome.lost) == ([track], "live", [])


def test_a_renamed_input_goes_on_where_it_was_and_a_removed_one_is_not_read(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"a\n")
    reader = tailer(tmp_path)
    assert lines(reader) == [b"a"]
    documents = [document for document in reader.take_changes().tracks.values() if document]
    reader.close()
    log.write_bytes(b"a\nb\n")
    for files, expected in (
        (InputFiles("other", (str(tmp_path / "x"),)), []),
        (InputFiles("web", (str(log),)), [b"b"]),
    ):
        again = Tailer(
            [files], TailSettings(), clock=lambda: NOW_US, since_us=0, documents=documents, started=[str(log)]
        )
        again.look()
        chunks = list(again.read())
        assert [line for chunk in chunks for line in chunk.lines] == expected
        assert {chunk.input for chunk in chunks} <= {"web"}
        again.close()


def test_a_name_that_is_no_utf8_is_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"a\n")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.log")).write_bytes(b"b\n")
    reader = tailer(tmp_path, "*.log")
    assert lines(reader) == [b"a"]
    assert "not UTF-8" in reader.errors[str(tmp_path)]


def linked(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_day_that_a_link_led_to_while_nobody_looked_is_read_and_days_from_before_are_not(
    tmp_path: Path, elsewhere: bool
) -> None:
    folder = tmp_path / "data" if elsewhere else tmp_path
    folder.mkdir(exist_ok=True)
    link, days = tmp_path / "current.log", [folder / f"app-2026-11-{day}.log" for day in range(19, 24)]
    days[0].write_bytes(b"19a\n")
    days[1].write_bytes(b"20a\n")
    (folder / "web-2026-11-21.log").write_bytes(b"of another application\n")
    (folder / "app.log").write_bytes(b"of yet another\n")
    linked(link, days[1])
    reader = tailer(tmp_path, "current.log")
    assert lines(reader) == [b"20a"]
    changes = reader.take_changes()
    reader.close()
    days[2].write_bytes(b"21a\n")
    days[3].write_bytes(b"22a\n")
    with days[1].open("ab") as file:
        file.write(b"20b\n")
    linked(link, days[3])
    (folder / "app.log.1").write_bytes(b"of yet another, rotated\n")
    documents = [document for document in changes.tracks.values() if document]
    again = tailer(tmp_path, "current.log", documents=documents, started=changes.started)
    assert sorted(lines(again) + lines(again)) == [b"20b", b"21a", b"22a"]
    assert lines(again) == []
    assert again.lost == []


def test_an_agent_that_did_not_know_of_links_begins_with_no_old_day(tmp_path: Path) -> None:
    link, old, new = (tmp_path / name for name in ("current.log", "app-2026-11-20.log", "app-2026-11-21.log"))
    old.write_bytes(b"20a\n")
    new.write_bytes(b"21a\n")
    linked(link, new)
    reader = tailer(tmp_path, "current.log", started=[str(link)])
    assert lines(reader) == [b"21a"]
    assert lines(reader) == []


def test_a_copy_of_what_a_link_leads_to_is_not_read_again(tmp_path: Path) -> None:
    log, link = tmp_path / "0.log", tmp_path / "current.log"
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(500)))
    linked(link, log)
    reader = tailer(tmp_path, "current.log")
    assert len(lines(reader)) == 500
    with log.open("ab") as file:
        file.write(b"unread\n")
    shutil.copyfile(log, tmp_path / "0.log.20261121-101112")
    os.truncate(log, 0)
    assert lines(reader) + lines(reader) + lines(reader) == [b"unread"]
    assert reader.lost == []


def test_a_file_that_may_not_be_read_yet_is_not_said_to_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"a\n")
    reader = tailer(tmp_path)
    with monkeypatch.context() as denied:
        denied.setattr(os, "open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        assert lines(reader) + lines(reader) == []
        assert reader.errors == {str(log): "Permission denied"}
    assert lines(reader) == [b"a"]
    assert reader.lost == []


def test_only_files_that_hints_name_are_read_until_a_look_finds_others(tmp_path: Path) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_text("1\n")
    two.write_text("2\n")
    reader = tailer(tmp_path, "*.log")
    assert lines(reader) == [b"1", b"2"]
    for file in (one, two):
        with file.open("a") as log:
            log.write("more\n")
    assert [chunk.file for chunk in reader.read(set())] == []
    assert [chunk.file for chunk in reader.read({str(two)})] == [str(two)]
    reader.look()
    assert [chunk.file for chunk in reader.read(set())] == [str(one)]


def test_what_was_not_read_to_its_end_needs_no_hint(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("1\n")
    reader = tailer(tmp_path)
    assert lines(reader) == [b"1"]
    with (tmp_path / "app.log").open("a") as log:
        log.write("2\n")
    for chunk in reader.read({str(tmp_path / "app.log")}):
        assert chunk.lines == [b"2"]
        with (tmp_path / "app.log").open("a") as log:
            log.write("3\n")
        break
    assert [chunk.lines for chunk in reader.read(set())] == [[b"3"]]


def test_a_copy_that_had_to_be_waited_for_is_judged_again_though_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("1\n" * 1000)
    reader = tailer(tmp_path, "app.log")
    reader.look()
    (tmp_path / "app.log.1").write_text("1\n" * 500)  # a copy that is being made
    reader.look()
    assert len(reader.tracks) == 1
    assert lines(reader) == [b"1"] * 1000
    reader.look()
    reader.look()
    assert [track.path for track in reader.tracks.values() if track.is_read] == [str(tmp_path / "app.log")]


def test_a_hint_that_names_what_a_link_leads_to_is_understood(tmp_path: Path) -> None:
    link, log = tmp_path / "current.log", tmp_path / "app-2026-11-21.log"
    log.write_bytes(b"1\n")
    linked(link, log)
    reader = tailer(tmp_path, "current.log")
    assert lines(reader) == [b"1"]
    with log.open("ab") as file:
        file.write(b"2\n")
    assert [chunk.lines for chunk in reader.read({str(tmp_path / "other.log")})] == []
    assert [chunk.lines for chunk in reader.read({str(log)})] == [[b"2"]]
