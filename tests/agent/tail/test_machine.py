"""The tailer against a model: whatever happens to the files and however often the agent dies, every line comes once."""

import bz2
import gzip
import lzma
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import zstandard
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.tail import InputFiles, MultilineSettings, Tailer, TailSettings
from watchbook.units import Bytes, Seconds

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.ZstdCompressor().compress,
}  # fmt: skip
SETTINGS = TailSettings(chunk_bytes=Bytes(256), rotated_hold=Seconds(0.0), max_line_bytes=Bytes(4096))


class TailerModel(RuleBasedStateMachine):
    """Appends, reads, dies and comes back, in any order; what was written is compared with what was read."""

    pattern = "app.log"
    multiline: MultilineSettings | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.log = self.folder / "app.log"
        self.written: list[bytes] = []
        self.number = 0
        self.delivered: list[bytes] = []
        self.uncommitted: list[bytes] = []
        self.ways: set[str] = set()
        self.packed = False
        self.documents: dict[int, bytes] = {}
        self.started: list[str] = []
        self._prepare()
        self.tailer = self._start()
        self.tailer.look()
        self._commit()

    def _prepare(self) -> None:
        self.log.write_bytes(b"")
        (self.folder / "app.log.9").write_bytes(b"from long before\n" * 20)

    def _start(self) -> Tailer:
        files = InputFiles("app", (str(self.folder / self.pattern),), "beginning", multiline=self.multiline)
        return Tailer(
            [files],
            SETTINGS,
            clock=lambda: 0,
            since_us=2**60,
            documents=list(self.documents.values()),
            started=self.started,
        )

    def _commit(self) -> None:
        changes = self.tailer.take_changes()
        for identifier, document in changes.tracks.items():
            if document is None:
                self.documents.pop(identifier, None)
            else:
                self.documents[identifier] = document
        self.started = changes.started
        self.delivered += [line for record in self.uncommitted for line in record.split(b"\n")]
        self.uncommitted = []

    def _line(self, size: int) -> bytes:
        self.number += 1
        line = b"%06d " % self.number + b"x" * size
        self.written.append(line)
        return line

    @rule(count=st.integers(1, 12), size=st.integers(0, 120))
    def append(self, count: int, size: int) -> None:
        with self.log.open("ab") as file:
            for _ in range(count):
                file.write(self._line(size) + b"\n")

    @rule(first=st.integers(1, 30), looks=st.booleans())
    def append_in_two_pieces_with_a_read_between(self, first: int, looks: bool) -> None:
        line = self._line(50)
        with self.log.open("ab", buffering=0) as file:
            file.write(line[:first])
            if looks:
                self.tailer.look()
            self.read(2)
            file.write(line[first:] + b"\n")

    @rule()
    def look(self) -> None:
        self.tailer.look()

    @rule(chunks=st.integers(1, 6))
    def read(self, chunks: int) -> None:
        for chunk in self.tailer.read():
            self.uncommitted += chunk.lines
            chunks -= 1
            if not chunks:
                break
        self._commit()

    @rule(chunks=st.integers(0, 6))
    def die_with_lines_in_hand(self, chunks: int) -> None:
        for chunk in self.tailer.read():
            if not chunks:
                break
            self.uncommitted += chunk.lines
            chunks -= 1
        self.uncommitted = []
        self.tailer.close()
        self.tailer = self._start()

    def _read_all(self) -> None:
        for _ in range(3):
            self.tailer.look()
            for chunk in self.tailer.read():
                self.uncommitted += chunk.lines
            self._commit()

    @invariant()
    def nothing_comes_twice(self) -> None:
        assert len(self.delivered) == len(set(self.delivered))
        assert not self.tailer.lost

    def teardown(self) -> None:
        try:
            for _ in range(30):
                self.tailer.look()
                for chunk in self.tailer.read():
                    self.uncommitted += chunk.lines
                self._commit()
            assert sorted(self.delivered) == sorted(self.written)
        finally:
            self.tailer.close()
            shutil.rmtree(self.folder)


class TailerMachine(TailerModel):
    """Rotates in both ways, compresses what was rotated, truncates and deletes what was read."""

    def _may_rotate(self, way: str) -> bool:
        """Whether to rotate in a way: a log whose old files are compressed is rotated in one way only."""
        if self.packed and self.ways != {way}:
            return False
        self.ways.add(way)
        return True

    def _shift(self) -> None:
        for number in range(8, 0, -1):
            for suffix in ("", *PACKERS):
                old = self.folder / f"app.log.{number}{suffix}"
                if old.exists():
                    old.rename(self.folder / f"app.log.{number + 1}{suffix}")

    @rule(number=st.integers(1, 8), suffix=st.sampled_from(sorted(PACKERS)), looks=st.booleans())
    def compress(self, number: int, suffix: str, looks: bool) -> None:
        """As logrotate does: written beside the file, which goes when the other is whole."""
        plain = self.folder / f"app.log.{number}"
        packed_already = any((self.folder / f"app.log.{number}{each}").exists() for each in PACKERS)
        if len(self.ways) > 1 or not plain.exists() or packed_already:
            return
        self.packed = True
        packed = self.folder / f"app.log.{number}{suffix}"
        content = PACKERS[suffix](plain.read_bytes())
        packed.write_bytes(content[: len(content) // 2])
        if looks:
            self.tailer.look()
            self.read(1)
        packed.write_bytes(content)
        if looks:
            self.tailer.look()
        plain.unlink()

    @precondition(lambda self: not list(self.folder.glob("app.log.8*")))
    @rule(recreate=st.booleans())
    def rotate_by_rename(self, recreate: bool) -> None:
        if not self.log.exists() or not self._may_rotate("rename"):
            return
        self._shift()
        self.log.rename(self.folder / "app.log.1")
        if recreate:
            self.log.write_bytes(b"")

    @precondition(lambda self: not list(self.folder.glob("app.log.8*")))
    @rule(look_between=st.booleans())
    def rotate_by_copytruncate(self, look_between: bool) -> None:
        if not self.log.exists() or not self.log.stat().st_size or not self._may_rotate("copytruncate"):
            return
        self._shift()
        shutil.copyfile(self.log, self.folder / "app.log.1")
        if look_between:
            self.tailer.look()
            self.read(1)
        os.truncate(self.log, 0)

    @rule(dies=st.booleans(), lines=st.integers(0, 30))
    def truncate(self, dies: bool, lines: int) -> None:
        """Without a copy, so everything must have been read; it may grow past the position before anybody looks."""
        if not self.log.exists():
            return
        self._read_all()
        os.truncate(self.log, 0)
        if lines:
            self.append(lines, 40)
        if dies:
            self.die_with_lines_in_hand(0)

    @rule(recreate=st.booleans(), dies=st.booleans())
    def delete(self, recreate: bool, dies: bool) -> None:
        """After it was read; a file that is made anew may get the same inode number."""
        if not self.log.exists() or (self.pattern != "app.log" and not recreate):
            return
        self._read_all()
        if dies:
            self.die_with_lines_in_hand(0)
        self.log.unlink()
        if recreate:
            self.append(3, 40)

    @rule()
    def delete_the_oldest(self) -> None:
        """As logrotate does with what is old enough; here when it has been read."""
        numbered = [path for path in self.folder.glob("app.log.*") if ".9" not in path.name]
        if numbered:
            self._read_all()
            max(numbered, key=lambda path: int(path.name.split(".")[2])).unlink()


class MachineWithALinkThatMoves(TailerModel):
    """``current.log`` leads to a file a day; the days before may still get lines."""

    pattern = "current.log"

    def __init__(self) -> None:
        self.day = 0
        super().__init__()

    def _prepare(self) -> None:
        (self.folder / "app-2026-10-01.log").write_bytes(b"from long before\n" * 20)
        self.log = self.folder / "current.log"
        self._day(0).write_bytes(b"")
        self.log.symlink_to(self._day(0))

    def _day(self, number: int) -> Path:
        return self.folder / f"app-2026-{11 + number // 28}-{1 + number % 28:02}.log"

    @precondition(lambda self: self.day < 27)
    @rule(is_there=st.booleans())
    def move_the_link(self, is_there: bool) -> None:
        self.day += 1
        if is_there:
            self._day(self.day).write_bytes(b"")
        self.log.unlink()
        self.log.symlink_to(self._day(self.day))

    @rule(back=st.integers(1, 3), count=st.integers(1, 5))
    def append_to_an_older_day(self, back: int, count: int) -> None:
        if back <= self.day:
            with self._day(self.day - back).open("ab") as file:
                for _ in range(count):
                    file.write(self._line(30) + b"\n")


class MachineWithAGlobThatMatchesRotatedNames(TailerMachine):
    """The glob of the input also matches ``app.log.1``; the file from before the start is then wanted too."""

    pattern = "app.log*"

    def __init__(self) -> None:
        super().__init__()
        self.old = [b"from long before"] * 20

    @invariant()
    def nothing_comes_twice(self) -> None:
        new = [line for line in self.delivered if line not in self.old[:1]]
        assert len(new) == len(set(new))

    def teardown(self) -> None:
        self.written += self.old
        super().teardown()


class MachineWithRecords(TailerMachine):
    """Ten lines in a row make a record, wherever reads, rotations and restarts fall between them."""

    multiline = MultilineSettings(join="^([0-9]{5})", end="^[0-9]{5}9", timeout=Seconds(0.0))


TestTailer = TailerMachine.TestCase
TestTailer.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestTailerWithGlob = MachineWithAGlobThatMatchesRotatedNames.TestCase
TestTailerWithGlob.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestTailerWithLink = MachineWithALinkThatMoves.TestCase
TestTailerWithLink.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestTailerWithRecords = MachineWithRecords.TestCase
TestTailerWithRecords.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
