"""A hot segment as its readers see it: a file that grows while it is the newest."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from collector.block import BlockInfo, DecodedBlock, SegmentInfo
from collector.store import hot
from collector.store.connections import Connections, FileKey
from collector.store.directory import Blocks, Directory
from collector.store.layout import index_path_of, path_of
from collector.store.remembered import Remembered
from collector.store.segment import chain_hash
from watchbook.checked import decode_checked
from watchbook.wire import decode_batch


class HotFile:
    """One hot segment.  ``newest``: more may come.  Every call is safe from any thread."""

    def __init__(
        self, folder: Path, name: str, connections: Connections, remembered: Remembered, batch_bytes_max: int
    ) -> None:
        """Open it; raises KeyError when it is gone or not yet begun."""
        self.name = name
        self.newest = True
        self._connections = connections
        self._remembered = remembered
        self._batch_bytes_max = batch_bytes_max
        self._lock = threading.Lock()
        self._directory: Directory | None = None
        self._complete = False
        self._path = path_of(folder, name, "hot")
        # Readers remember by generation alone: it must not be another segment's as well.
        self._generation = f"hot-{name}"
        self._settled = False
        with connections.lent(self.key) as connection:
            if not hot.is_begun(connection):
                raise KeyError(name)
            self.meta = hot.read_meta(connection)
        self._info = SegmentInfo(
            name,
            "hot",
            self._generation,
            self.meta.first_number,
            0,
            0,
            0,
            self._path,
            index_path_of(folder, name, "hot"),
        )

    @property
    def key(self) -> FileKey:
        """The file: immutable once nothing more comes and nothing is left in its journal."""
        if not self._settled and not self.newest:
            self._settled = is_settled(self._path)
        return FileKey(self._path, self._generation, immutable=self._settled)

    @property
    def first_number(self) -> int:
        """The arrival number of the first event."""
        return self.meta.first_number

    def info(self) -> SegmentInfo:
        """Return the segment as it is at this moment."""
        if not self._complete:
            self._up_to_date()
        return self._info

    def blocks(self, row_from: int, row_to: int | None) -> Blocks:
        """Return the blocks that hold any of the rows."""
        return self._up_to_date().rows(row_from, row_to)

    def read(self, info: BlockInfo) -> DecodedBlock:
        """Return the events of a block; raises KeyError and WireError.

        Where the chain tells that the bytes are those that were checked, they are not checked again.
        """
        with self._connections.lent(self.key) as connection:
            found = hot.linked_block(connection, info.number)
        if found is None:
            raise KeyError(info.number)
        before, own, data = found
        is_chained = chain_hash(before or self.meta.chain_start, info, data) == own
        decode = decode_checked if is_chained else decode_batch
        return DecodedBlock(info, decode(data, bytes_max=self._batch_bytes_max))

    def data(self, number: int) -> bytes:
        """Return the bytes of a block; raises KeyError."""
        with self._connections.lent(self.key) as connection:
            data = hot.block_data(connection, number)
        if data is None:
            raise KeyError(number)
        return data

    def find(self, stream: str, sequence: int) -> Sequence[BlockInfo]:
        """Return the block of a stream's batch, if it is here."""
        with self._connections.lent(self.key) as connection:
            number = hot.number_of(connection, stream, sequence)
        if number is None:
            return ()
        row = number - self.first_number
        return [info for info in self.blocks(row, row + 1) if info.number == number]

    def is_stored(self, stream: str, sequence: int, data: bytes) -> bool | None:
        """Return whether a stream's batch is here as these very bytes; None when it is not here."""
        with self._connections.lent(self.key) as connection:
            number = hot.number_of(connection, stream, sequence)
            return None if number is None else hot.block_data(connection, number) == data

    def last_sequence(self, stream: str) -> int:
        """Return the last sequence of a stream up to the end of this segment."""
        with self._connections.lent(self.key) as connection:
            return hot.last_sequence(connection, stream)

    def arrived_after(self, number: int, limit: int) -> Sequence[BlockInfo]:
        """Return up to ``limit`` blocks whose first number is above ``number``."""
        directory = self._up_to_date()
        first = int(np.searchsorted(directory.column("number"), number, "right"))
        return Blocks(directory, first, min(first + limit, directory.size))

    def last_number(self) -> int:
        """Return the number of the last event."""
        return self.first_number + self.info().rows - 1

    def forget(self) -> None:
        """Let go of the directory."""
        self._directory = None

    def _up_to_date(self) -> Directory:
        # Read first: a file that was not the newest before cannot have grown since.
        finished = not self.newest
        with self._lock:
            directory = self._directory or Directory(self.name)
            if not self._complete or not directory.size:
                with self._connections.lent(self.key) as connection:
                    hot.extend_directory(connection, directory, self.first_number)
                tmin, tmax = directory.span()
                self._info = self._info._replace(rows=directory.end_row, tmin=tmin, tmax=tmax)
                self._complete = finished
            self._directory = directory
        self._remembered.note(self, directory.size)
        return directory


def is_settled(path: Path) -> bool:
    """Whether a finished hot segment has nothing in its journal: reading it then leaves no trace in the folder."""
    try:
        return Path(f"{path}-wal").stat().st_size == 0
    except FileNotFoundError:
        return True
