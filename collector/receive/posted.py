"""Events that anybody posts as JSON: checked one by one, so that a mistake names the event and the field.  No I/O."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from watchbook.changes import derive_changes
from watchbook.clock import Clock, parse_rfc3339
from watchbook.event import (
    CATEGORIES,
    FLAG_NO_RESOURCE,
    FLAG_TIME_ASSUMED,
    OUTCOMES,
    flatten,
)

ActorType = Literal["user", "api_key", "service", "anonymous", "system"]


class _Part(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    pass


class _Actor(_Part):
    type: ActorType | None = None
    id: str | None = None
    name: str | None = None
    email: str | None = None
    on_behalf_of: str | None = None


class _Resource(_Part):
    type: str | None = None
    id: str | None = None
    name: str | None = None


class _Source(_Part):
    ip: str | None = None
    user_agent: str | None = None
    session_id: str | None = None
    request_id: str | None = None


class _Origin(_Part):
    host: str | None = None
    agent: str | None = None
    input: str | None = None
    profile: str | None = None
    file: str | None = None
    offset: int | None = None


class _Change(_Part, kw_only=True):
    field: str
    old: Any = msgspec.UNSET
    new: Any = msgspec.UNSET


class _Event(_Part, kw_only=True):
    action: str
    time: str | None = None
    actor: _Actor | None = None
    event_type: str | None = None
    category: str | None = None
    resource: _Resource | None = None
    org: str | None = None
    project: str | None = None
    module: str | None = None
    outcome: str | None = None
    reason: str | None = None
    duration_ms: int | float | None = None
    measures: dict[str, int | float] | None = None
    source: _Source | None = None
    changes: list[_Change] | None = None
    before: Any = None
    after: Any = None
    details: dict[str, Any] | None = None
    message: str | None = None
    flags: list[str] | None = None
    origin: _Origin | None = None
    raw: str | None = None


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
        event = msgspec.json.decode(data, type=_Event)
        flat = flatten(msgspec.to_builtins(event))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message, _, place = str(error).partition(" - at `$.")
        raise PostedError(index, place.rstrip("`") or None, message.split(" (byte")[0]) from error
    except RecursionError as error:
        raise PostedError(index, None, f"nests deeper than {depth_max}") from error
    return _completed(index, flat, clock, depth_max)


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
    if content_type == "application/x-ndjson":
        return [line for line in body.splitlines() if line.strip()]
    if body.lstrip()[:1] != b"[":
        return [body]
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise PostedError(0, None, f"the body is no JSON array: {error}") from error
