"""Which fields a rule may name, and how the values of each are reached.

A rule names the event's own fields (``actor.id``), a measure (``measures.rows``), a member of the changes
(``changes.field``, ``changes.old``, ``changes.new``) or anything below ``details``.
"""

import difflib
from typing import Any, Final

from watchbook.event import FIELD_BY_NAME, FIELD_NAMES

#: Fields that hold objects: a rule tests their members, or only whether they are there.
OBJECTS: Final = ("details", "measures", "changes")
CHANGE_MEMBERS: Final = ("field", "old", "new")
#: Columns whose values are texts: they can be tested on a column's distinct values.
TEXT_FIELDS: Final = frozenset(name for name in FIELD_NAMES if FIELD_BY_NAME[name].kind == "text")
#: Where unbound values (keywords) are searched.
KEYWORD_FIELDS: Final = ("message", "raw")


def split_object(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Return (``details``, (``a``, ``b``)) for ``details.a.b``; None when the field is a plain column."""
    head, _, rest = name.partition(".")
    return (head, tuple(rest.split("."))) if head in OBJECTS and rest else None


def field_complaint(name: str, *, presence_only: bool) -> str | None:
    """Return what is wrong with a field's name, None when a rule may use it.

    ``presence_only`` says that the rule asks only whether the field is there.
    """
    head, _, rest = name.partition(".")
    if head == "changes" and rest and rest not in CHANGE_MEMBERS:
        return f"changes have no {rest!r}; known: changes.field, changes.old, changes.new"
    if head in OBJECTS and rest:
        return None
    if name in OBJECTS and not presence_only:
        return f"{name!r} holds an object; name a member of it, such as {_member_example(name)!r}"
    if name in FIELD_BY_NAME:
        return None
    return f"no event has the field {name!r}{_suggestion(name)}"


def group_complaint(name: str) -> str | None:
    """Return what is wrong with a field to group by: it must name one text or number of an event."""
    if name in TEXT_FIELDS or (name.startswith("details.") and len(name) > len("details.")):
        return None
    complaint = field_complaint(name, presence_only=False)
    return (
        complaint or f"expected a field with one text to group by, found {name!r}; use actor.id, source.ip, details.x …"
    )


def resolve(value: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at ``path`` in a decoded JSON value; None when nothing does.

    A list on the way is searched in all its items and gives a list.  A key that itself has dots is found too.
    """
    if not path:
        return value
    if isinstance(value, list):
        return [inner for item in value if (inner := resolve(item, path)) is not None] or None
    if isinstance(value, dict):
        if len(path) == 1:
            return value.get(path[0])
        for end in range(len(path), 0, -1):
            key = ".".join(path[:end])
            if key in value:
                return resolve(value[key], path[end:])
    return None


def _member_example(name: str) -> str:
    return {"details": "details.ticket", "measures": "measures.rows", "changes": "changes.field"}[name]


def _suggestion(name: str) -> str:
    head, _, rest = name.partition(".")
    lowered = {known.lower(): known for known in FIELD_NAMES}
    lowered |= {f"{known}.{rest.lower()}": f"{known}.{rest}" for known in OBJECTS if rest and head != known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.7)
    if close:
        return f"; did you mean {lowered[close[0]]!r}?"
    return "; what only one source has lies under 'details.', numbers under 'measures.'"
