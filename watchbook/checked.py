"""Reads a batch again that was checked when it was taken, and whose bytes are known to be the same.

A query looks at few columns of a block and shows few of its rows, so a column is decoded when it is first asked for,
and nothing is checked twice.  Bytes that anybody else could have written are for :func:`watchbook.wire.decode_batch`.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import zstandard

from watchbook.coded import DIGITS, Coded, read_coded, value_at
from watchbook.columns import Batch, Column, Columns
from watchbook.event import FIELD_NAMES, FIELDS
from watchbook.wire import COLUMN_TYPES, DIFFERENCES, WireError, absolute, decompress, without_nulls


class _Outline(msgspec.Struct, gc=False):
    n: int
    c: dict[str, msgspec.Raw]


_outline_decoder: Final = msgspec.json.Decoder(_Outline)
_decoders: Final[dict[str, Any]] = {kind: msgspec.json.Decoder(found) for kind, found in COLUMN_TYPES.items()}
#: So many rows are picked out of a block's columns; then it is one that is asked for often, and is decoded.
_PICKED_MAX: Final = 16
_UNPICKED: Final = object()
#: What stands around the codes of a coded column, as they are written.
_CODED_BEGIN: Final = b'"i":"'
_CODED_END: Final = b'"}'
#: How the column of each field is decoded, and what kind of field it is.
_FIELDS: Final = {field.name: (_decoders[field.kind].decode, field.kind) for field in FIELDS}


class PendingColumns(Columns):
    """Columns that are decoded one by one.

    The first few rows that are asked for are picked out of what is not decoded: most of the time went into making the
    texts of all other rows, and throwing them away again.
    """

    __slots__ = ("_n", "_pending", "_picked")

    def __init__(self, n: int, pending: dict[str, msgspec.Raw]) -> None:
        super().__init__([name for name in FIELD_NAMES if name in pending], {}, {})
        self._n = n
        self._pending = pending
        self._picked = 0

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
        self._picked += 1
        flat: dict[str, Any] = {}
        for name in self._names:
            column = plain.get(name)
            if column is not None:
                value = column if isinstance(column, str) else column[index]
            elif name in coded:
                value = coded[name].at(index)
            elif self._picked > _PICKED_MAX:
                self._decode(name)
                value = self._at(name, index)
            else:
                value = self._pick(name, index)
            if value is not None:
                flat[name] = value
        return flat

    def surely_lack(self, name: str, piece: bytes) -> bool:
        """See :meth:`watchbook.columns.Batch.surely_lacks`: one search over the column's JSON, decoded or not."""
        found = self._pending.get(name)
        if found is None:
            return True
        raw = bytes(found)
        return raw.isascii() and b"\\" not in raw and piece not in raw.lower()

    def _at(self, name: str, index: int) -> Any:
        coded = self.coded.get(name)
        if coded is not None:
            return coded.at(index)
        column = self._plain[name]
        return column if isinstance(column, str) else column[index]

    def _pick(self, name: str, index: int) -> Any:
        """Return one value of a column that is not decoded; what the column is like decides how."""
        decode, kind = _FIELDS[name]
        raw = bytes(self._pending[name])
        if raw.startswith(b"{"):
            if _is_absent(raw, index, self._n):
                return None
        elif kind == "text":
            text = _picked_text(raw, index, self._n)
            if text is not _UNPICKED:
                return text
        column = decode(raw)
        if isinstance(column, str):
            return column
        if not isinstance(column, list):
            return value_at(column.d, column.i, index, self._n)
        if name in DIFFERENCES:
            return absolute(name, column[: index + 1])[index]
        value = column[index]
        return None if kind in ("object", "changes") and bytes(value) == b"null" else value

    def _decode(self, name: str) -> None:
        if name in self._plain or name in self.coded or name not in self._pending:
            return
        decode, kind = _FIELDS[name]
        column = decode(self._pending[name])
        if isinstance(column, str):
            self._plain[name] = column
        elif not isinstance(column, list):
            self.coded[name] = read_coded(column.d, column.i, self._n)
        elif name in DIFFERENCES:
            self._plain[name] = absolute(name, column)
        elif kind in ("object", "changes"):
            self._plain[name] = without_nulls(column)
        else:
            self._plain[name] = column


def _is_absent(raw: bytes, index: int, n: int) -> bool:
    """Return whether surely an event has no value, by the JSON of a coded column that ends with one digit an event."""
    digits = len(raw) - len(_CODED_END) - n
    return raw[digits - len(_CODED_BEGIN) : digits] == _CODED_BEGIN and raw[digits + index] == DIGITS[0]


def _picked_text(raw: bytes, index: int, n: int) -> str | object | None:
    """Return a text out of the JSON of a column of ``n`` texts and nulls, _UNPICKED when it is not that simple."""
    if not raw.startswith(b"[") or b"\\" in raw:
        return _UNPICKED
    if b"null" not in raw or raw.count(b'"') == 2 * n:  # every second piece between quotes is a text
        if 2 * index < n:
            return raw.split(b'"', 2 * index + 2)[2 * index + 1].decode()
        return raw.rsplit(b'"', 2 * (n - index))[1].decode()
    if raw.count(b",") != n - 1:
        return _UNPICKED
    piece = raw[1:-1].split(b",", index + 1)[index].strip()
    return None if piece == b"null" else piece[1:-1].decode()


class CheckedBatch(Batch):
    """A batch whose columns are decoded one by one."""

    __slots__ = ("_pending",)

    def __init__(self, n: int, columns: PendingColumns) -> None:
        super().__init__(n, columns)
        self._pending = columns

    def row(self, index: int) -> dict[str, Any]:
        """See :class:`watchbook.columns.Batch`."""
        return self._pending.row(index)

    def surely_lacks(self, name: str, piece: bytes) -> bool:
        """See :meth:`watchbook.columns.Batch.surely_lacks`."""
        return self._pending.surely_lack(name, piece)


def decode_checked(data: bytes, *, bytes_max: int, decompressor: zstandard.ZstdDecompressor | None = None) -> Batch:
    """Return the batch that was once encoded by :mod:`watchbook.wire` as these very bytes; raises WireError.

    ``decompressor``: see :func:`watchbook.wire.decompress`.
    """
    try:
        outline = _outline_decoder.decode(decompress(data, bytes_max=bytes_max, decompressor=decompressor))
    except msgspec.MsgspecError as error:
        raise WireError(str(error)) from error
    return CheckedBatch(outline.n, PendingColumns(outline.n, outline.c))
