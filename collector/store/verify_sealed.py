"""Looks over a sealed segment: every block and part against its leaf, the leaves against the root in the ledger."""

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from collector.store import sealed
from collector.store.findings import Finding, Kind, SegmentReport
from collector.store.ledger import Entry
from collector.store.merkle import Tree
from collector.store.packing import PackedError
from collector.store.sealed import PARTS, Arrivals, SealedMeta, Stored
from watchbook.wire import WireError

#: What the ledger's entry and the file itself both say.
_SAID_TWICE = ("first_number", "numbers", "received", "chain_start", "chain_end")


class SealedCheck:
    """The look over one segment."""

    def __init__(self, connection: sqlite3.Connection, name: str, found: Callable[[Finding], None]) -> None:
        self._connection = connection
        self._place = f"{name}.sealed.blk"
        self._found = found
        self._tree = Tree()
        self._span: list[int] = []
        self._damaged = False
        self.report = SegmentReport(name, "sealed", 0)

    def run(self, sealed_entry: Entry, latest: Entry, bytes_max: int, progress: Callable[[int], None]) -> None:
        """Look at everything; the entries are the one of the sealing and the last one about the segment."""
        self.report.events = int(latest.get("left", sealed_entry["events"]))
        try:
            meta = sealed.read_meta(self._connection)
        except (sqlite3.DatabaseError, KeyError, TypeError) as error:
            self._say("unreadable", f"what the segment says of itself cannot be read: {error}")
            meta = None
        arrivals = self._parts()
        self._blocks(arrivals, bytes_max, progress)
        if self._tree.root().hex() != latest["root"]:
            self._say("changed", "its content is not what was sealed: its root is not the one in the ledger")
        if meta is not None:
            self._check_meta(meta, sealed_entry, latest)

    def _check_meta(self, meta: SealedMeta, entry: Entry, latest: Entry) -> None:
        tmin, tmax = self._span or (0, 0)
        written = {name: entry[name] for name in _SAID_TWICE}
        written |= {"name": self.report.name, "root": latest["root"], "events": self.report.events}
        written |= {"tmin": tmin, "tmax": tmax, "store": entry["store"]}
        said: dict[str, Any] = {name: _text(getattr(meta, name)) for name in written}
        for name, value in written.items():
            if said[name] != value:
                self._say("changed", f"it says {name} {said[name]}, it should say {value}")

    def _parts(self) -> Arrivals | None:
        for name in self._part_names():
            try:
                self._tree.add(sealed.part_leaf(name, sealed.read_part(self._connection, name)))
            except (sqlite3.DatabaseError, TypeError) as error:
                self._say("unreadable", f"the part {name!r} cannot be read: {error}")
        try:
            return sealed.read_arrivals(self._connection)
        except (sqlite3.DatabaseError, PackedError, msgspec.MsgspecError, TypeError) as error:
            self._say("unreadable", f"the table of batches cannot be read, and with it whose events these are: {error}")
            return None

    def _part_names(self) -> list[str]:
        try:
            return sealed.part_names(self._connection)
        except (sqlite3.DatabaseError, TypeError) as error:
            self._say("unreadable", f"the parts cannot be listed: {error}")
            return list(PARTS)

    def _blocks(self, arrivals: Arrivals | None, bytes_max: int, progress: Callable[[int], None]) -> None:
        expected = 0
        for row in self._rows():
            try:
                stored = sealed.read_stored(self._connection, row)
            except sqlite3.DatabaseError:
                stored = None
            if stored is None:
                self._damaged = True
                continue
            self._check_gap(expected, row)
            if not _is_well_formed(stored):
                self._say("changed", "the block's row holds values of another kind than is written", row=row)
                continue
            self._tree.add(sealed.block_leaf(stored))
            if self._is_right(stored, arrivals, bytes_max):
                self.report.intact += stored.n
            self._span = [self._span[0] if self._span else stored.tmin, stored.tmax]
            expected = row + stored.n
            progress(stored.n)
        if expected < self.report.events and not self._damaged:
            self._say("cut_off", "the last blocks are gone", row=expected, rows=self.report.events - expected)
        self._check_gap(expected, self.report.events, at_end=True)

    def _check_gap(self, expected: int, row: int, *, at_end: bool = False) -> None:
        if row > expected and self._damaged:
            text = "the file is damaged: the blocks of these rows cannot be read"
            self._say("unreadable", text, row=expected, rows=row - expected)
        elif row > expected and not at_end:
            self._say("vanished", "the blocks of these rows are gone", row=expected, rows=row - expected)

    def _rows(self) -> list[int]:
        rows: list[int] = []
        try:
            for (row,) in self._connection.execute("SELECT row FROM block ORDER BY row"):
                rows.append(row)
        except sqlite3.DatabaseError as error:
            self._damaged = True
            self._say("unreadable", f"not all blocks can be listed: {error}")
        return rows

    def _is_right(self, stored: Stored, arrivals: Arrivals | None, bytes_max: int) -> bool:
        span = {"row": stored.row, "rows": stored.n, "tmin": stored.tmin, "tmax": stored.tmax}
        if sealed.block_leaf(stored) != stored.hash:
            self._say("changed", "the block, or the hash beside it, is not what was sealed", **span)
            return False
        if arrivals is None:
            return False
        try:
            block = sealed.decode_stored(stored, self.report.name, arrivals, bytes_max)
        except (WireError, PackedError) as error:
            self._say("unreadable", f"the block cannot be read: {error}", **span)
            return False
        return block.batch.n == stored.n

    def _say(self, kind: Kind, text: str, **span: int) -> None:
        self._found(Finding(kind, self._place, text, **span))


def _is_well_formed(stored: Stored) -> bool:
    """Whether the values of a row are of the kinds that are written (SQLite keeps what it is given)."""
    return all(type(value) is int for value in stored[:5]) and all(type(value) is bytes for value in stored[5:])


def _text(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
