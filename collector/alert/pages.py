"""Pages of alerts by what they are asked for, newest first."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from collector.alert.cursor import read_cursor, write_cursor
from collector.alert.documents import document_of
from collector.alert.rows import ALERTS_BY, VIEW_COLUMNS, view_of
from collector.locked import LockedConnection

LIST_MAX: Final = 1000
_IN_GROUP: Final = (
    "exists (select 1 from json_each(group_key) as pair where json_extract(pair.value, '$[0]') = ? and "
    "cast(json_extract(pair.value, '$[1]') as text) = ?)"
)


class Filters(NamedTuple):
    """Which alerts are wanted; all that is given must hold, alternatives stand in a tuple.

    ``rule`` is a rule's id, ``group`` a field and its value as text, ``disposition`` may be ``none``.  ``shadow``:
    ``only`` alerts of rules in shadow mode, ``also`` those; None: none of them.  ``opened_from`` and ``opened_to``
    (excluded) are microseconds.
    """

    status: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    rule: str | None = None
    tag: str | None = None
    group: tuple[tuple[str, str], ...] = ()
    silenced: bool | None = None
    inhibited: bool | None = None
    disposition: str | None = None
    shadow: str | None = None
    opened_from: int | None = None
    opened_to: int | None = None


def read_page(state: LockedConnection, filters: Filters, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return ``{"alerts": [...], "next_cursor": "…" or None}``; raises CursorError."""
    limit = min(max(limit, 1), LIST_MAX)
    wheres, values = _where(filters)
    bound = {name: repr(value) for name, value in filters._asdict().items()}
    if cursor is not None:
        wheres.append("(opened, alert.number) < (?, (select number from alert where id = ?))")
        values += read_cursor(cursor, bound)
    where = f"where {' and '.join(wheres)}" if wheres else ""
    alerts = ALERTS_BY.format(index=_index(filters))
    rows = state.rows(
        f"select {VIEW_COLUMNS} from {alerts} {where} order by opened desc, alert.number desc limit ?", *values, limit
    )
    views = [view_of(row) for row in rows]
    more = write_cursor(views[-1].state.opened, views[-1].state.id, bound) if len(views) == limit else None
    return {"alerts": [document_of(view) for view in views], "next_cursor": more}


def _index(filters: Filters) -> str:
    """Return the index that leads to what is asked for in its order."""
    if filters.rule is not None:
        return "alert_by_rule"
    return "alert_unresolved" if filters.status and "resolved" not in filters.status else "alert_newest"


def _where(filters: Filters) -> tuple[list[str], list[Any]]:
    conditions = list(_conditions(filters))
    return [condition for condition, _ in conditions], [value for _, values in conditions for value in values]


def _conditions(filters: Filters) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield conditions with their values."""
    for column, alternatives in (("status", filters.status), ("level", filters.level)):
        if alternatives:
            yield f"{column} in ({', '.join('?' * len(alternatives))})", alternatives
    if filters.status and "resolved" not in filters.status:
        yield "status <> 'resolved'", ()
    if filters.rule is not None:
        yield "rule_id = ?", (filters.rule,)
    if filters.tag is not None:
        yield "exists (select 1 from json_each(tags) where lower(value) = lower(?))", (filters.tag,)
    for name, value in filters.group:
        yield _IN_GROUP, (name, value)
    for column, wanted in (("silenced_by", filters.silenced), ("inhibited_by", filters.inhibited)):
        if wanted is not None:
            yield f"{column} is {'not ' if wanted else ''}null", ()
    if filters.disposition == "none":
        yield "disposition is null", ()
    elif filters.disposition is not None:
        yield "disposition = ?", (filters.disposition,)
    if filters.shadow != "also":
        yield f"shadow = {int(filters.shadow == 'only')}", ()
    yield from _opened(filters)


def _opened(filters: Filters) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if filters.opened_from is not None:
        yield "opened >= ?", (filters.opened_from,)
    if filters.opened_to is not None:
        yield "opened < ?", (filters.opened_to,)
