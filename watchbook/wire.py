"""The batch: the bytes that are the spool row, the request body, the unit of de-duplication and the stored block.

Format, version 2.  One zstd frame (RFC 8878) with its content size in the frame header; in it one JSON object::

    {"v": 2, "n": 3, "c": {"time": [1763733909123456, 1200, 0],
                           "actor.type": "user",
                           "actor.id": ["alice", null, "bob"],
                           "outcome": {"d": ["success", "failure"], "i": "##$"},
                           "details": {"d": [{"k": 1}], "i": "#!!"}, …}}

- ``n``: how many events, 0 to :data:`EVENTS_MAX`.  A batch of 0 moves its stream's sequence on and stores nothing.
- ``c``: one column a field of :mod:`watchbook.event`, in any order.  A column is an array of ``n`` values, null where
  the event has no such field.  A text column may be one string instead: every event has that value.  Any column but
  those of numbers may be coded instead: its distinct values and one character an event (:mod:`watchbook.coded`).  A
  missing column: no event has the field.
- ``time`` and ``origin.offset`` hold their first value, then differences: each number is added to the last one that was
  not null.
- ``time``, ``actor.type`` and ``action`` are there for every event.

Version 1 had no coded columns; it is read as well.  Columns, constants, differences and codes were measured:
docs/decisions/001-batch.md and 005-coded-columns.md.
"""

import threading
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Any, Final, Literal

import msgspec
import zstandard

from watchbook.clock import TIME_MAX_US, TIME_MIN_US
from watchbook.coded import (
    SAMPLE,
    Coded,
    differences_of,
    has_absent,
    is_varied,
    json_pieces,
    read_coded,
    write_coded,
    write_sparse,
    written,
)
from watchbook.columns import Batch, Column, Columns, decode_raw
from watchbook.event import FIELD_BY_NAME, FIELDS, REQUIRED, Field

__all__ = ["Batch", "Column", "WireError", "decode_raw"]

VERSION: Final = 2
CONTENT_TYPE: Final = "application/vnd.watchbook.batch.v1+zstd"
STREAM_HEADER: Final = "Watchbook-Stream"
SEQUENCE_HEADER: Final = "Watchbook-Sequence"
#: The first of the sequences before this one that another collector has taken (docs/decisions/010-fail-over.md).
ELSEWHERE_HEADER: Final = "Watchbook-Elsewhere-From"
EVENTS_MAX: Final = 4096
#: The fastest level with entropy coding, and half its table: that stays in the processor's first cache, which
#: saves a tenth of the time and costs a thousandth of the bytes.
ZSTD: Final = zstandard.ZstdCompressionParameters.from_level(1, hash_log=13, write_content_size=True)

#: The columns that hold differences.
DIFFERENCES: Final = ("time", "origin.offset")
_RAW_KINDS: Final = {"object": b"\0{", "changes": b"\0["}
_NULL: Final = b"\0n"
_local: Final = threading.local()


class WireError(ValueError):
    """A batch that cannot be read.  ``index`` and ``field`` name the event and field where one is to blame.

    ``too_large`` tells a batch over a limit from one that is malformed.
    """

    def __init__(
        self, message: str, *, index: int | None = None, field: str | None = None, too_large: bool = False
    ) -> None:
        super().__init__(message)
        self.index, self.field, self.too_large = index, field, too_large


class JsonColumn(list[msgspec.Raw]):
    """A column of objects, of which none is missing, as it is written: each item is the JSON of one or several values,
    with commas between them."""


def encode_batch(n: int, columns: Mapping[str, Column]) -> bytes:
    """Return the bytes of a batch of ``n`` events given as columns with absolute times and offsets."""
    return compress(encode_json(n, columns))


def encode_json(n: int, columns: Mapping[str, Column]) -> bytes:
    """Return a batch before compression (kept apart so that compression can run in another thread).

    A column that is coded already is written with the codes it has.
    """
    wired: dict[str, Any] = {}
    for name in columns:
        coded = columns.coded_form(name) if isinstance(columns, Columns) else None
        if coded is not None:
            wired[name] = written(coded)
            continue
        column = columns[name]
        if name in DIFFERENCES:
            wired[name] = differences_of(column) if column else column
        else:
            wired[name] = column if isinstance(column, str) or not n else _shortest(name, column)
    return _encoder.encode({"v": VERSION, "n": n, "c": wired})


def _shortest(name: str, column: Sequence[Any]) -> Any:
    kind = FIELD_BY_NAME[name].kind
    if kind in ("integer", "number"):
        return column
    if isinstance(column, JsonColumn):
        return column
    if kind == "text":
        return write_coded(column) or column
    if 2 * column.count(None) >= len(column):
        return write_sparse(column)
    if is_varied(json_pieces(column[:SAMPLE])):  # written in one go with all the rest
        return column
    pieces = json_pieces(column)
    coded = write_coded(pieces)
    if coded is None:
        return [None if piece is None else msgspec.Raw(piece) for piece in pieces]
    return coded | {"d": [msgspec.Raw(piece) for piece in coded["d"]]}


def compress(data: bytes) -> bytes:
    """Return one zstd frame that says its content size."""
    return _compressor().compress(data)


def columns_of(events: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """Return the columns of flat events; a text that all of them share becomes a constant."""
    columns: dict[str, Column] = {}
    for field in FIELDS:
        values = [event.get(field.name) for event in events]
        first = values[0] if values else None
        if field.kind == "text" and isinstance(first, str) and all(value == first for value in values):
            columns[field.name] = first
        elif any(value is not None for value in values):
            columns[field.name] = values
    return columns


def decode_batch(data: bytes, *, bytes_max: int) -> Batch:
    """Return the batch that the bytes hold, every column checked for its length and type.

    ``bytes_max`` bounds the decompressed size; it is checked before anything is decompressed.  Raises WireError.
    """
    return decode_json(decompress(data, bytes_max=bytes_max))


def decode_times(data: bytes, *, bytes_max: int) -> list[int]:
    """Return the event times alone, in a third of the time; nothing else is checked.  Raises WireError."""
    try:
        wired = _times_decoder.decode(decompress(data, bytes_max=bytes_max))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _wire_error(error) from error
    return list(accumulate(wired.c.time))


def decompress(data: bytes, *, bytes_max: int, decompressor: zstandard.ZstdDecompressor | None = None) -> bytes:
    """Return the content of one zstd frame; raises WireError when it is damaged, unbounded or over ``bytes_max``.

    ``decompressor`` is one that knows the frame's dictionary, for a frame that was written with one.
    """
    try:
        size = zstandard.get_frame_parameters(data).content_size
        if size == zstandard.CONTENTSIZE_UNKNOWN:
            raise WireError("the zstd frame does not say its content size; compress the batch in one call")
        if size > bytes_max:
            raise WireError(f"the batch decompresses to {size} bytes, the limit is {bytes_max}", too_large=True)
        unpack = (decompressor or _decompressor()).decompress
        return unpack(data, max_output_size=bytes_max, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise WireError(f"the body is no zstd frame: {error}") from error


def decode_json(data: bytes) -> Batch:
    """Return the batch of an uncompressed body; raises WireError."""
    try:
        if not data.isascii():
            data.decode()  # what stays msgspec.Raw below is not checked for its encoding otherwise
        wired = _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _wire_error(error) from error
    n = wired.n
    names: list[str] = []
    plain: dict[str, Column] = {}
    coded: dict[str, Coded] = {}
    for attribute, field in _ATTRIBUTES:
        column = getattr(wired.c, attribute)
        if column is None:
            continue
        names.append(field.name)
        if isinstance(column, list | str):
            plain[field.name] = _checked_column(field, column, n)
        else:
            coded[field.name] = _checked_coded(field, column, n)
    if n:
        _check_required(plain, coded)
    return Batch(n, Columns(names, plain, coded))


def _compressor() -> zstandard.ZstdCompressor:
    """Return this thread's compressor: its tables cost a third of a batch to make."""
    found = getattr(_local, "compressor", None)
    if found is None:
        found = _local.compressor = zstandard.ZstdCompressor(compression_params=ZSTD)
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's decompressor: making one costs as much as a small batch."""
    found = getattr(_local, "decompressor", None)
    if found is None:
        found = _local.decompressor = zstandard.ZstdDecompressor()
    return found


def _checked_column(field: Field, column: list[Any] | str, n: int) -> Column:
    if isinstance(column, str):
        if field.values is not None and column not in field.values:
            raise WireError(_not_allowed(field, column), index=0, field=field.name)
        return column
    if len(column) != n:
        raise WireError(f"column {field.name!r} has {len(column)} values, the batch has {n} events", field=field.name)
    if field.name in DIFFERENCES:
        return absolute(field.name, column)
    if field.values is not None:
        _check_values(field, column)
    elif field.kind in _RAW_KINDS:
        return _checked_raw(field, column)
    return column


def _checked_coded(field: Field, column: Any, n: int) -> Coded:
    try:
        coded = read_coded(column.d, column.i, n)
    except ValueError as error:
        raise WireError(f"column {field.name!r}: {error}", field=field.name) from error
    try:
        if field.values is not None:
            _check_values(field, coded.values)
        elif field.kind in _RAW_KINDS and None in _checked_raw(field, column.d):
            raise WireError("a coded column holds no nulls", field=field.name)
    except WireError as error:
        raise _of_event(error, coded, among_values=field.values is None) from error
    return coded


def _of_event(error: WireError, coded: Coded, *, among_values: bool) -> WireError:
    """Return an error about a value of ``d`` as one about the first event that has it."""
    if error.index is None:
        return error
    code = error.index + 1 if among_values else error.index
    index = coded.first(code) if code in coded.codes() else None
    return WireError(str(error), index=index, field=error.field)


def _check_values(field: Field, column: Sequence[str | None]) -> None:
    assert field.values is not None
    if not field.values.issuperset(value for value in set(column) if value is not None):
        index = next(index for index, value in enumerate(column) if value is not None and value not in field.values)
        raise WireError(_not_allowed(field, column[index]), index=index, field=field.name)


def _not_allowed(field: Field, value: Any) -> str:
    return f"{value!r} is not one of {', '.join(sorted(field.values or ()))}"


def _checked_raw(field: Field, column: Sequence[Any]) -> Column:
    # Joined, the first bytes of all values are seen by two searches; JSON text never holds a NUL.
    joined = b"\0" + b"\0".join(column)
    nulls = joined.count(_NULL)
    if column and nulls + joined.count(_RAW_KINDS[field.kind]) < len(column):
        index = next(i for i, raw in enumerate(column) if bytes(raw)[:1] not in (_NULL[1:], _RAW_KINDS[field.kind][1:]))
        raise WireError(f"expected {field.kind}, found {bytes(column[index])[:40]!r}", index=index, field=field.name)
    checked = without_nulls(column) if nulls else column
    if field.kind == "changes":
        _check_changes(field, checked)
    return checked


def without_nulls(column: Sequence[msgspec.Raw]) -> list[msgspec.Raw | None]:
    """Return untouched pieces of JSON with None for null."""
    return [None if bytes(raw) == b"null" else raw for raw in column]


def _check_changes(field: Field, column: Sequence[msgspec.Raw | None]) -> None:
    try:
        _all_changes_decoder.decode(b"[" + b",".join(filter(None, column)) + b"]")
        return
    except (msgspec.MsgspecError, RecursionError):
        pass  # looked at one by one, they say which it is
    for index, raw in enumerate(column):
        try:
            if raw is not None:
                _changes_decoder.decode(raw)
        except (msgspec.MsgspecError, RecursionError) as error:
            message = f"expected a list of {{field, old, new}}: {error}"
            raise WireError(message, index=index, field=field.name) from error


def _check_required(columns: Mapping[str, Column], coded: Mapping[str, Coded]) -> None:
    for name in REQUIRED:
        column = columns.get(name)
        if column is None and name not in coded:
            raise WireError(f"no event has {name!r}, which every event must have", index=0, field=name)
        if name in coded and has_absent(coded[name]):
            raise WireError(f"the event has no {name!r}", index=coded[name].first(0), field=name)
        if column is not None and not isinstance(column, str) and None in column:
            raise WireError(f"the event has no {name!r}", index=list(column).index(None), field=name)
    times: Any = columns["time"]
    if min(times) < TIME_MIN_US or max(times) > TIME_MAX_US:
        index = next(index for index, time in enumerate(times) if not TIME_MIN_US <= time <= TIME_MAX_US)
        raise WireError("the time lies outside the years 1 to 9999", index=index, field="time")


def absolute(name: str, column: Sequence[Any]) -> list[int | None]:
    """Return the numbers that a column of differences stands for; raises WireError for offsets that are none."""
    try:
        values: list[int | None] = list(accumulate(column))
    except TypeError:  # a null among them
        values, last = [], 0
        for difference in column:
            last += difference or 0
            values.append(None if difference is None else last)
    if name == "origin.offset":
        _check_offsets(values)
    return values


def _check_offsets(values: Sequence[int | None]) -> None:
    known = [value for value in values if value is not None]
    if known and not (min(known) >= 0 and max(known) < 2**63):
        index = next(i for i, value in enumerate(values) if value is not None and not 0 <= value < 2**63)
        raise WireError("the offset is negative or too large", index=index, field="origin.offset")


def _wire_error(error: Exception) -> WireError:
    """Turn msgspec's ``… - at `$.c.actor.id[3]` `` into the event and field to blame."""
    message = str(error)
    text, _, place = message.partition(" - at `")
    path = place.rstrip("`")
    name, _, rest = path.removeprefix("$.c.").partition("[")
    index = rest.split("]")[0]
    # The place may be one among the values of a coded column.
    among_values = name.endswith(".d") and name not in FIELD_BY_NAME
    return WireError(
        text or type(error).__name__,
        index=int(index) if index.isdecimal() and not among_values else None,
        field=name.removesuffix(".d") if among_values else name if path.startswith("$.c.") else None,
    )


def _coded_type(name: str, value: Any) -> Any:
    return msgspec.defstruct(name, [("d", list[value]), ("i", str)], forbid_unknown_fields=True, gc=False)


#: How a column of each kind of field is decoded.
COLUMN_TYPES: Final[dict[str, Any]] = {
    "time": list[int],
    "text": list[str | None] | str | _coded_type("CodedTexts", str),
    "integer": list[int | None],
    "number": list[int | float | None],
    "numbers": list[dict[str, int | float] | None] | _coded_type("CodedNumbers", dict[str, int | float]),
    "texts": list[list[str] | None] | _coded_type("CodedLists", list[str]),
    "object": list[msgspec.Raw] | _coded_type("CodedObjects", msgspec.Raw),
    "changes": list[msgspec.Raw] | _coded_type("CodedChanges", msgspec.Raw),
}
_ATTRIBUTES: Final = tuple((field.name.replace(".", "_"), field) for field in FIELDS)
_Columns: Any = msgspec.defstruct(
    "Columns",
    [(attribute, COLUMN_TYPES[field.kind] | None, None) for attribute, field in _ATTRIBUTES],
    rename={attribute: field.name for attribute, field in _ATTRIBUTES},
    forbid_unknown_fields=True,
    gc=False,
)
_Wired: Any = msgspec.defstruct(
    "Wired",
    [
        ("v", Literal[1, 2]),
        ("n", Annotated[int, msgspec.Meta(ge=0, le=EVENTS_MAX)]),
        ("c", _Columns),
    ],
    forbid_unknown_fields=True,
    gc=False,
)
_Change: Any = msgspec.defstruct("Change", [("field", str)], gc=False)
_changes_decoder: Final = msgspec.json.Decoder(list[_Change])
_all_changes_decoder: Final = msgspec.json.Decoder(list[list[_Change]])
_decoder: Final = msgspec.json.Decoder(_Wired)
_Times: Any = msgspec.defstruct("Times", [("time", list[int])], gc=False)
_WiredTimes: Any = msgspec.defstruct("WiredTimes", [("c", _Times)], gc=False)
_times_decoder: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(_WiredTimes)
_encoder: Final = msgspec.json.Encoder()
