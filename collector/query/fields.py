"""The names a query may use, and what kind of values each takes."""

from dataclasses import dataclass
from typing import Final, Literal

from collector.query.errors import QueryError, nearest
from collector.query.plan import CHANGED_FIELD, RECEIVED
from watchbook.event import FIELD_BY_NAME

TargetKind = Literal["text", "words", "number", "duration", "time", "address", "actor", "action", "choice", "loose"]


@dataclass(frozen=True)
class Target:
    """What a name stands for: the event's fields, how values are understood, and the values allowed (if few)."""

    name: str
    fields: tuple[str, ...]
    kind: TargetKind
    choices: frozenset[str] = frozenset()


#: Where free text is looked for.
TEXT_FIELDS: Final = (
    "actor.id", "actor.name", "actor.email", "actor.on_behalf_of", "action", "event_type",
    "resource.type", "resource.id", "resource.name", "source.ip", "message", "reason", "raw",
)  # fmt: skip
ACTOR_FIELDS: Final = ("actor.id", "actor.name", "actor.email", "actor.on_behalf_of")
RESOURCE_FIELDS: Final = ("resource.id", "resource.name", "resource.type")
#: Fields that may hold an e-mail address, whose local part names the actor too.
ADDRESS_FIELDS: Final = ("actor.id", "actor.email", "actor.on_behalf_of")
#: Long texts: a value is looked for as words in them.
_PROSE: Final = frozenset({"message", "reason", "raw", "source.user_agent"})

ALIASES: Final = {
    "user": "actor",
    "status": "outcome",
    "type": "resource.type",
    "event": "event_type",
    "ip": "source.ip",
    "ip_address": "source.ip",
    "host": "origin.host",
    "session": "source.session_id",
    "request": "source.request_id",
    "organization": "org",
    "timestamp": "time",
    "duration": "duration_ms",
    "actor_type": "actor.type",
    "user_type": "actor.type",
    "resource_type": "resource.type",
    "resource_id": "resource.id",
    "resource_name": "resource.name",
    "user_agent": "source.user_agent",
    "session_id": "source.session_id",
    "request_id": "source.request_id",
    "email": "actor.email",
}
_GROUPS: Final = {
    "actor": Target("actor", ACTOR_FIELDS, "actor"),
    "resource": Target("resource", RESOURCE_FIELDS, "text"),
    "changed": Target("changed", (CHANGED_FIELD,), "text"),
    RECEIVED: Target(RECEIVED, (RECEIVED,), "time"),
}
#: What cannot be searched by itself, but asked for with ``has:``.
_ONLY_PRESENT: Final = {
    "measures": Target("measures", ("measures",), "loose"),
    "details": Target("details", ("details",), "loose"),
    "changes": Target("changed", (CHANGED_FIELD,), "text"),
}
_INSTEAD: Final = {
    "measures": "name the measure: measures.rows:>1000",
    "details": "name the detail: details.plan:free",
    "changes": "name the field that changed: changed:plan",
}
#: The name that asks whether a field is there: ``has:org``.
HAS: Final = "has"
#: The names that complete a query, for suggestions and documentation.
NAMES: Final = tuple(sorted({*ALIASES, *_GROUPS, *FIELD_BY_NAME} - _INSTEAD.keys()))
_PATHS: Final[dict[str, TargetKind]] = {"measures": "number", "details": "loose"}
#: Most dots in ``details.a.b.c``: following a path costs a level of recursion each.
PATH_DOTS_MAX: Final = 32


def target_of(name: str, position: int | None = None) -> Target:
    """Return what a name stands for; raises QueryError, at ``position``, when it is unknown."""
    known = ALIASES.get(name.lower(), name.lower())
    if known in _GROUPS:
        return _GROUPS[known]
    if known in _INSTEAD:
        raise QueryError(f"{name!r} is no field to search by itself: {_INSTEAD[known]}", position)
    if known in FIELD_BY_NAME:
        return _plain_target(known)
    group, dot, path = name.partition(".")
    if dot and path and group.lower() in _PATHS:
        if path.count(".") > PATH_DOTS_MAX:
            raise QueryError(f"the path {name[:40]!r}… has more than {PATH_DOTS_MAX} dots", position)
        full = f"{group.lower()}.{path}"
        return Target(full, (full,), _PATHS[group.lower()])
    suggestion = nearest(name, (*NAMES, HAS))
    hint = "" if suggestion else f'; to search for the text, quote it: "{name[:40]}:…"'
    raise QueryError(f"there is no field {name[:80]!r}{hint}", position, suggestion=suggestion)


def present_target(name: str, position: int | None = None) -> Target:
    """Return what ``has:NAME`` asks for; raises QueryError when the name is unknown."""
    return _ONLY_PRESENT.get(name.lower()) or target_of(name, position)


def single_field(name: str) -> str:
    """Return the one field of the event that a name stands for where one is needed (facets); raises QueryError."""
    fields = target_of(name).fields
    return {ACTOR_FIELDS: "actor.id", RESOURCE_FIELDS: "resource.id"}.get(fields, fields[0])


def _plain_target(name: str) -> Target:
    field = FIELD_BY_NAME[name]
    if field.values is not None:
        return Target(name, (name,), "choice", field.values)
    if field.kind in ("number", "integer"):
        return Target(name, (name,), "duration" if name == "duration_ms" else "number")
    special: dict[str, TargetKind] = {"time": "time", "source.ip": "address", "action": "action"}
    return Target(name, (name,), special.get(name, "words" if name in _PROSE else "text"))
