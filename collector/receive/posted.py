"""Events that anybody posts as JSON: checked one by one, so that a mistake names the event and the field.  No I/O.

What this says is the truth; :mod:`collector.receive.quick` does the same for ordinary requests in less time.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from collector.receive.posted_event import OFFSET_MAX, PostedEvent
from watchbook.changes import derive_changes
from watchbook.clock import Clock, parse_rfc3339
from watchbook.event import (
    CATEGORIES,
    FLAG_NO_RESOURCE,
    FLAG_TIME_ASSUMED,
    OUTCOMES,
    flatten,
)

NDJSON: Final = "application/x-ndjson"


class PostedError(ValueError):
    """An event that cannot be taken: which of the body's events, which field, what is wrong with it."""

    def __init__(self, index: int, field: str | None, message: str) -> None:
        super().__init__(f"event {index}: {f'{field}: ' if field else ''}{message}")
        self.index = index
        self.field = field
        self.message = message


def flat_event(index: int, data: msgspec.Raw | bytes, clock: Clock, depth_max: int) -> dict[str, Any]:
    """Return the flat form of one posted event; raises PostedError.

    ``before`` and ``after`` become ``changes`` when no changes are given.  An event without a time gets the time of its
    arrival and says so in ``flags``; one without a principal is ``anonymous``.
    """
    try:
        event = msgspec.json.decode(data, type=PostedEvent)
        return _completed(index, flatten(msgspec.to_builtins(event)), clock, depth_max)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message, _, place = str(error).partition(" - at `$.")
        raise PostedError(index, place.rstrip("`") or None, message.split(" (byte")[0]) from error
    except RecursionError as error:
        raise PostedError(index, None, f"nests deeper than {depth_max}") from error


def _completed(index: int, flat: dict[str, Any], clock: Clock, depth_max: int) -> dict[str, Any]:
    flags = list(flat.get("flags") or ())
    _check_choice(index, flat, "outcome", OUTCOMES)
    _check_choice(index, flat, "category", CATEGORIES)
    if not flat["action"].strip():
        raise PostedError(index, "action", "must not be empty")
    if "time" in flat:
        flat["time"] = _time(index, flat["time"])
    else:
        flat["time"] = clock()
        flags.append(FLAG_TIME_ASSUMED)
    flat.setdefault("actor.type", "user" if flat.get("actor.id") else "anonymous")
    if "resource.type" not in flat:
        flags.append(FLAG_NO_RESOURCE)
    before, after = flat.pop("before", None), flat.pop("after", None)
    if "changes" not in flat and (changes := derive_changes(before, after)):
        flat["changes"] = changes
    if flags:
        flat["flags"] = list(dict.fromkeys(flags))
    _check_ip(index, flat)
    if not 0 <= flat.get("origin.offset", 0) <= OFFSET_MAX:
        raise PostedError(index, "origin.offset", f"expected a number from 0 to {OFFSET_MAX}")
    for name in ("details", "changes"):
        if depth(flat.get(name)) > depth_max:
            raise PostedError(index, name, f"nests deeper than {depth_max}")
    return flat


def _check_choice(index: int, flat: Mapping[str, Any], name: str, allowed: frozenset[str]) -> None:
    value = flat.get(name)
    if value is not None and value not in allowed:
        raise PostedError(index, name, f"expected one of {', '.join(sorted(allowed))}, found {value!r}")


def _time(index: int, text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise PostedError(index, "time", f"expected an RFC 3339 date-time with a zone: {error}") from error


def _check_ip(index: int, flat: Mapping[str, Any]) -> None:
    address = flat.get("source.ip")
    if address is not None:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise PostedError(index, "source.ip", f"expected an IPv4 or IPv6 address, found {address!r}") from error


def depth(value: Any) -> int:
    """Return how deep lists and objects nest in a value: 0 for a plain one.  Does not recurse."""
    deepest, level = 0, [value]
    while level := [v for v in level if isinstance(v, Mapping | list)]:
        deepest += 1
        level = [inner for v in level for inner in (v.values() if isinstance(v, Mapping) else v)]
    return deepest


def split_body(body: bytes, content_type: str) -> Sequence[msgspec.Raw | bytes]:
    """Return the events of a body, still as JSON: one object, an array, or NDJSON.  Raises PostedError."""
    if content_type == NDJSON:
        return [line for line in body.splitlines() if line.strip()]
    if body.lstrip()[:1] != b"[":
        return [body]
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise PostedError(0, None, f"the body is no JSON array: {error}") from error
