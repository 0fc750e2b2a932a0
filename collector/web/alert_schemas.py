"""The JSON schemas of alerts, silences and exceptions."""

from typing import Any, Final

from collector.finding import LEVELS

Schema = dict[str, Any]

ALERT_STATUSES: Final = ("open", "acknowledged", "resolved")
ALERT_DISPOSITIONS: Final = ("true_positive", "false_positive", "benign")
#: States of silences and of exceptions: over by the clock, ended by somebody.
HIDING_STATES: Final = ("waiting", "active", "over", "ended")
_TEXT: Final[Schema] = {"type": "string"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NOTE: Final[Schema] = {"type": ["string", "null"], "maxLength": 2000, "description": "For whoever reads it later."}
_REASON: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 500}
_AHEAD: Final = "RFC 3339 with a zone, or how long from now: `2h`, `30d`."
_VALUE: Final[Schema] = {"type": ["string", "number", "boolean", "null"]}
_STATE: Final[Schema] = {"type": "string", "enum": list(HIDING_STATES)}


def _object(required: list[str], properties: dict[str, Schema], **more: Any) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False, **more}


def _list(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


_MATCHER: Final = _object(
    ["name", "value"],
    {
        "name": {**_TEXT, "minLength": 1, "maxLength": 255,
                 "description": "`rule` (id or title), `level`, `tag`, or a field that alerts are grouped by."},
        "operator": {"type": "string", "enum": ["=", "!=", "<=", ">="], "default": "="},
        "value": {**_TEXT, "minLength": 1, "maxLength": 400, "description": "`*` stands for anything."},
    },
)  # fmt: skip
_MATCHERS: Final[Schema] = {**_list("SilenceMatcher"), "minItems": 1, "maxItems": 20}
_BY: Final = {"time": _TIME, "by": _TEXT, "note": _TEXT}
_ALERT: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "rule_id": _TEXT,
    "title": _TEXT,
    "level": {"type": "string", "enum": list(LEVELS)},
    "status": {"type": "string", "enum": list(ALERT_STATUSES)},
    "counting": {"type": "boolean", "description": "Whether its rule may still count events for it."},
    "summary": {**_TEXT, "description": "One line that says what it is about."},
    "group": {"type": "object", "description": "The values that its events have in common, by field."},
    "count": {"type": "integer", "minimum": 1, "description": "How many events were counted."},
    "first": {**_TIME, "description": "When the first of them happened."},
    "last": {**_TIME, "description": "When the last of them happened."},
    "opened": {**_TIME, "description": "When the event that fired it was stored."},
    "resolved": {**_TIME, "description": "Since when it is over."},
    "resolution": {**_TEXT, "description": "Why: `by_hand`, `quiet`, `state_evicted` or `rule_changed`."},
    "resolved_by": {**_TEXT, "description": "Who resolved it by hand."},
    "resolved_note": _TEXT,
    "acknowledged": _object(["time", "by"], _BY, description="Who looks after it."),
    "disposition": _object(
        ["value", "time", "by"],
        {**_BY, "value": {"type": "string", "enum": list(ALERT_DISPOSITIONS)}},
        description="What it turned out to be.",
    ),
    "silenced_by": {**_TEXT, "description": "The silence that hides it."},
    "inhibited_by": {**_TEXT, "description": "The alert of another rule that keeps it quiet."},
    "event_ids": {"type": "array", "items": _TEXT, "description": "The first of its events."},
    "query": {**_TEXT, "description": "Finds at least its events, in the query language."},
    "search": _object(
        ["q", "from", "to", "href"],
        {"q": _TEXT, "from": _TIME, "to": _TIME, "href": _TEXT},
        description="The same as parameters of `/v1/events`.",
    ),
    "permalink": {**_TEXT, "description": "Where it is (a path unless `alert.public_url` is set)."},
    "history": {
        "type": "array",
        "description": "What happened to it, oldest first; the latest `updated` stands for all.",
        "items": _object(
            ["number", "kind", "time"], {"number": _COUNT, "kind": _TEXT, "time": _TIME, "by": _TEXT, "note": _TEXT}
        ),
    },
}
_SILENCE: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "state": _STATE,
    "matchers": _MATCHERS,
    "author": _TEXT,
    "reason": _REASON,
    "created": _TIME,
    "starts": _TIME,
    "ends": _TIME,
    "ended": _TIME,
    "ended_by": _TEXT,
    "hides": {**_COUNT, "description": "How many alerts that are not resolved it hides now."},
}
_EXCEPTION: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "state": _STATE,
    "rule_id": _TEXT,
    "title": {**_TEXT, "description": "The rule's title."},
    "alert_id": _TEXT,
    "fields": {"type": "array", "items": _object(["name", "value"], {"name": _TEXT, "value": _VALUE})},
    "author": _TEXT,
    "reason": _REASON,
    "created": _TIME,
    "until": {**_TIME, "description": "Events that happen before this do not count."},
    "since_number": {**_COUNT, "description": "It holds for events from this arrival number on."},
    "ended": _TIME,
    "ended_by": _TEXT,
    "events": {**_COUNT, "description": "How many matches it kept from counting."},
    "last": {**_TIME, "description": "When the latest of them happened."},
}


def alert_schemas(cursor: Schema) -> dict[str, Schema]:
    """Return the schemas by name; ``cursor`` is that of ``next_cursor``."""
    required = ["id", "rule_id", "title", "level", "status", "count", "first", "last", "opened"]
    alert = {"type": "object", "description": "Something that a rule found.", "required": required,
             "properties": _ALERT, "additionalProperties": True}  # fmt: skip
    silence = [name for name in _SILENCE if not name.startswith("ended")]
    exception = [name for name in _EXCEPTION if name not in ("ended", "ended_by", "since_number", "last")]
    return {
        "Alert": alert,
        "AlertPage": _object(["alerts", "next_cursor"], {"alerts": _list("Alert"), "next_cursor": cursor}),
        "AlertNote": _object([], {"note": _NOTE}),
        "AlertDisposition": _object(["disposition"], {
            "disposition": {"type": "string", "enum": list(ALERT_DISPOSITIONS)}, "note": _NOTE,
        }),
        "AlertRatios": _alert_ratios(),
        "SilenceMatcher": _MATCHER,
        "Silence": _object(silence, _SILENCE),
        "SilenceList": _object(["silences"], {"silences": _list("Silence")}),
        "NewSilence": _object(["matchers", "ends", "reason"], {
            "matchers": _MATCHERS,
            "starts": {"type": ["string", "null"], "description": f"By default now. {_AHEAD}"},
            "ends": {**_TEXT, "description": _AHEAD},
            "reason": _REASON,
        }),
        "SilencePreview": _silence_preview(),
        "SilenceQuestion": _object(["matchers"], {
            "matchers": _MATCHERS, "days": {"type": "integer", "minimum": 1, "maximum": 366, "default": 7},
        }),
        "RuleException": _object(exception, _EXCEPTION),
        "RuleExceptionList": _object(["exceptions"], {"exceptions": _list("RuleException")}),
        "NewRuleException": _object(["fields", "until", "reason"], {
            "fields": {
                "type": "array", "minItems": 1, "maxItems": 10,
                "items": _object(["name"], {
                    "name": {**_TEXT, "minLength": 1, "maxLength": 255},
                    "value": {**_VALUE, "description": "By default the alert's own; null: events without the field."},
                }),
            },
            "until": {**_TEXT, "description": _AHEAD},
            "reason": _REASON,
        }),
    }  # fmt: skip


def _alert_ratios() -> Schema:
    rule = {
        "rule_id": _TEXT,
        "title": _TEXT,
        "alerts": _COUNT,
        "unresolved": _COUNT,
        **dict.fromkeys(ALERT_DISPOSITIONS, _COUNT),
        "ratio": {"type": "number", "minimum": 0, "maximum": 1,
                  "description": "True positives among those that somebody judged; absent: nobody did."},
    }  # fmt: skip
    required = [name for name in rule if name != "ratio"]
    return _object(["days", "rules"], {"days": _COUNT, "rules": {"type": "array", "items": _object(required, rule)}})


def _silence_preview() -> Schema:
    rule = _object(["rule_id", "title", "count"], {"rule_id": _TEXT, "title": _TEXT, "count": _COUNT})
    alerts = {**_list("Alert"), "description": "The newest of them."}
    return _object(["hides_now", "would_have_hidden"], {
        "hides_now": _object(["count", "alerts"], {"count": _COUNT, "alerts": alerts}),
        "would_have_hidden": _object(["days", "count", "of", "rules", "alerts"], {
            "days": _COUNT,
            "count": _COUNT,
            "of": {**_COUNT, "description": "How many alerts opened in those days."},
            "rules": {"type": "array", "items": rule},
            "alerts": alerts,
        }),
    })  # fmt: skip
