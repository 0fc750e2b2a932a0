"""The JSON schemas of agents, of enrolling one and of its heartbeat."""

from typing import Any, Final

Schema = dict[str, Any]

AGENT_STATES: Final = ("ok", "behind", "silent", "revoked", "never_seen")
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 2**62}
_NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 100}
_TEXT: Final[Schema] = {"type": "string", "maxLength": 255}
_GIVEN: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 255}
_SENTENCE: Final[Schema] = {"type": "string", "maxLength": 1000}
_AGE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1e12}
_BOOLEAN: Final[Schema] = {"type": "boolean"}
_BACKLOG: Final[dict[str, Schema]] = {
    "batches": _COUNT,
    "events": _COUNT,
    "bytes": _COUNT,
    "oldest_age_s": {**_AGE, "description": "How old the oldest unsent event is."},
}
_LAG: Final[dict[str, Schema]] = {
    "bytes": {**_COUNT, "description": "Bytes of log files that are not read yet."},
    "worst_bytes": {**_COUNT, "description": "Those of the file that is worst."},
    "worst_file": {"type": "string", "maxLength": 4096},
}
_COUNTERS: Final[Schema] = {
    "type": "object",
    "description": "Totals by input: lines, events, unparsed, bytes_lost …",
    "additionalProperties": {"type": "object", "additionalProperties": {**_COUNT, "minimum": -(2**62)}},
}
_SUMMARY: Final[dict[str, Schema]] = {
    "id": {"type": "string"},
    "name": _NAME,
    "state": {"type": "string", "enum": list(AGENT_STATES)},
    "enrolled": {"type": "boolean", "description": "False: it was seen under the plain token `token`."},
    "enrolled_at": _TIME,
    "revoked_at": _TIME,
    "token": {"type": "string"},
    "host": _TEXT,
    "version": _TEXT,
    "last_seen": {**_TIME, "description": "When its last heartbeat or batch came."},
    "last_heartbeat": _TIME,
    "silent_since": _TIME,
    "sending": {**_TEXT, "description": "How sending goes: idle, sending, retrying, paused."},
    "paused": {**_SENTENCE, "description": "Why it reads nothing at the moment."},
    "unparsed": {"type": "integer", "minimum": 0, "description": "Lines that no profile understood."},
    "lost_bytes": {"type": "integer", "minimum": 0, "description": "Bytes of log files gone before they were read."},
    "problems": {"type": "array", "items": _SENTENCE, "maxItems": 50},
}


def agent_schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    summary = {**_SUMMARY, "backlog": _object([], _BACKLOG), "lag": _object([], _LAG)}
    page = {
        **summary,
        "former_names": {"type": "array", "items": _NAME},
        "streams": {"type": "array", "items": {"type": "string"}, "description": "Streams that are its own."},
        "claimed_name": {**_NAME, "description": "How it calls itself."},
        "started": _TEXT,
        "stream": _TEXT,
        "interval_s": {"type": "number"},
        "stopping": {"type": "boolean", "description": "Its last heartbeat said that it was being stopped."},
        "counters": _COUNTERS,
    }
    base = ["id", "name", "state", "enrolled"]
    return {
        "AgentSummary": _object(base, summary),
        "Agent": _object([*base, "former_names", "streams"], page),
        "AgentList": _object(
            ["agents"], {"agents": {"type": "array", "items": {"$ref": "#/components/schemas/AgentSummary"}}}
        ),
        "AgentName": _object(["name"], {"name": {**_NAME, "pattern": r"^[^\s\x00-\x1f\x7f]"}}),
        "Enrolment": _open(["token", "host"], {
            "token": {**_GIVEN, "description": "The one-time token: `watchbook collector enrolment create`."},
            "host": _GIVEN,
            "name": {**_GIVEN, "type": ["string", "null"], "description": "By default the token's, else the host's."},
            "version": _GIVEN,
        }),
        "Enrolled": _object(["id", "name", "token"], {"id": {"type": "string"}, "name": _NAME, "token": _GIVEN}),
        "Heartbeat": _heartbeat(),
        "HeartbeatReceipt": _object(["enrolled"], {"id": {"type": "string"}, "name": _NAME, "enrolled": _BOOLEAN}),
    }  # fmt: skip


def _heartbeat() -> Schema:
    optional: dict[str, Schema] = {
        name: {**_TEXT, "type": ["string", "null"]} for name in ("host", "version", "stream", "started", "sending")
    }
    return _open(["name"], {
        "name": _NAME,
        **optional,
        "paused": {**_SENTENCE, "type": ["string", "null"]},
        "interval_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 86_400, "default": 30},
        "stopping": _BOOLEAN,
        "backlog": _open([], {**_BACKLOG, "oldest_age_s": {**_BACKLOG["oldest_age_s"], "type": ["number", "null"]}}),
        "lag": _open([], {**_LAG, "worst_file": {"type": ["string", "null"], "maxLength": 4096}}),
        "counters": _COUNTERS,
        "problems": _SUMMARY["problems"],
    })  # fmt: skip


def _object(required: list[str], properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _open(required: list[str], properties: dict[str, Schema]) -> Schema:
    """Return an object that may have members that are not known yet: they are ignored."""
    return {"type": "object", "required": required, "properties": properties}
