"""Reads segments, from the folder alone: in the process that writes them and in any other.

Every call sees what is committed at that moment.  A block that was listed while its segment was hot can still be read
when the segment was sealed in between: its events are put together again.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from collector.block import BlockInfo, DecodedBlock, SegmentInfo
from collector.store.archived import ArchivedFile
from collector.store.catalogue import Catalogue, SegmentFile
from collector.store.connections import Connections
from collector.store.hot_file import HotFile
from collector.store.layout import Form
from collector.store.packing import PackedError
from collector.store.remembered import Remembered
from collector.store.sealed_file import SealedFile
from collector.store.settings import StoreSettings
from watchbook.clock import Clock, now_us
from watchbook.wire import WireError

AnswerT = TypeVar("AnswerT")
_TRIES: Final = 3


class SegmentReader:
    """Implements :class:`collector.block.BlockSource` over a folder of segments."""

    def __init__(
        self, folder: Path, batch_bytes_max: int, settings: StoreSettings | None = None, *, clock: Clock = now_us
    ) -> None:
        settings = settings or StoreSettings()
        self._folder = folder
        self._batch_bytes_max = batch_bytes_max
        self._connections = Connections(settings.open_segments_max)
        self._remembered = Remembered(settings.directory_blocks_max)
        self._catalogue = Catalogue(folder, self._opened, self._gone, clock)

    def segments(self) -> list[SegmentInfo]:
        """See :class:`collector.block.BlockSource`."""
        return self._again_when_gone(lambda: [file.info() for file in self._catalogue.files()])

    def blocks(self, segment: SegmentInfo, row_from: int = 0, row_to: int | None = None) -> Sequence[BlockInfo]:
        """See :class:`collector.block.BlockSource`.  They come as :class:`collector.store.directory.Blocks`."""
        file = self._catalogue.file(segment.name)
        if file.key.generation != segment.generation:
            raise KeyError(segment.name)
        return file.blocks(row_from, row_to)

    def read(self, info: BlockInfo) -> DecodedBlock:
        """See :class:`collector.block.BlockSource`."""
        file = self._catalogue.known(info.segment) or self._catalogue.file(info.segment)
        try:
            return file.read(info)
        except KeyError:
            again = self._catalogue.file(info.segment)
            if again is file:
                raise
            return again.read(info)
        except PackedError as error:
            raise WireError(str(error)) from error
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise WireError(f"{file.key.path.name}: {error}") from error

    def find(self, stream: str, sequence: int) -> Sequence[BlockInfo]:
        """See :class:`collector.block.BlockSource`."""

        def found() -> Sequence[BlockInfo]:
            file = self._file_of(stream, sequence)
            return () if file is None else file.find(stream, sequence)

        return self._again_when_gone(found)

    def event(self, stream: str, sequence: int, index: int) -> tuple[DecodedBlock, int] | None:
        """Return a block that holds an event, and its position there; None when it is not here (any more)."""
        for info in self.find(stream, sequence):
            try:
                block = self.read(info)
            except KeyError:
                return None
            position = _position(block, stream, sequence, index)
            if position is not None:
                return block, position
        return None

    def is_stored(self, stream: str, sequence: int, data: bytes) -> bool | None:
        """Return whether a stream's batch was stored as these very bytes; None when it is not here (any more)."""

        def found() -> bool | None:
            file = self._file_of(stream, sequence)
            return None if file is None else file.is_stored(stream, sequence, data)

        return self._again_when_gone(found)

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        """See :class:`collector.block.BlockSource`.  What is archived is not among them."""
        return self._again_when_gone(lambda: self._arrived_after(number, limit))

    def _arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        found: list[BlockInfo] = []
        files = self._readable()
        for position, file in enumerate(files):
            if position + 1 < len(files) and files[position + 1].first_number <= number + 1:
                continue
            found.extend(file.arrived_after(number, limit - len(found)))
            if len(found) >= limit:
                break
        return found

    def last_number(self) -> int:
        """See :class:`collector.block.BlockSource`."""

        def last() -> int:
            files = self._catalogue.files()
            return files[-1].last_number() if files else 0

        return self._again_when_gone(last)

    def close(self) -> None:
        """Close every file; what a call under way uses is closed when it ends."""
        self._connections.close()

    def _again_when_gone(self, ask: Callable[[], AnswerT]) -> AnswerT:
        """Ask again when a file went in between: what took its place is in the folder before it goes."""
        for _ in range(_TRIES):
            try:
                return ask()
            except KeyError:
                continue
        return ask()

    def _opened(self, form: Form) -> SegmentFile:
        if form.tier == "archived":
            return ArchivedFile(self._folder, form.name)
        made = HotFile if form.tier == "hot" else SealedFile
        return made(self._folder, form.name, self._connections, self._remembered, self._batch_bytes_max)

    def _gone(self, files: Sequence[SegmentFile]) -> None:
        gone = {file.key[:2] for file in files}
        self._connections.forget(lambda key: key[:2] not in gone)
        for file in files:
            self._remembered.drop(file)

    def _readable(self) -> list[SegmentFile]:
        return [file for file in self._catalogue.files() if file.info().tier != "archived"]

    def _file_of(self, stream: str, sequence: int) -> SegmentFile | None:
        """Return the one segment that can hold a stream's batch: the first at whose end it had been committed."""
        files = self._readable()
        low, high = 0, len(files)
        while low < high:
            middle = (low + high) // 2
            if files[middle].last_sequence(stream) >= sequence:
                high = middle
            else:
                low = middle + 1
        return files[low] if low < len(files) else None


def _position(block: DecodedBlock, stream: str, sequence: int, index: int) -> int | None:
    if block.identities is None:
        return index if index < block.info.n else None
    wanted = (stream, sequence, index)
    return next((at for at, identity in enumerate(block.identities) if identity[:3] == wanted), None)
