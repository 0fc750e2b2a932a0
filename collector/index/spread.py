"""From columns' values to numbers, one an event; where the wire had codes, each value is looked at once."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from operator import is_not
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.index.forms import EXACT_MAX
from collector.view import SEPARATOR, Mask
from collector.words import checksum
from watchbook.coded import BASE, Coded
from watchbook.columns import Batch, decode_raw


def spread(
    batches: Sequence[Batch], field: str, numbers_of: Callable[[Sequence[Any]], NDArray[Any]], target: NDArray[Any]
) -> None:
    """Put a number for each event of consecutive batches into ``target``, which has that of "absent" everywhere.

    ``numbers_of`` gets the values of all batches at once, perhaps some twice or None, and returns as many numbers.
    """
    values: list[Any] = []
    pieces: list[tuple[int, int, Coded | None]] = []
    for batch in batches:
        coded = batch.coded(field)
        column = batch.columns.get(field) if coded is None else coded.values[1:]
        pieces.append((len(values), batch.n, coded))
        if isinstance(column, str):
            values.append(column)
        elif column is not None:
            values.extend(column)
    numbers = numbers_of(values)
    at = 0
    for (start, n, coded), (end, _, _) in zip(pieces, [*pieces[1:], (len(values), 0, None)], strict=True):
        if coded is not None:
            known = np.concatenate((target[at : at + 1], numbers[start:end]))  # before them, what "absent" is
            target[at : at + n] = known[indexes_of(coded)]
        elif start < end:
            target[at : at + n] = numbers[start:end]
        at += n


def indexes_of(coded: Coded) -> NDArray[Any]:
    """Return which of a coded column's values each event has."""
    low = np.frombuffer(coded.low, np.uint8)
    return low if coded.high is None else np.frombuffer(coded.high, np.uint8).astype(np.intp) * BASE + low


def present_values(batch: Batch, field: str) -> Iterator[tuple[int, Any]]:
    """Yield (index, value) of the events that have a field, in order."""
    coded = batch.coded(field)
    if coded is None:
        return ((index, value) for index, value in enumerate(batch.column(field) or ()) if value is not None)
    indexes = indexes_of(coded)
    rows = np.flatnonzero(indexes)
    return zip(rows.tolist(), map(coded.values.__getitem__, indexes[rows].tolist()), strict=True)


def mapped(codes: dict[Any, int], values: Iterable[Any]) -> NDArray[np.uint32]:
    """Return the code of each value; ``codes`` may give out new ones."""
    return np.frombuffer(array("I", map(codes.__getitem__, values)), np.uint32)


def presence_of(values: Sequence[Any]) -> Mask:
    """Return which values are not None."""
    return np.frombuffer(bytes(map(is_not, values, repeat(None))), np.bool_)


def checksums_of(texts: Sequence[str | None]) -> NDArray[np.uint32]:
    """Return :func:`collector.words.checksum` of each text's case-folded form, 0 for None."""
    try:
        # All at once, as far as the texts allow it.
        pieces = SEPARATOR.join(texts).casefold().encode("utf-8", "surrogatepass").split(b"\0")  # type: ignore[arg-type]
    except TypeError:  # there is a None among them
        return np.where(presence_of(texts), checksums_of([text or "" for text in texts]), np.uint32(0))
    if len(pieces) != len(texts):
        return np.array([0 if text is None else checksum(text.casefold()) for text in texts], np.uint32)
    return np.frombuffer(array("I", map(crc32, pieces)), np.uint32) % np.uint32(0xFFFFFF) + np.uint32(1)


def changed_fields(values: Sequence[msgspec.Raw | None]) -> list[list[str] | None]:
    """Return the names of the fields in each event's ``changes``; None where a query would not find any."""
    raws = [b"null" if value is None else value for value in values]
    try:
        lists = msgspec.json.decode(b"[" + b",".join(raws) + b"]")
    except (RecursionError, msgspec.MsgspecError):
        # One of them cannot be read: told apart as a query does it.
        lists = [None if value is None else decode_raw(value) for value in values]
    # What is a list here was found on arrival to be one of objects with a "field".
    return [[change["field"] for change in changes] if isinstance(changes, list) else None for changes in lists]


def floats_of(values: Sequence[Any]) -> tuple[NDArray[np.float64], bool]:
    """Return numbers (None: NaN) as floats, and whether each float is exactly its number."""
    try:
        floats = np.array(values, np.float64)
    except OverflowError:
        return np.array([_float(value) for value in values], np.float64), False
    large = np.flatnonzero(np.abs(floats) >= EXACT_MAX)
    return floats, all(float(floats[index]) == values[index] for index in large.tolist())


def _float(value: float | None) -> float:
    try:
        return np.nan if value is None else float(value)
    except OverflowError:
        return np.inf if value is not None and value > 0 else -np.inf
