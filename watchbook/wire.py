"""The batch: the bytes that are the spool row, the request body, the unit of de-duplication and the stored block.

Format, version 1.  One zstd frame (RFC 8878) with its content size in the frame header; in it one JSON object::

    {"v": 1, "n": 3, "c": {"time": [1763733909123456, 1200, 0],
                           "actor.type": "user",
                           "actor.id": ["alice", null, "bob"],
                           "details": [{"k": 1}, null, null], …}}

- ``n``: how many events, 0 to :data:`EVENTS_MAX`.  A batch of 0 moves its stream's sequence on and stores nothing.
- ``c``: one column a field of :mod:`watchbook.event`, in any order.  A column is an array of ``n`` values, null where
  the event has no such field.  A text column may be one string instead: every event has that value.  A missing column:
  no event has the field.
- ``time`` and ``origin.offset`` hold their first value, then differences: each number is added to the last one that was
  not null.
- ``time``, ``actor.type`` and ``action`` are there for every event.

Columns, constants and differences were measured against rows: 72 against 82 bytes an event, 3.1 against 3.9 us CPU for
both ends together (docs/decisions/001-batch.md).
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import sub
from typing import Annotated, Any, Final, Literal

import msgspec
import zstandard

from watchbook.clock import TIME_MAX_US, TIME_MIN_US
from watchbook.event import FIELDS, REQUIRED, Field

VERSION: Final = 1
CONTENT_TYPE: Final = "application/vnd.watchbook.batch.v1+zstd"
STREAM_HEADER: Final = "Watchbook-Stream"
SEQUENCE_HEADER: Final = "Watchbook-Sequence"
EVENTS_MAX: Final = 4096
ZSTD_LEVEL: Final = 1

Column = Sequence[Any] | str
_DIFFERENCES: Final = ("time", "origin.offset")
_RAW_KINDS: Final = {"object": ord("{"), "changes": ord("[")}
_NULL: Final = ord("n")


class WireError(ValueError):
    """A batch that cannot be read.  ``index`` and ``field`` name the event and field where one is to blame.

    ``too_large`` tells a batch over a limit from one that is malformed.
    """

    def __init__(
        self, message: str, *, index: int | None = None, field: str | None = None, too_large: bool = False
    ) -> None:
        super().__init__(message)
        self.index = index
        self.field = field
        self.too_large = too_large


class Batch:
    """A decoded batch: ``n`` events as columns, with times and offsets as absolute numbers.

    ``columns`` maps a field name to a list of ``n`` values or to the one text that all events share.  Values of
    ``details`` and ``changes`` are ``msgspec.Raw`` until asked for through :meth:`event` or :meth:`value`.
    """

    __slots__ = ("columns", "n")

    def __init__(self, n: int, columns: Mapping[str, Column]) -> None:
        self.n = n
        self.columns = columns

    @property
    def times(self) -> Sequence[int]:
        """The event times, microseconds since the epoch."""
        return self.columns.get("time", ())  # type: ignore[return-value]

    def column(self, name: str) -> Sequence[Any] | None:
        """Return ``n`` values, or None when no event has the field."""
        column = self.columns.get(name)
        return [column] * self.n if isinstance(column, str) else column

    def value(self, name: str, index: int) -> Any:
        """Return one field of one event, or None when it is absent."""
        column = self.columns.get(name)
        if column is None or isinstance(column, str):
            return column
        value = column[index]
        return decode_raw(value) if isinstance(value, msgspec.Raw) else value

    def event(self, index: int) -> dict[str, Any]:
        """Return one event in flat form, without the fields it lacks."""
        flat = {name: self.value(name, index) for name in self.columns}
        return {name: value for name, value in flat.items() if value is not None}


def decode_raw(raw: msgspec.Raw) -> Any:
    """Return the value of an untouched piece of JSON.

    Its text when it nests deeper than this call can follow, or holds a number that Python cannot: an event that was
    accepted can always be read.
    """
    try:
        return msgspec.json.decode(raw)
    except (RecursionError, msgspec.MsgspecError):
        return bytes(raw).decode()


def encode_batch(n: int, columns: Mapping[str, Column]) -> bytes:
    """Return the bytes of a batch of ``n`` events given as columns with absolute times and offsets."""
    return compress(encode_json(n, columns))


def encode_json(n: int, columns: Mapping[str, Column]) -> bytes:
    """Return a batch before compression (kept apart so that compression can run in another thread)."""
    wired: dict[str, Any] = dict(columns)
    for name in _DIFFERENCES:
        column = wired.get(name)
        if column:
            wired[name] = _differences(column)
    return _encoder.encode({"v": VERSION, "n": n, "c": wired})


def compress(data: bytes) -> bytes:
    """Return one zstd frame that says its content size."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True).compress(data)


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


def decompress(data: bytes, *, bytes_max: int) -> bytes:
    """Return the content of one zstd frame; raises WireError when it is damaged, unbounded or over ``bytes_max``."""
    try:
        size = zstandard.get_frame_parameters(data).content_size
        if size == zstandard.CONTENTSIZE_UNKNOWN:
            raise WireError("the zstd frame does not say its content size; compress the batch in one call")
        if size > bytes_max:
            raise WireError(f"the batch decompresses to {size} bytes, the limit is {bytes_max}", too_large=True)
        content = zstandard.ZstdDecompressor().decompress(data, max_output_size=bytes_max, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise WireError(f"the body is no zstd frame: {error}") from error
    return content


def decode_json(data: bytes) -> Batch:
    """Return the batch of an uncompressed body; raises WireError."""
    try:
        if not data.isascii():
            data.decode()  # what stays msgspec.Raw below is not checked for its encoding otherwise
        wired = _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _wire_error(error) from error
    n = wired.n
    columns: dict[str, Column] = {}
    for attribute, field in _ATTRIBUTES:
        column = getattr(wired.c, attribute)
        if column is not None:
            columns[field.name] = _checked_column(field, column, n)
    if n:
        _check_required(columns)
    return Batch(n, columns)


def _checked_column(field: Field, column: Any, n: int) -> Column:
    if isinstance(column, str):
        if field.values is not None and column not in field.values:
            raise WireError(_not_allowed(field, column), index=0, field=field.name)
        return column
    if len(column) != n:
        raise WireError(f"column {field.name!r} has {len(column)} values, the batch has {n} events", field=field.name)
    if field.name in _DIFFERENCES:
        return _absolute(field.name, column)
    if field.values is not None:
        _check_values(field, column)
    elif field.kind in _RAW_KINDS:
        return _checked_raw(field, column)
    return column  # type: ignore[no-any-return]


def _check_values(field: Field, column: Sequence[str | None]) -> None:
    assert field.values is not None
    if not field.values.issuperset(value for value in set(column) if value is not None):
        index = next(index for index, value in enumerate(column) if value is not None and value not in field.values)
        raise WireError(_not_allowed(field, column[index]), index=index, field=field.name)


def _not_allowed(field: Field, value: Any) -> str:
    return f"{value!r} is not one of {', '.join(sorted(field.values or ()))}"


def _checked_raw(field: Field, column: Sequence[Any]) -> Column:
    opening = _RAW_KINDS[field.kind]
    firsts = [memoryview(raw)[0] for raw in column]
    kinds = set(firsts)
    if not kinds <= {opening, _NULL}:
        index = next(index for index, first in enumerate(firsts) if first not in (opening, _NULL))
        raise WireError(f"expected {field.kind}, found {bytes(column[index])[:40]!r}", index=index, field=field.name)
    if field.kind == "changes":
        for index, (raw, first) in enumerate(zip(column, firsts, strict=True)):
            if first == opening:
                _check_changes(field, raw, index)
    if _NULL not in kinds:
        return column
    return [raw if first == opening else None for raw, first in zip(column, firsts, strict=True)]


def _check_changes(field: Field, raw: msgspec.Raw, index: int) -> None:
    try:
        _changes_decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise WireError(f"expected a list of {{field, old, new}}: {error}", index=index, field=field.name) from error


def _check_required(columns: Mapping[str, Column]) -> None:
    for name in REQUIRED:
        column = columns.get(name)
        if column is None:
            raise WireError(f"no event has {name!r}, which every event must have", index=0, field=name)
        if not isinstance(column, str) and None in column:
            raise WireError(f"the event has no {name!r}", index=list(column).index(None), field=name)
    times: Any = columns["time"]
    if min(times) < TIME_MIN_US or max(times) > TIME_MAX_US:
        index = next(index for index, time in enumerate(times) if not TIME_MIN_US <= time <= TIME_MAX_US)
        raise WireError("the time lies outside the years 1 to 9999", index=index, field="time")


def _differences(column: Sequence[Any]) -> list[int | None]:
    if None not in column:
        return [column[0], *map(sub, column[1:], column)]
    differences: list[int | None] = []
    last = 0
    for value in column:
        differences.append(None if value is None else value - last)
        last = last if value is None else value
    return differences


def _absolute(name: str, column: Sequence[Any]) -> list[int | None]:
    if None not in column:
        values: list[int | None] = list(accumulate(column))
    else:
        values, last = [], 0
        for difference in column:
            last += difference or 0
            values.append(None if difference is None else last)
    if name == "origin.offset":
        known = [value for value in values if value is not None]
        if known and not (min(known) >= 0 and max(known) < 2**63):
            index = next(i for i, value in enumerate(values) if value is not None and not 0 <= value < 2**63)
            raise WireError("the offset is negative or too large", index=index, field=name)
    return values


def _wire_error(error: Exception) -> WireError:
    """Turn msgspec's ``… - at `$.c.actor.id[3]` `` into the event and field to blame."""
    message = str(error)
    text, _, place = message.partition(" - at `")
    path = place.rstrip("`")
    name, _, rest = path.removeprefix("$.c.").partition("[")
    index = rest.split("]")[0]
    return WireError(
        text or type(error).__name__,
        index=int(index) if index.isdecimal() else None,
        field=name if path.startswith("$.c.") else None,
    )


_COLUMN_TYPES: Final[dict[str, Any]] = {
    "time": list[int],
    "text": list[str | None] | str,
    "integer": list[int | None],
    "number": list[int | float | None],
    "numbers": list[dict[str, int | float] | None],
    "texts": list[list[str] | None],
    "object": list[msgspec.Raw],
    "changes": list[msgspec.Raw],
}
_ATTRIBUTES: Final = tuple((field.name.replace(".", "_"), field) for field in FIELDS)
_Columns: Any = msgspec.defstruct(
    "Columns",
    [(attribute, _COLUMN_TYPES[field.kind] | None, None) for attribute, field in _ATTRIBUTES],
    rename={attribute: field.name for attribute, field in _ATTRIBUTES},
    forbid_unknown_fields=True,
    gc=False,
)
_Wired: Any = msgspec.defstruct(
    "Wired",
    [
        ("v", Literal[1]),
        ("n", Annotated[int, msgspec.Meta(ge=0, le=EVENTS_MAX)]),
        ("c", _Columns),
    ],
    forbid_unknown_fields=True,
    gc=False,
)
_Change: Any = msgspec.defstruct("Change", [("field", str)], gc=False)
_changes_decoder: Final = msgspec.json.Decoder(list[_Change])
_decoder: Final = msgspec.json.Decoder(_Wired)
_encoder: Final = msgspec.json.Encoder()
