"""Posted events, all of a request at once: ordinary requests cost a fraction of what one event at a time costs.

This way only takes what is certainly fine, and gives what :mod:`collector.receive.posted` gives for it (a property test
holds the two together).  Whatever is unusual it leaves to the other, which knows what is wrong and where.
"""

import ipaddress
import socket
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from collector.receive.instants import instants
from collector.receive.posted_event import OFFSET_MAX, PARTS, Part, PostedEvent
from watchbook.changes import derive_changes
from watchbook.coded import Coded, code_column, has_absent, json_pieces
from watchbook.columns import Batch, Column, Columns
from watchbook.event import (
    CATEGORIES,
    FIELD_BY_NAME,
    FIELD_NAMES,
    FLAG_NO_RESOURCE,
    FLAG_TIME_ASSUMED,
    OUTCOMES,
)

_ADDRESSES_REMEMBERED: Final = 65_536
_array_decoder: Final = msgspec.json.Decoder(list[PostedEvent])
_line_decoder: Final = msgspec.json.Decoder(PostedEvent)
_Values = Sequence[Any]


class _UnusualError(Exception):
    """Something that the slow way must look at."""


def quick_batch(body: bytes, *, lines: bool, events_max: int, now: Callable[[], int], depth_max: int) -> Batch | None:
    """Return the posted events of an array or of NDJSON as a batch, None when anything about them is unusual."""
    try:
        events = _line_decoder.decode_lines(body) if lines else _array_decoder.decode(body)
        n = len(events)
        if not 0 < n <= events_max or (lines and not _stands_on_lines(body, n)):
            return None
        return Batch(n, _arranged(_completed(_taken_apart(events), n, now, depth_max)))
    except (_UnusualError, ValueError, msgspec.MsgspecError, RecursionError):
        return None


def _stands_on_lines(body: bytes, n: int) -> bool:
    """Return whether a body of ``n`` events has each on a line of its own: msgspec does not ask for that.

    A line's end between ``}`` and ``{`` is never inside an event, for something would have to stand between the two.
    """
    ends = body.count(b"\n") - body.endswith(b"\n")
    return b"\r" not in body and ends == n - 1 == body.count(b"}\n{")


def _taken_apart(events: Sequence[PostedEvent]) -> dict[str, _Values]:
    """Return one column a field, None where an event has none; a field that no event has gets no column."""
    columns = _columns_of(events, PostedEvent)
    for name, kind in PARTS.items():
        parts = columns.pop(name, None)
        if parts is not None:
            empty = kind()
            whole = parts if all(parts) else [empty if part is None else part for part in parts]
            columns.update({f"{name}.{member}": values for member, values in _columns_of(whole, kind).items()})
    return columns


def _columns_of(parts: Sequence[Part], kind: type[Part]) -> dict[str, _Values]:
    # One row of all members, cut into columns by steps: half the time of zip().
    flat: list[Any] = []
    deque(map(flat.extend, map(astuple, parts)), 0)
    members, nothing = kind.__struct_fields__, [None] * len(parts)
    columns = {member: flat[start :: len(members)] for start, member in enumerate(members)}
    return {member: values for member, values in columns.items() if values != nothing}


def _completed(
    columns: dict[str, _Values], n: int, now: Callable[[], int], depth_max: int
) -> dict[str, Column | Coded]:
    nothing: _Values = (None,) * n
    _require(all(0 <= offset <= OFFSET_MAX for offset in _distinct(columns.get("origin.offset", ()))))
    times = columns.get("time", nothing)
    flags = _flags(columns.get("flags", nothing), times, columns.get("resource.type", nothing))
    kinds = columns.get("actor.type", nothing)
    if not all(kinds):
        principals = columns.get("actor.id", nothing)
        kinds = [
            given or ("user" if principal else "anonymous") for given, principal in zip(kinds, principals, strict=True)
        ]
    before, after = columns.pop("before", nothing), columns.pop("after", nothing)
    changes = _changes(columns.get("changes", nothing), before, after)
    columns |= {"time": _times(times, now), "flags": flags, "actor.type": kinds, "changes": changes}
    completed: dict[str, Column | Coded] = {
        name: _texts(values) if FIELD_BY_NAME[name].kind == "text" else values for name, values in columns.items()
    }
    for name, is_fine in _CHECKS.items():
        if name in completed:
            _require(is_fine(_among(completed[name])))
    for name in ("changes", "details"):
        if name in columns:
            completed[name] = _pieces(columns[name], depth_max)
    return completed


def _texts(values: _Values) -> Column | Coded:
    """Return a column of texts in its shortest form; a text that all share is a constant."""
    coded = code_column(values)
    if coded is None:
        return values
    if len(coded.values) == 2 and not has_absent(coded):
        constant: str = coded.values[1]
        return constant
    return coded


def _among(column: Column | Coded) -> Collection[str]:
    """Return the distinct texts of a column."""
    if isinstance(column, Coded):
        return column.values[1:]
    return (column,) if isinstance(column, str) else _distinct(column)


def _require(fine: bool) -> None:
    if not fine:
        raise _UnusualError


def _any(values: _Values) -> bool:
    return bool(values) and (values[0] is not None or values.count(None) < len(values))


def _distinct(values: _Values) -> set[Any]:
    distinct = set(values)
    distinct.discard(None)
    return distinct


def _times(texts: Sequence[str | None], now: Callable[[], int]) -> list[int]:
    """Return times in microseconds; an event without one gets the present."""
    given = instants([text for text in texts if text is not None])
    if len(given) == len(texts):
        return given
    present, following = now(), iter(given)
    return [present if text is None else next(following) for text in texts]


def _flags(given: _Values, times: _Values, resources: _Values) -> _Values:
    """Return the flags that an event came with, and those that say what it lacks."""
    if not (_any(given) or None in times or None in resources):
        return given
    lacking = {
        (True, True): [FLAG_TIME_ASSUMED, FLAG_NO_RESOURCE],
        (True, False): [FLAG_TIME_ASSUMED],
        (False, True): [FLAG_NO_RESOURCE],
        (False, False): None,
    }
    return [
        lack if own is None else list(dict.fromkeys([*own, *(lack or ())]))
        for own, lack in (
            (own, lacking[time is None, resource is None])
            for own, time, resource in zip(given, times, resources, strict=True)
        )
    ]


def _changes(given: _Values, before: _Values, after: _Values) -> _Values:
    if not (_any(before) or _any(after)):
        return given
    return [
        changes if changes is not None else (derive_changes(old, new) or None)
        for changes, old, new in zip(given, before, after, strict=True)
    ]


def _pieces(values: _Values, depth_max: int) -> Column | Coded:
    """Return objects as JSON.  One with more brackets than it may nest deep is left to the one who counts exactly."""
    if not _any(values):
        return values
    pieces = json_pieces(values)
    coded = code_column(pieces) if 2 * pieces.count(None) < len(pieces) else None
    distinct = coded.values[1:] if coded else _distinct(pieces)
    _require(all(piece.count(b"{") + piece.count(b"[") <= depth_max for piece in distinct))
    if coded:
        return coded._replace(values=[None, *map(msgspec.Raw, distinct)])
    return [None if piece is None else msgspec.Raw(piece) for piece in pieces]


def _are_addresses(texts: Collection[str]) -> bool:
    try:
        for _ in map(socket.inet_pton, repeat(socket.AF_INET), texts):
            pass  # as strict as ipaddress, in a twentieth of the time
    except (OSError, ValueError):
        return all(map(_is_address, texts))
    return True


@lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _are_actions(texts: Collection[str]) -> bool:
    return all(map(str.strip, texts))


#: What the distinct texts of a column must be.
_CHECKS: Final[dict[str, Callable[[Collection[str]], bool]]] = {
    "outcome": OUTCOMES.issuperset,
    "category": CATEGORIES.issuperset,
    "action": _are_actions,
    "source.ip": _are_addresses,
}


def _arranged(columns: Mapping[str, Column | Coded]) -> Columns:
    """Return the columns that have values, in the order of the event's fields."""
    names: list[str] = []
    plain: dict[str, Column] = {}
    coded: dict[str, Coded] = {}
    for name in FIELD_NAMES:
        column = columns.get(name)
        if isinstance(column, Coded):
            coded[name] = column
        elif column is not None and (isinstance(column, str) or _any(column)):
            plain[name] = column
        else:
            continue
        names.append(name)
    return Columns(names, plain, coded)
