"""What of an event and of an alert stands in which cell of a row.  Pure; everything returned is safe on a terminal."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from watchbook.clock import parse_rfc3339

#: Longest text of a cell; the table cuts it again to fit.
CELL_CHARS_MAX: Final = 400

_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"

JsonObject = Mapping[str, Any]


class Row(NamedTuple):
    """One line of a table: its cells, and the word that gives it a colour."""

    cells: tuple[str, ...]
    tone: str | None


class _Event(msgspec.Struct):
    """What a row shows of an event; the rest is not even decoded."""

    time: str
    action: str
    actor: dict[str, Any] = {}
    resource: dict[str, Any] = {}
    source: dict[str, Any] = {}
    outcome: str | None = None
    message: str | None = None
    reason: str | None = None
    event_type: str | None = None
    raw: str | None = None


EVENT_HEADS: Final = ("time", "actor", "action", "resource", "outcome", "ip", "message")
ALERT_HEADS: Final = ("last", "level", "status", "rule", "group", "count", "id")


def visible(text: str) -> str:
    """Return a text in which everything that could steer a terminal, or turn text around, is written out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written_out(character) for character in text)


def visible_lines(text: str) -> str:
    """Return :func:`visible` line by line."""
    return "\n".join(map(visible, text.split("\n")))


def event_row(event: bytes | msgspec.Raw, utc: bool) -> Row:
    """Return the row of one event, given as JSON."""
    found = msgspec.json.decode(event, type=_Event)
    actor, resource = found.actor, found.resource
    who = actor.get("name") or actor.get("email") or actor.get("id") or f"({actor.get('type', '?')})"
    if actor.get("on_behalf_of"):
        who = f"{who} as {actor['on_behalf_of']}"
    what = " ".join(_texts(resource.get("type"), resource.get("name") or resource.get("id")))
    said = " · ".join(_texts(found.message or found.event_type, found.reason)) or found.raw or ""
    cells = (who, found.action, what, found.outcome or "", found.source.get("ip", ""), said)
    return Row((shown_time(found.time, utc), *map(_cell, cells)), found.outcome)


def alert_row(alert: bytes | msgspec.Raw, utc: bool) -> Row:
    """Return the row of one alert, given as JSON."""
    found: JsonObject = msgspec.json.decode(alert, type=dict[str, Any])
    group = found.get("group") or {}
    grouped = ", ".join(f"{name}={value}" for name, value in group.items() if value is not None)
    hidden = [word for word in ("silenced", "inhibited") if found.get(f"{word}_by")]
    status = " ".join([str(found.get("status")), *hidden])
    cells = (found.get("level"), status, found.get("title"), grouped, found.get("count"), found.get("id"))
    return Row((shown_time(str(found.get("last")), utc), *map(_cell, cells)), found.get("level"))


def shown_time(text: str, utc: bool) -> str:
    """Return an RFC 3339 time to the second in the local zone or in UTC; any other text as it is."""
    try:
        moment = datetime.fromtimestamp(parse_rfc3339(text) // 1_000_000, UTC)
        return (moment if utc else moment.astimezone()).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return _cell(text)


RowOf = Callable[[bytes | msgspec.Raw, bool], Row]


def _texts(*values: Any) -> Iterable[str]:
    return (str(value) for value in values if value not in (None, ""))


def _cell(value: Any) -> str:
    return "" if value is None else visible(str(value)[:CELL_CHARS_MAX])


def _written_out(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE or character in _JOINERS:
        return character
    return character.encode("unicode_escape").decode()
