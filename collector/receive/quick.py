"""Posted events, all of a request at once: ordinary requests cost a fraction of what one event at a time costs.

This way only takes what is certainly fine, and gives what :mod:`collector.receive.posted` gives for it (a property test
holds the two together).  Whatever is unusual it leaves to the other, which knows what is wrong and where.
"""

import ipaddress
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from collector.receive.instants import instants
from collector.receive.posted_event import OFFSET_MAX, PARTS, Part, PostedEvent
from watchbook.changes import derive_changes
from watchbook.columns import Batch, Column
from watchbook.event import CATEGORIES, FIELDS, FLAG_NO_RESOURCE, FLAG_TIME_ASSUMED, OUTCOMES

_ADDRESSES_REMEMBERED: Final = 65_536
_array_decoder: Final = msgspec.json.Decoder(list[PostedEvent])
_line_decoder: Final = msgspec.json.Decoder(PostedEvent)
_encoder: Final = msgspec.json.Encoder()
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
        return Batch(n, _arranged(_completed(_taken_apart(events), n, now, depth_max), n))
    except (_UnusualError, ValueError, msgspec.MsgspecError, RecursionError):
        return None


def _stands_on_lines(body: bytes, n: int) -> bool:
    """Return whether a body of ``n`` events has each on a line of its own: msgspec does not ask for that.

    A line's end between ``}`` and ``{`` is never inside an event, for something would have to stand between the two.
    """
    ends = body.count(b"\n") - body.endswith(b"\n")
    return b"\r" not in body and ends == n - 1 == body.count(b"}\n{")


def _taken_apart(events: Sequence[PostedEvent]) -> dict[str, _Values]:
    """Return one column a field, None where an event has none."""
    columns = _columns_of(events, PostedEvent)
    for name, kind in PARTS.items():
        parts = columns.pop(name)
        if _any(parts):
            empty = kind()
            inner = _columns_of([empty if part is None else part for part in parts], kind)
            columns.update({f"{name}.{member}": values for member, values in inner.items()})
    return columns


def _columns_of(parts: Iterable[Part], kind: type[Part]) -> dict[str, _Values]:
    return dict(zip(kind.__struct_fields__, zip(*map(astuple, parts), strict=True), strict=True))


def _completed(columns: dict[str, _Values], n: int, now: Callable[[], int], depth_max: int) -> dict[str, _Values]:
    nothing: _Values = (None,) * n
    _require(_distinct(columns["outcome"]) <= OUTCOMES and _distinct(columns["category"]) <= CATEGORIES)
    _require(all(map(str.strip, _distinct(columns["action"]))))
    _require(_are_addresses(_distinct(columns.get("source.ip", nothing))))
    _require(all(0 <= offset <= OFFSET_MAX for offset in _distinct(columns.get("origin.offset", nothing))))
    columns["flags"] = _flags(columns["flags"], columns["time"], columns.get("resource.type", nothing))
    columns["time"] = _times(columns["time"], now)
    columns["actor.type"] = [
        given or ("user" if principal else "anonymous")
        for given, principal in zip(
            columns.get("actor.type", nothing), columns.get("actor.id", nothing), strict=True
        )
    ]  # fmt: skip
    columns["changes"] = _changes(columns["changes"], columns.pop("before"), columns.pop("after"))
    for name in ("changes", "details"):
        columns[name] = _pieces(columns[name], depth_max)
    return columns


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


def _pieces(values: _Values, depth_max: int) -> _Values:
    """Return objects as JSON.  One with more brackets than it may nest deep is left to the one who counts exactly."""
    if not _any(values):
        return values
    encode = _encoder.encode
    pieces = [None if value is None else encode(value) for value in values]
    distinct = _distinct(pieces)
    _require(all(piece.count(b"{") + piece.count(b"[") <= depth_max for piece in distinct))
    raws = {None: None} | {piece: msgspec.Raw(piece) for piece in distinct}
    return list(map(raws.__getitem__, pieces))


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


def _arranged(columns: Mapping[str, _Values], n: int) -> dict[str, Column]:
    """Return the columns that have values, in the order of the event's fields; a text that all share is a constant."""
    arranged: dict[str, Column] = {}
    for field in FIELDS:
        values = columns.get(field.name, ())
        if not _any(values):
            continue
        shared = field.kind == "text" and values[0] == values[-1] and values.count(values[0]) == n
        arranged[field.name] = values[0] if shared else values
    return arranged
