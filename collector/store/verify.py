"""Looks over a folder of segments, offline, with nothing but the folder and the store's public key.

What is held against what: hot blocks against the hash chain; sealed and archived files against the ledger; the ledger
against its signed checkpoint; the numbers of all segments, and the ends of their chains, against each other, so that no
segment can be missing in between; the end of the newest chain against the signed head checkpoint, so that no tail can
be missing.  Indexes and everything else that is derived is not looked at, nor what lies in free pages of a file.

What this cannot see: a folder that was put back as a whole to an earlier state, with the checkpoints of then.  A
checkpoint that was kept elsewhere shows that (``kept``).
"""

import fcntl
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from collector.store.checkpoint import HEAD_FILE, KEY_FILE, LEDGER_FILE, name_of_store
from collector.store.connections import open_segment
from collector.store.findings import Finding, Report, SegmentReport
from collector.store.hot_file import is_settled
from collector.store.layout import Form, forms_in, order_of, path_of
from collector.store.ledger import Entry
from collector.store.replacing import new_path, sha256_of
from collector.store.signing import KeyUnusableError, VerifierKey
from collector.store.verify_hot import HotCheck
from collector.store.verify_ledger import Tale, check_ledger
from collector.store.verify_row import Link, Row, hash_of
from collector.store.verify_sealed import SealedCheck
from watchbook.clock import TIME_MAX_US, TIME_MIN_US

_BYTES_MAX: Final = 1 << 30
#: A folder that is written while it is looked at is looked at again, so often.
_LOOKS: Final = 3

Progress = Callable[[int, int], None]


class Selection(NamedTuple):
    """Which segments' content is looked at; what holds them together is always.  Times are microseconds."""

    segment: str | None = None
    time_from: int = TIME_MIN_US
    time_to: int = TIME_MAX_US + 1


WHOLE: Final = Selection()


def verify_folder(
    folder: Path,
    key: VerifierKey | None = None,
    *,
    kept: Sequence[bytes] = (),
    selection: Selection = WHOLE,
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Look over a folder of segments; return what was found.

    ``key`` is the public key of the store as it was kept elsewhere; without it the one in the folder is believed.
    ``kept`` are signed checkpoints, over the ledger or the chain, that left the host earlier.  Raises KeyUnusableError
    without a key, FileNotFoundError without a folder, and NewerDatabaseError.
    """
    for left in reversed(range(_LOOKS)):
        before = _signed(folder)
        try:
            report = _Look(folder, key, selection, progress).run(kept)
        except FileNotFoundError:  # sealed or removed since the folder was listed
            if not left or not _is_in_use(folder):
                raise
            continue
        if report.is_intact or _signed(folder) == before or not _is_in_use(folder):
            break
    return report


def key_of_folder(folder: Path) -> VerifierKey:
    """Return the public key that lies in a folder of segments; raises KeyUnusableError."""
    path = folder / KEY_FILE
    try:
        return VerifierKey.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise KeyUnusableError(f"{path} is missing: give the store's public key with --key") from error
    except UnicodeDecodeError as error:
        raise KeyUnusableError(f"{path} is no text: give the store's public key with --key") from error


def _signed(folder: Path) -> list[bytes]:
    return [path.read_bytes() for name in (LEDGER_FILE, HEAD_FILE) if (path := folder / name).exists()]


def _is_in_use(folder: Path) -> bool:
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


class _Look:
    """One look at the folder."""

    def __init__(self, folder: Path, key: VerifierKey | None, selection: Selection, progress: Progress) -> None:
        self._folder = folder
        self._key = key or key_of_folder(folder)
        self._selection = selection
        self._progress = progress
        self._done = 0
        self._total = 0
        self._numbers: set[int] = set()
        self.report = Report(str(self._key), key is None)
        self._found: Callable[[Finding], None] = self.report.findings.append

    def run(self, kept: Sequence[bytes]) -> Report:
        # The head first: what comes after it may be in the files, but never the other way round.
        row = Row(self._folder, self._key, kept, self._found)
        self._numbers = row.numbers
        tale = check_ledger(self._folder, self._key, self._found)
        self.report.entries = len(tale.roots) - 1
        there = {form.name: form for form in forms_in(self._folder)}
        self._total = self._events_to_check(there, tale)
        names = sorted({*there, *tale.latest}, key=order_of)
        row.links = [link for name in names if (link := self._segment(name, there.get(name), tale)) is not None]
        row.check(tale)
        self.report.last_number = row.last_number
        self.report.covered_to = min(row.covered_to, row.last_number)
        return self.report

    def _segment(self, name: str, form: Form | None, tale: Tale) -> Link | None:
        entry, latest = tale.sealed.get(name), tale.latest.get(name)
        if form is not None and form.tier == "hot" and latest is None:
            return self._hot(name)
        if latest is None or entry is None:
            self._say(
                "unsigned",
                path_of(self._folder, name, form.tier).name if form else name,
                "no entry of the ledger tells of its sealing",
            )
            return None
        link = Link(
            name, entry["first_number"], entry["first_number"] + entry["numbers"],
            hash_of(entry["chain_start"]), hash_of(entry["chain_end"]),
        )  # fmt: skip
        self._finished(name, form, entry, latest, link)
        return link

    def _finished(self, name: str, form: Form | None, entry: Entry, latest: Entry, link: Link) -> None:
        """Hold what is there of a finished segment against what the ledger says became of it."""
        # An archived segment stays one when it is written again.
        finished = "archived" if "sha256" in latest else "sealed"
        expected = None if latest["type"] == "removed" else finished
        numbers = (link.first_number, link.next_number - 1)
        if expected is None:
            if form is not None:
                self._say(
                    "moved",
                    path_of(self._folder, name, form.tier).name,
                    "the ledger says that it was removed, yet it is there",
                    *numbers,
                )
        elif form is None or form.tier != expected:
            self._missing(name, expected, numbers, entry)
        elif self._is_selected(name, entry["tmin"], entry["tmax"]):
            self._content(name, expected, entry, latest)
        else:
            self.report.segments.append(
                SegmentReport(name, expected, latest.get("left", entry["events"]), 0, checked=False)
            )

    def _missing(self, name: str, tier: str, numbers: tuple[int, int], entry: Entry) -> None:
        path = path_of(self._folder, name, tier)  # type: ignore[arg-type]
        if new_path(path).exists():
            self._say("unfinished", path.name, "a crash cut its making off; start the collector once", *numbers)
        else:
            self._found(
                Finding(
                    "vanished",
                    path.name,
                    "the whole segment is gone, and the ledger says nothing of it",
                    *numbers,
                    tmin=entry["tmin"],
                    tmax=entry["tmax"],
                )
            )

    def _content(self, name: str, tier: str, entry: Entry, latest: Entry) -> None:
        path = path_of(self._folder, name, tier)  # type: ignore[arg-type]
        if tier == "archived":
            report = SegmentReport(name, tier, latest.get("left", latest["events"]))
            if sha256_of(path) == latest["sha256"]:
                report.intact = report.events
            else:
                self._say(
                    "changed",
                    path.name,
                    "it is not the file that the ledger tells of",
                    entry["first_number"],
                    entry["first_number"] + entry["numbers"] - 1,
                )
            self.report.segments.append(report)
            self._advance(report.events)
            return
        try:
            with closing(open_segment(path, immutable=True)) as connection:
                check = SealedCheck(connection, name, self._found)
                self.report.segments.append(check.report)
                before = len(self.report.findings)
                check.run(entry, latest, _BYTES_MAX, self._advance)
        except sqlite3.DatabaseError as error:
            self._say("unreadable", path.name, f"it cannot be read: {error}")
            return
        if len(self.report.findings) == before and "file" in latest and sha256_of(path) != latest["file"]:
            text = "every event in it is as it was sealed, yet the file is not: it was changed where nothing lies"
            self._say("changed", path.name, text)

    def _hot(self, name: str) -> Link | None:
        path = path_of(self._folder, name, "hot")
        try:
            with closing(open_segment(path, immutable=is_settled(path))) as connection:
                if connection.execute("PRAGMA user_version").fetchone() == (0,):
                    return None  # its making was cut off before anything was in it, or is under way
                check = HotCheck(connection, name, self._found)
                # All of it: the times by which to choose are in the rows themselves, which may be what was changed.
                chain = check.run(self._numbers, _BYTES_MAX, self._advance)
        except (sqlite3.DatabaseError, KeyError, TypeError) as error:
            self._say("unreadable", path.name, f"it cannot be read: {error}")
            return None
        self.report.segments.append(check.report)
        meta = chain.meta
        if name_of_store(meta.store) != self._key.name:
            self._say(
                "changed", path.name, f"it says that it is of the store {meta.store}, the key is of {self._key.name}"
            )
        return Link(
            name, meta.first_number, chain.next_number, meta.chain_start, chain.chain_end, chain.ends, chain.received
        )

    def _events_to_check(self, there: dict[str, Form], tale: Tale) -> int:
        total = 0
        for name, form in there.items():
            entry = tale.sealed.get(name)
            if entry is not None:
                total += int(entry["events"]) if self._is_selected(name, entry["tmin"], entry["tmax"]) else 0
            elif form.tier == "hot":
                total += _rows_of(path_of(self._folder, name, "hot"))
        return total

    def _is_selected(self, name: str, tmin: int, tmax: int) -> bool:
        wanted = self._selection
        return wanted.segment in (None, name) and tmax >= wanted.time_from and tmin < wanted.time_to

    def _advance(self, events: int) -> None:
        self._done += events
        self._progress(self._done, max(self._done, self._total))

    def _say(self, kind: str, place: str, text: str, first: int | None = None, last: int | None = None) -> None:
        self._found(Finding(kind, place, text, first, last))  # type: ignore[arg-type]


def _rows_of(path: Path) -> int:
    try:
        with closing(open_segment(path, immutable=is_settled(path))) as connection:
            return int(connection.execute("SELECT coalesce(sum(n), 0) FROM block").fetchone()[0])
    except (sqlite3.DatabaseError, KeyError):
        return 0
