"""What an index must say, found event by event."""

import string
from collections.abc import Callable, Sequence
from ipaddress import AddressValueError, IPv4Address
from typing import Any

import numpy as np

from collector.view import (
    SEPARATOR,
    AddressColumn,
    CodedColumn,
    HashedColumn,
    IndexView,
    NumberColumn,
    PresenceColumn,
    Wanted,
)
from collector.words import checksum
from watchbook.event import FIELDS

Events = Sequence[dict[str, Any]]
HASHED = ("source.session_id", "source.request_id")


def check_view(view: IndexView, events: Events, *, chars_max: int = 200) -> None:
    """Compare everything an index says with the events it is of."""
    assert view.rows == len(events)
    assert [chunk.row for chunk in view.chunks] == [sum(c.n for c in view.chunks[:i]) for i in range(len(view.chunks))]
    assert sum(chunk.n for chunk in view.chunks) == len(events)
    for chunk in view.chunks:
        rows = events[chunk.row : chunk.row + chunk.n]
        times = [row["time"] for row in rows]
        assert view.times(chunk).tolist() == times
        assert (chunk.tmin, chunk.tmax) == (min(times), max(times))
    for field in FIELDS:
        if field.name != "time":
            _check_field(view, events, field.name, chars_max)
    _check_field(view, events, "changes.field", chars_max)
    for name in {name for row in events for name in row.get("measures", ())}:
        _check_measure(view, events, name)


def value_of(row: dict[str, Any], field: str) -> Any:
    """Return what an index knows of a field of an event; None: nothing."""
    if field == "changes.field":
        names = list(dict.fromkeys(change["field"] for change in row.get("changes", ())))
        return names or None
    return row.get(field) if field != "flags" else list(dict.fromkeys(row.get(field, ()))) or None


def _check_field(view: IndexView, events: Events, field: str, chars_max: int) -> None:
    for chunk in view.chunks:
        values = [value_of(row, field) for row in events[chunk.row : chunk.row + chunk.n]]
        column = view.column(chunk, field)
        match column:
            case None:
                assert all(value is None for value in values), field
            case CodedColumn(codes):
                assert len(codes) == chunk.n
                _check_codes(view, field, codes.tolist(), values, chars_max)
                counts = view.counts(chunk, field)
                assert counts is None or counts.tolist() == np.bincount(codes).tolist()
            case HashedColumn(checksums):
                assert checksums.tolist() == [0 if value is None else checksum(value.casefold()) for value in values]
            case NumberColumn():
                _check_numbers(column, values)
            case AddressColumn(numbers, kinds):
                assert [_address(value) for value in values] == list(zip(kinds.tolist(), numbers.tolist(), strict=True))
            case PresenceColumn(present):
                assert present.tolist() == [value is not None for value in values]


def _check_codes(view: IndexView, field: str, codes: list[int], values: list[Any], chars_max: int) -> None:
    for code, value in zip(codes, values, strict=True):
        if value is None:
            assert code == 0
            continue
        joined = SEPARATOR.join(value) if isinstance(value, list) else value
        unkept = len(joined) > chars_max or (isinstance(value, list) and any(SEPARATOR in text for text in value))
        assert 1 <= code <= view.size(field)
        assert view.text(field, code) == (None if unkept else joined)
    # Equal texts have equal codes, others do not.
    joined_values = [SEPARATOR.join(value) if isinstance(value, list) else value for value in values]
    assert len(set(zip(codes, joined_values, strict=True))) <= len(set(codes))


def _check_measure(view: IndexView, events: Events, name: str) -> None:
    for chunk in view.chunks:
        values = [row.get("measures", {}).get(name) for row in events[chunk.row : chunk.row + chunk.n]]
        column = view.column(chunk, f"measures.{name}")
        match column:
            case None:
                assert all(value is None for value in values)
            case NumberColumn():
                _check_numbers(column, values)
            case PresenceColumn(present):
                assert all(there for there, value in zip(present.tolist(), values, strict=True) if value is not None)
            case _:
                raise AssertionError(column)


def _check_numbers(column: NumberColumn, values: list[Any]) -> None:
    found = column.values.tolist()
    assert [number != number for number in found] == [value is None for value in values]
    there = [(number, value) for number, value in zip(found, values, strict=True) if value is not None]
    if column.exact:
        assert all(number == value for number, value in there)
    else:
        assert any(number != value for number, value in there)
        assert all(number == _nearest(value) for number, value in there)


def _nearest(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _address(value: str | None) -> tuple[int, int]:
    if value is None:
        return 0, 0
    other = 6 if value and set(value) <= set(string.hexdigits + ":.") else 1
    try:
        address = IPv4Address(value)
    except AddressValueError:
        return other, 0
    return (4, int(address)) if str(address) == value else (other, 0)


def check_passing(view: IndexView, events: Events, field: str, wanted: Wanted) -> None:
    """Compare which codes pass with what the test says of each event."""
    passing = view.passing(field, wanted)
    lower, upper = set(passing.lower.tolist()), set(passing.upper.tolist())
    assert lower <= upper
    assert passing.lower.tolist() == sorted(lower)
    assert passing.upper.tolist() == sorted(upper)
    for chunk in view.chunks:
        column = view.column(chunk, field)
        codes = [0] * chunk.n if column is None else column.codes.tolist()  # type: ignore[union-attr]
        for row, code in zip(events[chunk.row : chunk.row + chunk.n], codes, strict=True):
            truth = _truth(value_of(row, field), wanted.passes)
            assert truth or code not in lower
            assert not truth or code in upper
            if code and view.text(field, code) is not None:
                assert (code in lower) == truth == (code in upper)


def _truth(value: Any, passes: Callable[[str], bool]) -> bool:
    if value is None:
        return False
    return any(map(passes, value)) if isinstance(value, list) else passes(value)
