"""A page of events as a piece of a CSV, JSON or NDJSON file.  Pure.

CSV is RFC 4180: CRLF, quotes where they are needed, UTF-8.  A text that a spreadsheet would take for a formula gets an
apostrophe before it (OWASP, CSV injection); numbers are left alone.  The pieces of a JSON array have commas between
their events and none at their ends.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from collector.export.columns import Column
from collector.export.rendered import decode_event, on_one_line

_FORMULA_STARTS: Final = frozenset("=+-@\t\r\n")

Event = bytes | msgspec.Raw


def encode_page(kind: str, events: Sequence[Event], columns: Sequence[Column], *, first: bool) -> bytes:
    """Return the piece of a file that a page is; the first piece of a CSV has the header before it."""
    if kind == "csv":
        return _csv(events, columns, first=first)
    return _JOINED[kind](map(on_one_line, events))


def cell(value: Any) -> str | int | float:
    """Return what a cell of a CSV shows: absent is empty, lists have commas, what is nested is JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, msgspec.Raw):
        return neutralised(bytes(value).decode())
    if isinstance(value, list):
        return neutralised(",".join(map(str, value)))
    return neutralised(str(value))


def neutralised(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in _FORMULA_STARTS and text else text


def _csv(events: Iterable[Event], columns: Sequence[Column], *, first: bool) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    if first:
        writer.writerow([neutralised(column.name) for column in columns])
    values = [column.value for column in columns]
    for event in events:
        decoded = decode_event(event)
        writer.writerow([cell(value(decoded)) for value in values])
    return buffer.getvalue().encode()


_JOINED: Final[Mapping[str, Callable[[Iterable[bytes]], bytes]]] = {
    "json": b",\n".join,
    "ndjson": lambda lines: b"".join(line + b"\n" for line in lines),
}
