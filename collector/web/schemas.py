"""The JSON schemas of what the API takes and gives (JSON Schema 2020-12, as OpenAPI 3.1 uses it)."""

from typing import Any, Final

from collector.web.agent_schemas import agent_schemas
from collector.web.alert_schemas import alert_schemas
from collector.web.catalogue_schemas import catalogue_schemas
from collector.web.count_schemas import TOTAL, count_schemas
from collector.web.filter_schemas import filter_schemas
from collector.web.notification_schemas import notification_schemas
from collector.web.rule_schemas import rule_schemas
from collector.web.trial_schemas import trial_schemas
from watchbook.event import FIELDS, REQUIRED, Field

Schema = dict[str, Any]

_GROUPS: Final = ("actor", "resource", "source", "origin")
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_CHANGE: Final[Schema] = {
    "type": "object",
    "required": ["field"],
    "properties": {
        "field": {"type": "string"},
        "old": {"description": "The value before; absent: it was added."},
        "new": {"description": "The value after; absent: it was removed."},
    },
    "additionalProperties": False,
}
_OF_KIND: Final[dict[str, Schema]] = {
    "time": _TIME,
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "numbers": {"type": "object", "additionalProperties": {"type": "number"}},
    "object": {"type": "object", "additionalProperties": True},
    "changes": {"type": "array", "items": _CHANGE},
    "texts": {"type": "array", "items": {"type": "string"}},
}


def ref(name: str) -> Schema:
    """Return a reference to one of :func:`schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas() -> dict[str, Schema]:
    """Return every schema by name."""
    return {
        "Event": event_schema(),
        "PostedEvent": posted_event_schema(),
        "EventPage": _EVENT_PAGE,
        "BatchReceipt": _object(
            ["duplicate", "sequence", "events"],
            duplicate={"type": "boolean", "description": "Whether this batch was stored before."},
            sequence={"type": "integer", "minimum": 1},
            events={"type": "integer", "minimum": 0},
        ),
        "EventsReceipt": _object(
            ["accepted", "ids", "duplicate"],
            accepted={"type": "integer", "minimum": 0},
            ids={"type": "array", "items": {"type": "string"}},
            duplicate={
                "type": "boolean",
                "description": "Whether a request with this Idempotency-Key was stored before.",
            },
        ),
        "Problem": _PROBLEM,
        **count_schemas(_RANGE, _INCOMPLETE),
        **catalogue_schemas(_RANGE, _INCOMPLETE),
        **filter_schemas(),
        **agent_schemas(),
        **rule_schemas(),
        **trial_schemas(),
        **alert_schemas(_CURSOR),
        **notification_schemas(),
    }


def event_schema() -> Schema:
    """Return the schema of an event as the API gives it, made from the event's own list of fields."""
    properties = _nested()
    received = {**_TIME, "description": "When the collector had it on disk."}
    event_id = {"type": "string", "description": "Stable over retries: stream, sequence of the batch, index in it."}
    return {
        "type": "object",
        "description": "Who did what to which resource, when, from where, with what result. Absent means unknown.",
        "required": ["id", "received", "actor", *(name for name in REQUIRED if "." not in name)],
        "properties": {"id": event_id, "received": received, **properties},
        "additionalProperties": False,
    }


def posted_event_schema() -> Schema:
    """Return the schema of an event as anybody may post it."""
    properties = _nested()
    properties["actor"] = {key: value for key, value in properties["actor"].items() if key != "required"}
    properties["time"] = {**_TIME, "description": "When it happened; by default, when it arrives."}
    states = {
        name: {"description": f"The state {name}; `changes` are derived from `before` and `after` when not given."}
        for name in ("before", "after")
    }
    return {
        "type": "object",
        "required": ["action"],
        "properties": {**properties, **states},
        "additionalProperties": False,
    }


def _nested() -> dict[str, Schema]:
    properties: dict[str, Schema] = {}
    for field in FIELDS:
        group, dot, member = field.name.partition(".")
        if dot:
            assert group in _GROUPS
            parent = properties.setdefault(group, {"type": "object", "properties": {}, "additionalProperties": False})
            parent["properties"][member] = _of_field(field)
        else:
            properties[field.name] = _of_field(field)
    properties["actor"]["required"] = ["type"]
    return properties


def _of_field(field: Field) -> Schema:
    schema = {**_OF_KIND[field.kind], "description": field.doc}
    if field.values is not None:
        schema["enum"] = sorted(field.values)
    return schema


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _list(name: str) -> Schema:
    return {"type": "array", "items": ref(name)}


_CURSOR: Final[Schema] = {
    "type": ["string", "null"],
    "description": "Where the next page goes on: the parameter `cursor`. Null: this was the last one.",
}
_RANGE: Final[Schema] = _object(
    ["from", "to", "default"],
    **{
        "from": _TIME,
        "to": {**_TIME, "type": ["string", "null"], "description": "Null: no end."},
        "default": {"type": "boolean", "description": "No beginning was given: these are the last 7 days."},
    },
)
_INCOMPLETE: Final[Schema] = {
    **_object(
        ["reason", "message", "searched_to"],
        reason={"type": "string", "enum": ["deadline", "scan_budget", "stopping"]},
        message={"type": "string"},
        searched_to={**_TIME, "description": "Everything from this time on was searched."},
    ),
    "description": "Only there when the query ended before the whole range was searched.",
}
_EVENT_PAGE: Final = _object(
    ["events", "last_number"],
    events=_list("Event"),
    last_number={
        "type": "integer",
        "minimum": 0,
        "description": "Arrival number to follow from: the parameter `after`.",
    },
    first_number={
        "type": "integer",
        "minimum": 0,
        "description": "With `after`: that of the oldest event outside of archives.",
    },
    numbers={
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "description": "With `after`: the arrival number of each event.",
    },
    next_cursor=_CURSOR,
    range=_RANGE,
    total=TOTAL,
    incomplete=_INCOMPLETE,
)
_PROBLEM: Final[Schema] = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and the next step."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "index": {"type": "integer", "description": "Which event of the request, from 0."},
                    "field": {"type": "string"},
                    "parameter": {"type": "string"},
                    "position": {"type": "integer", "description": "Offset in the parameter, in characters, from 0."},
                    "message": {"type": "string"},
                },
                "additionalProperties": False,
            },
        },
        "error_id": {"type": "string", "description": "Finds the cause in the collector's log (500)."},
        "expected": {"type": "integer", "description": "The sequence that must come next (409)."},
    },
    "additionalProperties": True,
}
