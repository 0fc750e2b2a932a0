"""The columns of an archive, and an event's way into them and back.  Pure; no I/O.

Format, version 1: an archive is one Parquet file (zstd) with one row an event, ordered by (time, stream, sequence,
index), and these columns:

- ``stream`` text, ``sequence`` ``index`` ``number`` ``received`` int64: the event's identity (:mod:`collector.block`).
- one column a field of :mod:`watchbook.event`, called like it: ``time`` and ``origin.offset`` int64, ``duration_ms``
  double, texts as they are; ``measures``, ``flags``, ``changes`` and ``details`` as the text of their JSON (the last
  two byte for byte as they came).  A field that an event lacks is null.
- ``duration_ms.exact`` text: the number as JSON, where a double would not give it back (3.0 is not 3, 2^60 + 1 is no
  double, and what is larger than all doubles is infinite there).  Null in nearly every row.

Times are microseconds since the epoch.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.archive.arrow import ArrowColumn, Kind, Numbers, Texts
from collector.block import BlockInfo, DecodedBlock, Identity
from watchbook.coded import BASE, Coded
from watchbook.event import FIELDS, Field
from watchbook.wire import Batch

VERSION: Final = 1
EXACT: Final = "duration_ms.exact"
_KINDS: Final[dict[str, Kind]] = {"time": "integer", "integer": "integer", "number": "number"}
_IDENTITY: Final[tuple[tuple[str, Kind], ...]] = (
    ("stream", "text"), ("sequence", "integer"), ("index", "integer"), ("number", "integer"), ("received", "integer"),
)  # fmt: skip
IDENTITY_NAMES: Final = tuple(name for name, _ in _IDENTITY)
#: Every column in order: its name and its kind.
SCHEMA: Final[tuple[tuple[str, Kind], ...]] = (
    *_IDENTITY,
    *((field.name, _KINDS.get(field.kind, "text")) for field in FIELDS),
    (EXACT, "text"),
)
COLUMN_NAMES: Final = tuple(name for name, _ in SCHEMA)
_WHOLE_MAX: Final = 2.0**53

_encoder: Final = msgspec.json.Encoder()


def archived(block: DecodedBlock) -> list[ArrowColumn]:
    """Return the columns of a block's events, in the order of :data:`SCHEMA`."""
    batch = block.batch
    columns = _identity_columns(block)
    columns.extend(_column(batch, field) for field in FIELDS)
    columns.append(_exact(batch))
    return columns


def joined(pieces: Sequence[Sequence[ArrowColumn]], rows: Sequence[int]) -> list[ArrowColumn]:
    """Return the columns of several blocks, of so many ``rows`` each, as those of one."""
    if len(pieces) == 1:
        return list(pieces[0])
    return [_joined(columns, rows) for columns in zip(*pieces, strict=True)]


def characters(columns: Sequence[ArrowColumn]) -> int:
    """Return how long the texts of some columns are together."""
    return sum(sum(map(len, column.values)) for column in columns if isinstance(column, Texts))


def batch_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Batch:
    """Return the events of ``rows``, whose values are those of the columns ``names``; a column of nulls is left out."""
    read = dict(zip(names, zip(*rows, strict=True), strict=True))
    exact = read.pop(EXACT, ())
    columns: dict[str, Any] = {}
    for field in FIELDS:
        values = read.get(field.name)
        if values is not None and (values.count(None) < len(values) or field.name == "time"):
            columns[field.name] = list(values) if (restore := _RESTORE.get(field.kind)) is None else [
                None if value is None else restore(value) for value in values
            ]  # fmt: skip
    if exact.count(None) < len(exact):
        columns["duration_ms"] = _restored(columns.get("duration_ms") or [None] * len(exact), exact)
    return Batch(len(rows), columns)


def identities_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Identity]:
    """Return the identities of ``rows``, in which the columns :data:`IDENTITY_NAMES` are among ``names``."""
    places = [names.index(name) for name in Identity._fields]
    return [Identity._make([row[place] for place in places]) for row in rows]


def block_of(
    segment: str, first_row: int, names: Sequence[str], rows: Sequence[Sequence[Any]], *, identities: bool = True
) -> DecodedBlock:
    """Return rows as a block: ``row`` is that of the first, and exact only when none between them was left out.

    Without ``identities`` (their columns are not among ``names``) nothing in it tells the events apart.
    """
    batch = batch_of(names, rows)
    named = identities_of(names, rows) if identities else None
    received = max(identity.received for identity in named) if named else 0
    times = batch.times
    return DecodedBlock(
        BlockInfo(0, batch.n, min(times), max(times), received, "", 0, segment, first_row), batch, named
    )


def chosen(block: DecodedBlock, places: Sequence[int]) -> DecodedBlock:
    """Return the events at some ascending places of a block that has identities."""
    columns = {
        name: column if isinstance(column, str) else [column[place] for place in places]
        for name, column in block.batch.columns.items()
    }
    kept = {name: column for name, column in columns.items() if isinstance(column, str) or any(map(_is_there, column))}
    times: Any = columns["time"]
    info = block.info._replace(n=len(places), tmin=times[0], tmax=times[-1])
    return DecodedBlock(info, Batch(len(places), kept), [block.identity(place) for place in places])


def _is_there(value: Any) -> bool:
    return value is not None


def _identity_columns(block: DecodedBlock) -> list[ArrowColumn]:
    found = block.identity_columns()
    streams, codes = np.unique(found.streams, return_inverse=True)
    texts = Texts([found.names[stream] for stream in streams.tolist()], codes.astype(np.int32))
    return [texts, *map(Numbers, (found.sequences, found.indexes, found.numbers, found.received))]


def _column(batch: Batch, field: Field) -> ArrowColumn:
    n = batch.n
    kind = _KINDS.get(field.kind, "text")
    if field.name not in batch.columns:
        return _absent(kind, n)
    if kind != "text":
        return _numbers(batch.columns[field.name], kind)
    to_text = _TO_TEXT.get(field.kind)
    coded = batch.coded(field.name)
    if coded is not None:
        return _coded_texts(coded, to_text)
    column = batch.columns[field.name]
    if isinstance(column, str):
        return Texts((column,), np.zeros(n, np.int32))
    return _plain_texts(column, to_text)


def _absent(kind: Kind, n: int) -> ArrowColumn:
    nothing = np.zeros(n, np.bool_)
    if kind == "text":
        return Texts(("",), np.zeros(n, np.int32), nothing)
    return Numbers(np.zeros(n, np.int64) if kind == "integer" else np.zeros(n, np.float64), nothing)


def _numbers(column: Sequence[Any], kind: Kind) -> Numbers:
    if kind == "integer":
        if None not in column:
            return Numbers(np.array(column, np.int64))
        present = _present(column)
        return Numbers(np.array([value or 0 for value in column], np.int64), present)
    values = [_double(value) for value in column]
    absent = None in values
    doubles = np.array([value or 0.0 for value in values] if absent else values, np.float64)
    return Numbers(doubles, _present(values) if absent else None)


def _coded_texts(coded: Coded, to_text: Callable[[Any], str] | None) -> Texts:
    values = ["", *coded.values[1:]] if to_text is None else ["", *map(to_text, coded.values[1:])]
    codes = np.frombuffer(coded.low, np.uint8).astype(np.int32)
    if coded.high is not None:
        codes += np.frombuffer(coded.high, np.uint8).astype(np.int32) * BASE
    present = codes != 0
    return Texts(values, codes, None if present.all() else present)


def _plain_texts(column: Sequence[Any], to_text: Callable[[Any], str] | None) -> Texts:
    codes = np.arange(len(column), dtype=np.int32)
    if None not in column:
        return Texts(column if to_text is None else list(map(to_text, column)), codes)
    if to_text is None:
        texts = [value or "" for value in column]
    else:
        texts = ["" if value is None else to_text(value) for value in column]
    return Texts(texts, codes, _present(column))


def _exact(batch: Batch) -> ArrowColumn:
    column: Any = batch.columns.get("duration_ms")
    if column is None or (set(map(type, column)) == {int} and -_WHOLE_MAX <= min(column) <= max(column) <= _WHOLE_MAX):
        return _absent("text", batch.n)
    return _plain_texts([None if _is_given_back(value) else _encoder.encode(value).decode() for value in column], None)


def _is_given_back(value: float | None) -> bool:
    if value is None:
        return True
    if isinstance(value, int):
        return -_WHOLE_MAX <= value <= _WHOLE_MAX
    return not (value.is_integer() and -_WHOLE_MAX <= value <= _WHOLE_MAX)


def _double(value: float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.inf if value and value > 0 else -math.inf


def _present(column: Sequence[Any]) -> NDArray[np.bool_]:
    return np.fromiter((value is not None for value in column), np.bool_, len(column))


def _joined(columns: Sequence[ArrowColumn], rows: Sequence[int]) -> ArrowColumn:
    present = None
    if any(column.present is not None for column in columns):
        present = np.concatenate(
            [
                np.ones(n, np.bool_) if each.present is None else each.present
                for each, n in zip(columns, rows, strict=True)
            ]
        )
    if not isinstance(columns[0], Texts):
        return Numbers(np.concatenate([column.values for column in columns]), present)
    values: list[str] = []
    codes: list[NDArray[np.int32]] = []
    for column in columns:
        assert isinstance(column, Texts)
        codes.append(column.codes + np.int32(len(values)))
        values.extend(column.values)
    return Texts(values, np.concatenate(codes), present)


def _restored(doubles: Sequence[float | None], exact: Sequence[str | None]) -> list[float | None]:
    return [double if text is None else msgspec.json.decode(text) for double, text in zip(doubles, exact, strict=True)]


def _number(value: float) -> float:
    return int(value) if value.is_integer() and -_WHOLE_MAX <= value <= _WHOLE_MAX else value


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def _raw_text(raw: Any) -> str:
    # What was not decoded from a wire (a test's events) is still an object.
    return str(raw, "utf-8") if isinstance(raw, msgspec.Raw) else _encoder.encode(raw).decode()


def _json_text(value: Any) -> str:
    return _encoder.encode(value).decode()


_TO_TEXT: Final[Mapping[str, Callable[[Any], str]]] = {
    "numbers": _json_text, "texts": _json_text, "object": _raw_text, "changes": _raw_text,
}  # fmt: skip
_RESTORE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "numbers": msgspec.json.decode, "texts": msgspec.json.decode, "object": _raw, "changes": _raw, "number": _number,
}  # fmt: skip
