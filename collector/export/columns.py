"""The columns that a CSV may have, and what of an event stands in them.  Pure.

A column is a word of the seed's header (``timestamp``, ``user``, ``resource``, ``status``, ``ip_address``), ``id``,
``received``, a field of the event by its dotted name, ``measures.NAME`` or ``details.PATH``.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from watchbook.event import FIELD_NAMES

#: The header of a CSV when nobody chooses.
SEED_COLUMNS: Final = ("timestamp", "user", "action", "resource", "status", "ip_address")
COLUMNS_MAX: Final = 100
_PATH_CHARS_MAX: Final = 200
_SECONDS: Final = len("2026-11-21T12:00:00")


class Column(NamedTuple):
    """A column: its name in the header, and its value of a decoded event (None: an empty cell)."""

    name: str
    value: Callable[[Any], Any]


class ColumnError(ValueError):
    """A column that there is not."""


def columns_of(names: Sequence[str] | None) -> list[Column]:
    """Return the columns of these names, by default the seed's; raises ColumnError."""
    chosen = SEED_COLUMNS if names is None else names
    if len(chosen) > COLUMNS_MAX:
        raise ColumnError(f"{len(chosen)} columns are given, at most {COLUMNS_MAX} are written")
    return [_column(name) for name in chosen]


def _column(name: str) -> Column:
    if name in _SEED:
        return Column(name, _SEED[name])
    if name in ("id", "received") or name in FIELD_NAMES:
        return Column(name, attrgetter(name))
    group, dot, path = name.partition(".")
    if dot and path and group in ("details", "measures") and len(path) <= _PATH_CHARS_MAX:
        return Column(name, _path(group, path))
    close = difflib.get_close_matches(name.lower()[:64], [*_SEED, *FIELD_NAMES], n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ColumnError(f"there is no column {name[:80]!r}{hint}")


def _timestamp(event: Any) -> str:
    """Return the time as the seed's rows have it: UTC, to the second."""
    return str(event.time)[:_SECONDS].replace("T", " ")


def _user(event: Any) -> str | None:
    actor = event.actor
    found: str | None = actor.email or actor.id or actor.name
    return found


def _resource(event: Any) -> str | None:
    found: str | None = event.resource.name or event.resource.id
    return found


_SEED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "timestamp": _timestamp,
    "user": _user,
    "resource": _resource,
    "status": attrgetter("outcome"),
    "ip_address": attrgetter("source.ip"),
}


def _path(group: str, path: str) -> Callable[[Any], Any]:
    """Return what lies on a dotted path of a group; keys may have dots of their own, the longest key goes first."""

    def value(event: Any) -> Any:
        raw = getattr(event, group)
        if raw is None:
            return None
        found = _follow(msgspec.json.decode(raw), path)
        return msgspec.Raw(msgspec.json.encode(found)) if isinstance(found, dict | list) else found

    return value


def _follow(value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        return None
    for key, rest in _splits(path):
        if key in value:
            found = _follow(value[key], rest) if rest else value[key]
            if found is not None:
                return found
    return None


def _splits(path: str) -> Iterable[tuple[str, str]]:
    yield path, ""
    dot = path.rfind(".")
    while dot >= 0:
        yield path[:dot], path[dot + 1 :]
        dot = path.rfind(".", 0, dot)
