"""A sealed segment as its readers see it: a file that never changes; another may take its place."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from collector.block import BlockInfo, DecodedBlock, SegmentInfo
from collector.store import sealed
from collector.store.connections import Connections, FileKey, open_segment
from collector.store.directory import Blocks, Directory
from collector.store.gather import Gathered
from collector.store.identities import unpack_identities
from collector.store.layout import index_path_of, path_of
from collector.store.remembered import Remembered

_DECODED_KEPT: Final = 32


class SealedFile:
    """One sealed segment.  Every call is safe from any thread."""

    newest = False

    def __init__(
        self, folder: Path, name: str, connections: Connections, remembered: Remembered, batch_bytes_max: int
    ) -> None:
        """Open it; raises KeyError when it is gone."""
        self.name = name
        self._connections = connections
        self._remembered = remembered
        self._batch_bytes_max = batch_bytes_max
        self._lock = threading.Lock()
        self._known: tuple[Directory, sealed.Arrivals] | None = None
        self._decoded: OrderedDict[int, DecodedBlock] = OrderedDict()
        path = path_of(folder, name, "sealed")
        # Not a connection that was kept: it may be to a file whose place this one has taken.
        with closing(open_segment(path, immutable=True)) as connection:
            self.meta = meta = sealed.read_meta(connection)
        generation = sealed.generation_of(meta)
        self.key = FileKey(path, generation, immutable=True)
        self._info = SegmentInfo(
            name, "sealed", generation, meta.first_number, meta.events, meta.tmin, meta.tmax, path,
            index_path_of(folder, name, "sealed"),
        )  # fmt: skip

    @property
    def first_number(self) -> int:
        """The arrival number of the first event that came."""
        return self.meta.first_number

    def info(self) -> SegmentInfo:
        """Return the segment."""
        return self._info

    def blocks(self, row_from: int, row_to: int | None) -> Blocks:
        """Return the blocks that hold any of the rows."""
        return self._directory().rows(row_from, row_to)

    def read(self, info: BlockInfo) -> DecodedBlock:
        """Return the events of a block, or of a batch as it once came; raises KeyError, WireError, PackedError."""
        if info.stream:
            return self._read_batch(info)
        block = self._read_block(info.row)
        if block.info != info:
            raise KeyError(info.row)
        return block

    def find(self, stream: str, sequence: int) -> Sequence[BlockInfo]:
        """Return the blocks that hold events of a stream's batch."""
        position = self._arrivals().position(stream, sequence)
        return () if position is None else [info for info, _ in self._blocks_of(position)]

    def is_stored(self, stream: str, sequence: int, data: bytes) -> bool | None:
        """Return whether a stream's batch was stored as these very bytes; None when it is not here."""
        arrivals = self._arrivals()
        position = arrivals.position(stream, sequence)
        return None if position is None else int(arrivals.batches.digest[position]) == digest_of(data)

    def last_sequence(self, stream: str) -> int:
        """Return the last sequence of a stream up to the end of this segment."""
        return self._arrivals().sequences.get(stream, 0)

    def arrived_after(self, number: int, limit: int) -> Sequence[BlockInfo]:
        """Return up to ``limit`` batches, as they once came, whose first number is above ``number``."""
        arrivals = self._arrivals()
        first = int(np.searchsorted(arrivals.batches.number, number, "right"))
        positions = np.flatnonzero(arrivals.batches.kept[first:])[:limit] + first
        return [sealed.batch_info(arrivals, int(at), self.name, self.first_number) for at in positions]

    def last_number(self) -> int:
        """Return the number of the last event that came."""
        return self.meta.first_number + self.meta.numbers - 1

    def forget(self) -> None:
        """Let go of the directory and of the table of batches."""
        self._known = None

    def _directory(self) -> Directory:
        return self._load()[0]

    def _arrivals(self) -> sealed.Arrivals:
        return self._load()[1]

    def _load(self) -> tuple[Directory, sealed.Arrivals]:
        with self._lock:
            known = self._known
            if known is None:
                with self._connections.lent(self.key) as connection:
                    known = sealed.read_directory(connection, self.name), sealed.read_arrivals(connection)
                self._known = known
        self._remembered.note(self, known[0].size + len(known[1].batches.number))
        return known

    def _read_block(self, row: int) -> DecodedBlock:
        return sealed.decode_stored(self._stored(row), self.name, self._arrivals(), self._batch_bytes_max)

    def _stored(self, row: int) -> sealed.Stored:
        with self._connections.lent(self.key) as connection:
            stored = sealed.read_stored(connection, row)
        if stored is None:
            raise KeyError(row)
        return stored

    def _blocks_of(self, position: int) -> list[tuple[BlockInfo, int]]:
        """Return the blocks that hold events of a batch and how many; found by time, told by the identities."""
        directory, arrivals = self._load()
        first = int(np.searchsorted(directory.column("tmax"), arrivals.batches.tmin[position], "left"))
        last = int(np.searchsorted(directory.column("tmin"), arrivals.batches.tmax[position], "right"))
        found: list[tuple[BlockInfo, int]] = []
        with self._connections.lent(self.key) as connection:
            for info in Blocks(directory, first, last):
                positions, _ = unpack_identities(sealed.read_identities(connection, info.row), info.n)
                events = int((positions == position).sum())
                if events:
                    found.append((info, events))
        return found

    def _read_batch(self, info: BlockInfo) -> DecodedBlock:
        arrivals = self._arrivals()
        position = arrivals.position(info.stream, info.sequence)
        if position is None or sealed.batch_info(arrivals, position, self.name, self.first_number) != info:
            raise KeyError(info.number)
        blocks = [self._kept_decoded(of.row) for of, _ in self._blocks_of(position)]
        found = [sealed.events_of(block, position) for block in blocks]
        indices = np.concatenate([indices for _, indices in found])
        if len(indices) != info.n:
            raise KeyError(info.number)
        gathered = Gathered([(block.batch, events) for block, (events, _) in zip(blocks, found, strict=True)])
        order = np.argsort(indices)
        identities = sealed.batch_identities(arrivals, position, indices[order])
        return DecodedBlock(info, gathered.batch(order), identities)

    def _kept_decoded(self, row: int) -> DecodedBlock:
        """Return a block; the last ones are kept, because batches that follow each other lie in the same blocks."""
        with self._lock:
            block = self._decoded.pop(row, None)
        if block is None:
            block = self._read_block(row)
        with self._lock:
            self._decoded[row] = block
            while len(self._decoded) > _DECODED_KEPT:
                self._decoded.popitem(last=False)
        return block


def digest_of(data: bytes) -> int:
    """Return the first 8 bytes of the SHA-256 of a batch's bytes, as the table of batches keeps them."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big", signed=True)
