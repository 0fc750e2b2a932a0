"""Reads a batch again that was checked when it was taken, and whose bytes are known to be the same.

A query looks at few columns of a block and shows few of its rows, so a column is decoded when it is first asked for,
and nothing is checked twice.  Bytes that anybody else could have written are for :func:`watchbook.wire.decode_batch`.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import zstandard

from watchbook.coded import Coded, read_coded
from watchbook.columns import Batch, Column, Columns
from watchbook.event import FIELD_NAMES, FIELDS
from watchbook.wire import COLUMN_TYPES, WireError, absolute, decompress, without_nulls


class _Outline(msgspec.Struct, gc=False):
    n: int
    c: dict[str, msgspec.Raw]


_outline_decoder: Final = msgspec.json.Decoder(_Outline)
_decoders: Final[dict[str, Any]] = {kind: msgspec.json.Decoder(found) for kind, found in COLUMN_TYPES.items()}
#: How the column of each field is decoded, and what kind of field it is.
_FIELDS: Final = {field.name: (_decoders[field.kind].decode, field.kind) for field in FIELDS}


class PendingColumns(Columns):
    """Columns that are decoded one by one."""

    __slots__ = ("_n", "_pending")

    def __init__(self, n: int, pending: dict[str, msgspec.Raw]) -> None:
        super().__init__([name for name in FIELD_NAMES if name in pending], {}, {})
        self._n = n
        self._pending = pending

    def __getitem__(self, name: str) -> Column:
        self._decode(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column, ``default`` when no event has the field."""
        return self[name] if name in self._pending else default

    def coded_form(self, name: str) -> Coded | None:
        """Return a column as distinct values and codes, None when it did not come like that."""
        self._decode(name)
        return self.coded.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._pending

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def row(self, index: int) -> dict[str, Any]:
        """Return the values of one event, without those it lacks."""
        plain, coded = self._plain, self.coded
        flat: dict[str, Any] = {}
        for name in self._names:
            if name not in plain and name not in coded:
                self._decode(name)
            codes = coded.get(name)
            if codes is not None:
                value = codes.at(index)
            else:
                column = plain[name]
                value = column if isinstance(column, str) else column[index]
            if value is not None:
                flat[name] = value
        return flat

    def _decode(self, name: str) -> None:
        if name in self._plain or name in self.coded or name not in self._pending:
            return
        decode, kind = _FIELDS[name]
        column = decode(self._pending[name])
        if isinstance(column, str):
            self._plain[name] = column
        elif not isinstance(column, list):
            self.coded[name] = read_coded(column.d, column.i, self._n)
        elif name in ("time", "origin.offset"):
            self._plain[name] = absolute(name, column)
        elif kind in ("object", "changes"):
            self._plain[name] = without_nulls(column)
        else:
            self._plain[name] = column


class CheckedBatch(Batch):
    """A batch whose columns are decoded one by one."""

    __slots__ = ("_pending",)

    def __init__(self, n: int, columns: PendingColumns) -> None:
        super().__init__(n, columns)
        self._pending = columns

    def row(self, index: int) -> dict[str, Any]:
        """See :class:`watchbook.columns.Batch`."""
        return self._pending.row(index)


def decode_checked(data: bytes, *, bytes_max: int, decompressor: zstandard.ZstdDecompressor | None = None) -> Batch:
    """Return the batch that was once encoded by :mod:`watchbook.wire` as these very bytes; raises WireError.

    ``decompressor``: see :func:`watchbook.wire.decompress`.
    """
    try:
        outline = _outline_decoder.decode(decompress(data, bytes_max=bytes_max, decompressor=decompressor))
    except msgspec.MsgspecError as error:
        raise WireError(str(error)) from error
    return CheckedBatch(outline.n, PendingColumns(outline.n, outline.c))
