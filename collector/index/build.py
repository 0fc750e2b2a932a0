"""Builds the index of a segment that does not change any more: in one go, into a file that appears when it is right."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from collector.block import BlockInfo, DecodedBlock
from collector.index.file import close_and_stamp, create, remove
from collector.index.settings import IndexSettings
from collector.index.writer import IndexWriter, new_head

_UNFINISHED: Final = ".building"
#: Nobody reads a file that is being built: nothing of it is ever superseded.
_NEVER: Final = 0
_DEFAULTS: Final = IndexSettings()


class SealedBuilder:
    """Builds an index piece by piece: :meth:`add` all blocks in order of rows, then :meth:`finish` it."""

    def __init__(self, path: Path, *, name: str, generation: str, settings: IndexSettings = _DEFAULTS) -> None:
        self._path = path
        self._unfinished = Path(f"{path}{_UNFINISHED}")
        self._connection = create(self._unfinished, growing=False)
        self._writer = IndexWriter(
            self._connection,
            new_head(name, generation, sealed=True),
            settings,
            chunk_rows_min=settings.chunk_rows,
        )

    @property
    def row(self) -> int:
        """The next row that it wants."""
        return self._writer.row

    def add(self, block: DecodedBlock) -> None:
        """Take the next block; raises sqlite3.Error when the disk does not take it."""
        self._writer.add(block, _NEVER)

    def add_unreadable(self, info: BlockInfo) -> None:
        """Take the next block, whose bytes are damaged."""
        self._writer.add_unreadable(info)

    def finish(self) -> None:
        """Write what is left, and put the file in its place: durable, closed and stamped."""
        self._writer.flush(_NEVER, last=True)
        self._writer.optimize()
        close_and_stamp(self._connection, self._unfinished)
        descriptor = os.open(self._unfinished, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._unfinished.replace(self._path)

    def give_up(self) -> None:
        """Remove what was written."""
        self._connection.close()
        remove(self._unfinished)


def build_sealed_index(
    blocks: Iterable[DecodedBlock], path: Path, *, name: str, generation: str, settings: IndexSettings = _DEFAULTS
) -> int:
    """Write the index of a sealed segment from all its blocks, in order of rows; return how many rows it has.

    ``name`` and ``generation`` are those of the sealed segment.  The file is at ``path`` when this returns, and not
    before.  Raises sqlite3.Error and OSError when the disk does not take it, and whatever ``blocks`` raises.
    """
    builder = SealedBuilder(path, name=name, generation=generation, settings=settings)
    try:
        for block in blocks:
            builder.add(block)
        builder.finish()
    except BaseException:
        builder.give_up()
        raise
    return builder.row
