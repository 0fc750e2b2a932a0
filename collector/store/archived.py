"""An archived segment (``NAME.parquet``), which has no blocks, and what says what it spans.

``NAME.parquet.json`` is one JSON object: ``name``, ``first_number``, ``rows``, ``tmin``, ``tmax`` as in
:class:`collector.block.SegmentInfo`, ``numbers`` (how many arrival numbers the segment covers), ``received`` (the
latest) and ``sha256`` (hexadecimal) of the Parquet file.  It is put in its place before the Parquet file is.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from collector.block import BlockInfo, DecodedBlock, SegmentInfo
from collector.store.connections import FileKey
from collector.store.layout import ARCHIVED_INFO_SUFFIX, index_path_of, path_of


class ArchivedInfo(msgspec.Struct, frozen=True):
    """What an archived segment spans."""

    name: str
    first_number: int
    numbers: int
    rows: int
    tmin: int
    tmax: int
    sha256: str
    received: int = 0


def read_archived_info(folder: Path, name: str) -> ArchivedInfo:
    """Return what an archived segment spans; raises FileNotFoundError, and msgspec.MsgspecError when it is damaged."""
    return msgspec.json.decode((folder / f"{name}{ARCHIVED_INFO_SUFFIX}").read_bytes(), type=ArchivedInfo)


def encode_archived_info(info: ArchivedInfo) -> bytes:
    """Return the bytes of the file."""
    return msgspec.json.encode(info) + b"\n"


class ArchivedFile:
    """One archived segment: known, but not read here."""

    newest = False

    def __init__(self, folder: Path, name: str) -> None:
        """Look at it; raises FileNotFoundError and msgspec.MsgspecError."""
        self.name = name
        self.about = about = read_archived_info(folder, name)
        path = path_of(folder, name, "archived")
        self.key = FileKey(path, f"archived-{about.sha256[:16]}")
        self._info = SegmentInfo(
            name, "archived", self.key.generation, about.first_number, about.rows, about.tmin, about.tmax, path,
            index_path_of(folder, name, "archived"),
        )  # fmt: skip

    @property
    def first_number(self) -> int:
        """The arrival number of the first event that came."""
        return self.about.first_number

    def info(self) -> SegmentInfo:
        """Return the segment."""
        return self._info

    def blocks(self, row_from: int, row_to: int | None) -> Sequence[BlockInfo]:  # noqa: ARG002
        """Return nothing: there are no blocks."""
        return ()

    def read(self, info: BlockInfo) -> DecodedBlock:
        """Raise KeyError: the block is gone."""
        raise KeyError(info.row)

    def find(self, stream: str, sequence: int) -> Sequence[BlockInfo]:  # noqa: ARG002
        """Return nothing: there are no blocks."""
        return ()

    def is_stored(self, stream: str, sequence: int, data: bytes) -> bool | None:  # noqa: ARG002
        """Return None: it cannot be told any more."""
        return None

    def last_sequence(self, stream: str) -> int:  # noqa: ARG002
        """Return 0: streams are not known here."""
        return 0

    def arrived_after(self, number: int, limit: int) -> Sequence[BlockInfo]:  # noqa: ARG002
        """Return nothing: there are no blocks."""
        return ()

    def last_number(self) -> int:
        """Return the number of the last event that came."""
        return self.about.first_number + self.about.numbers - 1

    def forget(self) -> None:
        """Nothing is remembered."""
