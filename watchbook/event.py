"""The event: who did what to which resource, when, from where, with what result, and what changed.

An event is flat: :data:`FIELDS` names every field with its dotted path, what it holds and what it means.  On the wire
and on disk a batch holds one column a field (see :mod:`watchbook.wire`); in the API an event is the nested JSON object
that the dotted paths describe.  Absent means absent: a field nobody knows is left out, never ``""`` or ``"unknown"``.

``time``, ``actor.type`` and ``action`` are always there.  An event whose line did not name its time or its resource is
accepted but says so in ``flags``; it is never filled in silently.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from watchbook.clock import format_rfc3339

Kind = Literal["time", "text", "integer", "number", "numbers", "object", "changes", "texts"]

ACTOR_TYPES: Final = frozenset({"user", "api_key", "service", "anonymous", "system"})
OUTCOMES: Final = frozenset({"success", "failure", "in_progress", "pending"})
CATEGORIES: Final = frozenset(
    {
        "authentication", "access", "permission", "data", "export", "configuration",
        "lifecycle", "billing", "admin", "system", "meta",
    }
)  # fmt: skip

#: Set when a line could not be understood: ``raw`` holds it, ``reason`` says why.
FLAG_UNPARSED: Final = "unparsed"
#: Set when the line named no time that could be read: ``time`` is when the agent read it.
FLAG_TIME_ASSUMED: Final = "time_assumed"
#: Set when the line named no resource.
FLAG_NO_RESOURCE: Final = "no_resource"
#: Set when the line was longer than the agent's ``max_line_bytes``: the rest of it was skipped and counted.
FLAG_TRUNCATED: Final = "truncated"
#: Set when bytes that are not UTF-8 were replaced.
FLAG_REPLACED: Final = "encoding_replaced"

#: Set by the collector: the event names another agent than the one whose token it came under.
FLAG_MISMATCH: Final = "agent_mismatch"
#: Set by the collector where it is told to: the event came under a token that is no enrolled agent's.
FLAG_UNVERIFIED: Final = "agent_unverified"


class Field(NamedTuple):
    """One field of the event: dotted name, kind of value, what it means, and the values allowed (if they are few)."""

    name: str
    kind: Kind
    doc: str
    values: frozenset[str] | None = None


FIELDS: Final[tuple[Field, ...]] = (
    Field("time", "time", "When it happened. UTC, microseconds."),
    Field("actor.type", "text", "What kind of principal acted.", ACTOR_TYPES),
    Field("actor.id", "text", "The principal's identifier, as the source names it."),
    Field("actor.name", "text", "The principal's display name."),
    Field("actor.email", "text", "The principal's e-mail address."),
    Field("actor.on_behalf_of", "text", "The identity the actor assumed or acted for."),
    Field("action", "text", "Canonical verb: create, read, update, delete, login, export, grant …"),
    Field("event_type", "text", "The source's own name for it, kept as it was."),
    Field("category", "text", "What kind of activity it is.", CATEGORIES),
    Field("resource.type", "text", "What kind of thing was acted on."),
    Field("resource.id", "text", "Its identifier."),
    Field("resource.name", "text", "Its display name."),
    Field("org", "text", "Organization that the resource belongs to."),
    Field("project", "text", "Project (or workspace) that the resource belongs to."),
    Field("module", "text", "Part of the source system that the event comes from."),
    Field("outcome", "text", "How it ended.", OUTCOMES),
    Field("reason", "text", "Why: the error, the refusal, or the comment the actor gave."),
    Field("duration_ms", "number", "How long it took, in milliseconds."),
    Field("measures", "numbers", "Named numbers: rows, bytes, items, cells …"),
    Field("source.ip", "text", "Address the action came from (IPv4 or IPv6)."),
    Field("source.user_agent", "text", "Browser or program the action came from."),
    Field("source.session_id", "text", "Session of the actor."),
    Field("source.request_id", "text", "Request or correlation id, shared by the events of one transaction."),
    Field("changes", "changes", "What changed: a list of {field, old, new}; old absent: added, new absent: removed."),
    Field("details", "object", "Whatever else the line had, losslessly."),
    Field("message", "text", "One human sentence."),
    Field("flags", "texts", "What a reader must know: unparsed, time_assumed, no_resource, truncated …"),
    Field("origin.host", "text", "Host whose agent read the line."),
    Field("origin.agent", "text", "Name of that agent."),
    Field("origin.input", "text", "Name of the agent's input."),
    Field("origin.profile", "text", "Profile that understood the line."),
    Field("origin.file", "text", "File the line was read from, under its name at that time."),
    Field("origin.offset", "integer", "Byte offset of the line in that file."),
    Field("raw", "text", "The original line: kept when unparsed, else by setting."),
)
FIELD_NAMES: Final = tuple(field.name for field in FIELDS)
FIELD_BY_NAME: Final[Mapping[str, Field]] = {field.name: field for field in FIELDS}
REQUIRED: Final = ("time", "actor.type", "action")


def event_id(stream: str, sequence: int, index: int) -> str:
    """Return the id of the event at ``index`` of a stream's batch: the same however often the batch is sent."""
    return f"{stream}-{sequence}-{index}"


def parse_event_id(text: str) -> tuple[str, int, int]:
    """Return (stream, sequence, index); raises ValueError when the text is no event id."""
    stream, _, rest = text.partition("-")
    sequence, _, index = rest.partition("-")
    if len(stream) != 32 or not (sequence.isdecimal() and sequence.isascii() and index.isdecimal() and index.isascii()):
        raise ValueError(f"{text!r} is no event id; an id looks like {'0' * 31}f-42-7")
    if len(sequence) > 18 or len(index) > 9:
        raise ValueError(f"{text!r} is no event id: its numbers are too large")
    return stream, int(sequence), int(index)


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the API's nested form of a flat event: ``{"actor.id": "a"}`` becomes ``{"actor": {"id": "a"}}``.

    ``time`` (and ``received``, if there) become RFC 3339 text.  Absent and None fields are left out.
    """
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        if value is None:
            continue
        if name in ("time", "received"):
            nested[name] = format_rfc3339(value)
            continue
        group, dot, member = name.partition(".")
        if dot:
            nested.setdefault(group, {})[member] = value
        else:
            nested[name] = value
    return nested


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flat form of a nested event: the inverse of :func:`nest`, with times left as they are."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if value is None:
            continue
        if name in ("actor", "resource", "source", "origin") and isinstance(value, Mapping):
            flat.update({f"{name}.{member}": inner for member, inner in value.items() if inner is not None})
        else:
            flat[name] = value
    return flat
