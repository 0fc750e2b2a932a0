"""Writes a sealed segment file, block by block; it counts for nothing until it is finished and renamed."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from collector.store.block_dictionary import BlockDictionary, learn
from collector.store.connections import COMPATIBILITY
from collector.store.durable import sync_file
from collector.store.identities import Batches, pack_identities
from collector.store.merkle import Tree
from collector.store.packing import Numbers, compress
from collector.store.sealed import DICTIONARY, SCHEMA, SealedMeta, Stored, block_leaf, part_leaf
from collector.store.segment import Request
from watchbook.wire import Batch, encode_json

#: Small, because a block lies in a chain of pages of its own, and the last one is half empty.
_PAGE_BYTES: Final = 1024
_PART_LEVEL: Final = 9


class Origin(NamedTuple):
    """What a sealed segment keeps of what it is made of; the same words as in :class:`SealedMeta`."""

    name: str
    store: str
    first_number: int
    numbers: int
    received: int
    chain_start: bytes
    chain_end: bytes


class SealedWriter:
    """A sealed segment in the making, at a path of its own.

    Blocks are compressed with ``dictionary`` (:mod:`collector.store.block_dictionary`), if there is any.
    """

    def __init__(self, path: Path, origin: Origin, *, level: int, dictionary: bytes = b"") -> None:
        self.path = path
        self._origin = origin
        self._level = level
        self._use(dictionary)
        self._leaves: list[bytes] = []
        self._row = 0
        self._span: list[int] = []
        path.unlink(missing_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={COMPATIBILITY};")

    def learn(self, batches: Iterable[Batch], dictionary_bytes: int) -> None:
        """Make a dictionary of blocks that are like those to come, before the first of them."""
        self._use(learn((encode_json(batch.n, batch.columns) for batch in batches), dictionary_bytes))

    def _use(self, dictionary: bytes) -> None:
        self._dictionary = dictionary
        self._compressor = BlockDictionary(dictionary).compressor(self._level)

    def add(self, batch: Batch, positions: Numbers, indices: Numbers, batches: Batches) -> None:
        """Add a block: its events in order of time, each with its place in the table of batches and in its batch."""
        times = batch.times
        identities = pack_identities(positions, indices)
        data = self._compressor.compress(encode_json(batch.n, batch.columns))
        received = int(batches.received[positions].max())
        stored = Stored(self._row, batch.n, times[0], times[-1], received, b"", identities, data)
        leaf = block_leaf(stored)
        self._leaves.append(leaf)
        self._connection.execute("INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?)", stored._replace(hash=leaf))
        self._span = [self._span[0] if self._span else times[0], times[-1]]
        self._row += batch.n

    def finish(self, batches: Batches, streams: Mapping[str, int], requests: Iterable[Request]) -> SealedMeta:
        """Add what is not blocks; returns when the file is on disk."""
        parts = {
            "batches": batches.packed(),
            "streams": compress(msgspec.json.encode(list(streams.items())), _PART_LEVEL),
        }
        if self._dictionary:
            parts[DICTIONARY] = self._dictionary
        tree = Tree()
        for name in sorted(parts):
            tree.add(part_leaf(name, parts[name]))
        for leaf in self._leaves:
            tree.add(leaf)
        origin = self._origin
        tmin, tmax = self._span or (0, 0)
        meta = SealedMeta(**origin._asdict(), events=self._row, tmin=tmin, tmax=tmax, root=tree.root())
        execute = self._connection.execute
        self._connection.executemany("INSERT INTO part VALUES (?, ?)", parts.items())
        self._connection.executemany("INSERT INTO request VALUES (?, ?, ?, ?, ?)", requests)
        self._connection.executemany("INSERT INTO meta VALUES (?, ?)", meta._asdict().items())
        execute("COMMIT")
        self._connection.close()
        sync_file(self.path)
        return meta

    def give_up(self) -> None:
        """Remove what was written."""
        self._connection.close()
        self.path.unlink(missing_ok=True)
