"""Alerts as the API shows them, and the query that finds an alert's events."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from collector.alert.life import BY_HAND
from collector.alert.matchers import text_of
from collector.alert.payload import alert_json
from collector.alert.rows import AlertView
from collector.alert.transitions import Transition
from collector.finding import GroupValue
from watchbook.clock import format_rfc3339
from watchbook.event import FIELD_BY_NAME

#: Fields that tell an alert's events from others of the same group and time, and most values of one that are named.
_TELLING: Final = ("category", "action", "event_type", "outcome", "resource.type")
_VALUES_MAX: Final = 5
#: Longest term: the query language reads no endless ones, and without one term more is found, not less.
_TERM_CHARS_MAX: Final = 500
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.@/-]+")
_OPERATOR_WORDS: Final = frozenset({"OR", "AND", "NOT"})


def document_of(view: AlertView) -> dict[str, Any]:
    """Return an alert as lists show it."""
    document = alert_json(view.state)
    document["status"] = view.status
    document["counting"] = view.state.resolved is None
    document.pop("resolved", None)
    document.pop("resolution", None)
    if view.status == "resolved":
        document["resolved"] = _time(view.closed or view.state.last)
        if view.closed_by is None:
            document["resolution"] = view.state.resolution
        else:
            document |= _without_none(resolution=BY_HAND, resolved_by=view.closed_by, resolved_note=view.closed_note)
    if view.acknowledged is not None:
        document["acknowledged"] = _without_none(
            time=_time(view.acknowledged), by=view.acknowledged_by, note=view.acknowledged_note
        )
    if view.disposition is not None and view.disposition_at is not None:
        document["disposition"] = _without_none(
            value=view.disposition, time=_time(view.disposition_at), by=view.disposition_by, note=view.disposition_note
        )
    return document | _without_none(silenced_by=view.silenced_by, inhibited_by=view.inhibited_by)


def full_document(
    view: AlertView,
    event_ids: Sequence[str],
    events: Sequence[Mapping[str, Any]],
    transitions: Sequence[Transition],
    public_url: str | None,
) -> dict[str, Any]:
    """Return an alert with its evidence, the query that finds its events, its link and what happened to it.

    ``events`` are those of ``event_ids`` that can still be read, in flat form.
    """
    is_complete = len(events) == view.state.events
    query, first, last = _query(view, events if is_complete else ())
    search = {"q": query, "from": format_rfc3339(first), "to": format_rfc3339(last + 1)}
    return {
        **document_of(view),
        "event_ids": list(event_ids),
        "query": f"{query} time:{format_rfc3339(first)}..{format_rfc3339(last)}".strip(),
        "search": {**search, "href": f"{public_url or ''}/v1/events?{urlencode(search)}"},
        "permalink": f"{public_url or ''}/v1/alerts/{view.state.id}",
        "history": [
            _without_none(number=each.number, kind=each.kind, time=_time(each.time), by=each.by, note=each.note)
            for each in transitions
        ],
    }


def _query(view: AlertView, events: Sequence[Mapping[str, Any]]) -> tuple[str, int, int]:
    """Return a query that finds at least an alert's events, and the times of the first and the last of them.

    What only the events tell is used when all of them are known: a query must not leave one of them out.
    """
    state = view.state
    terms = [_term(name, value) for name, value in state.group if _is_field(name)]
    if not events:
        return _joined(terms), state.first, state.last
    grouped = {name for name, _ in state.group}
    terms += [term for name in _TELLING if name not in grouped for term in _alternatives(name, events)]
    times = [event["time"] for event in events]
    return _joined(terms), min(times), max(times)


def _joined(terms: Sequence[str]) -> str:
    return " ".join(term for term in terms if len(term) <= _TERM_CHARS_MAX)


def _alternatives(name: str, events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    values = sorted({str(event.get(name) or "") for event in events})
    if "" not in values and len(values) <= _VALUES_MAX:
        yield f"{name}:{','.join(map(_quoted, values))}"


def _term(name: str, value: GroupValue) -> str:
    written = name if _PLAIN.fullmatch(name) else _in_quotes(name)
    if value is None:
        return f"-has:{written}"
    return f"{written}:{_quoted(text_of(value))}"


def _is_field(name: str) -> bool:
    """Return whether a group's name is a field of events: it may be a name that only the rule gives."""
    return name in FIELD_BY_NAME or name.startswith("details.")


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) and value not in _OPERATOR_WORDS else _in_quotes(value)


def _in_quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _without_none(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


_time: Final[Callable[[int], str]] = format_rfc3339
