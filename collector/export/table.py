"""The columns of an export that is a table: one a field of the event, flat, ``actor.id`` as ``actor_id``.  Pure.

Texts and numbers are columns of their kind; ``measures``, ``changes``, ``details`` and ``flags`` are JSON as they were.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple

import msgspec

from collector.export.rendered import decode_event, on_one_line
from watchbook.event import FIELDS, Kind

ColumnType = Literal["time", "text", "integer", "number", "json"]
Cell = str | int | float | None

#: Integers outside of these do not fit into a column of 64 bits.
_INTEGER_MAX: Final = 2**63 - 1
_TYPES: Final[dict[Kind, ColumnType]] = {
    "time": "time", "text": "text", "integer": "integer", "number": "number", "numbers": "json", "object": "json",
    "changes": "json", "texts": "json",
}  # fmt: skip


class TableColumn(NamedTuple):
    """A column: its name, its type, and its cell of a decoded event."""

    name: str
    type: ColumnType
    cell: Callable[[Any], Cell]


def row_of(event: bytes | msgspec.Raw) -> list[Cell]:
    """Return the row of one event, given as JSON."""
    decoded = decode_event(event)
    return [column.cell(decoded) for column in TABLE]


def _column(name: str, kind: ColumnType) -> TableColumn:
    value = attrgetter(name)
    if kind == "json":
        return TableColumn(name.replace(".", "_"), kind, lambda event: _json(value(event)))
    if kind == "integer":
        return TableColumn(name.replace(".", "_"), kind, lambda event: _bounded(value(event)))
    return TableColumn(name.replace(".", "_"), kind, value)


def _json(value: Any) -> str | None:
    if value is None:
        return None
    return on_one_line(value if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)).decode()


def _bounded(value: int | None) -> int | None:
    return None if value is None or abs(value) > _INTEGER_MAX else value


TABLE: Final = (
    _column("id", "text"),
    _column("received", "time"),
    *(_column(field.name, _TYPES[field.kind]) for field in FIELDS),
)
