"""The JSON schemas of back-tests and explanations of rules."""

from typing import Any, Final

from collector.finding import LEVELS

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_MAYBE: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NUMBER: Final[Schema] = {"type": "number", "minimum": 0}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_MAYBE_MOMENT: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_FLAG: Final[Schema] = {"type": "boolean"}
_GROUP: Final[Schema] = {
    "type": "object", "additionalProperties": True, "description": "The fields it is grouped by, and their values."
}  # fmt: skip
_TRIED: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "group": _GROUP,
    "count": {**_COUNT, "description": "Events that it counts."},
    "first": _MOMENT,
    "last": _MOMENT,
    "held_from": {**_MOMENT, "description": "The event time at which the condition held first."},
    "held_until": _MOMENT,
    "opened": {**_MOMENT, "description": "When the event that fired it was received."},
    "resolved": _MAYBE_MOMENT,
    "event_ids": {"type": "array", "items": _TEXT, "description": "Its first events."},
    "track": {**_TEXT, "description": "The stream whose late events it counts, if it does."},
}
_RULE: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "title": _TEXT,
    "level": {"type": "string", "enum": list(LEVELS)},
    "matched": {**_COUNT, "description": "Events that matched, with those that the windows before the range needed."},
    "counters": {"type": "object", "additionalProperties": _COUNT, "description": "What became of them."},
    "alerts": _COUNT,
    "alerts_per_day": _NUMBER,
    "alerts_going_on_at_start": {
        **_COUNT,
        "description": "Alerts that had begun before the range.",
    },
    "histogram": {
        "type": "object",
        "required": ["width_s", "buckets"],
        "properties": {
            "width_s": _COUNT,
            "buckets": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["from", "alerts"],
                    "properties": {"from": _MOMENT, "alerts": _COUNT},
                    "additionalProperties": False,
                },
            },
        },
        "additionalProperties": False,
    },
    "top_groups": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["group", "alerts", "events"],
            "properties": {"group": _GROUP, "alerts": _COUNT, "events": _COUNT},
            "additionalProperties": False,
        },
    },
    "listed": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/TriedAlert"},
        "description": "The newest alerts, as many as were asked for.",
    },
}
_BACKTEST: Final[dict[str, Schema]] = {
    "from": _MOMENT,
    "to": _MAYBE_MOMENT,
    "q": _TEXT,
    "events": {**_COUNT, "description": "Events that were read."},
    "seconds": _NUMBER,
    "cpu_seconds": _NUMBER,
    "unreadable_blocks": {**_COUNT, "description": "Blocks that are damaged, or were removed meanwhile."},
    "archived_events_not_read": _COUNT,
    "rules": {"type": "array", "items": {"$ref": "#/components/schemas/TriedRule"}},
}
_TREE: Final[dict[str, Schema]] = {
    "op": {"type": "string", "enum": ["all", "any", "not", "test"]},
    "holds": _FLAG,
    "args": {"type": "array", "items": {"$ref": "#/components/schemas/ConditionTree"}},
    "field": _TEXT,
    "test": {**_TEXT, "description": "What is asked of the field, in words."},
    "value": {"description": "What the event has there; null: nothing."},
}
_DETECTION: Final[dict[str, Schema]] = {
    "rule": _TEXT,
    "matches": _FLAG,
    "logsource": _TEXT,
    "profiles": {"type": ["array", "null"], "items": _TEXT, "description": "Whose events it is about; null: any."},
    "profile": {**_MAYBE, "description": "The event's."},
    "of_its_source": _FLAG,
    "condition": {"$ref": "#/components/schemas/ConditionTree"},
}
_WINDOW: Final[dict[str, Schema]] = {
    "from": _MOMENT,
    "until": {
        **_MOMENT,
        "description": "The newest event that was counted; of what must not fail to come: until when it must come.",
    },
    "timespan_s": _NUMBER,
    "events": _COUNT,
    "measured": {"type": "number", "description": "What the condition compares: a count, a sum, links of a chain …"},
    "seen": {"type": "array", "items": _TEXT, "description": "The rules of which there is a match."},
    "in_order": {"type": "array", "items": _TEXT, "description": "The rules that matched one after the other so far."},
    "missing": {**_MAYBE, "description": "What is left to ask for; null: nothing."},
    "last_heard": {**_MAYBE_MOMENT, "description": "Of a rule about silence: the newest event of the group."},
    "told_by": {
        **_MAYBE_MOMENT,
        "description": "Of what does not happen: when the clock decides, if nothing comes.",
    },
    "holds": _FLAG,
    "decided": {**_FLAG, "description": "Whether no late event can change that any more."},
    "alert": {"type": ["object", "null"], "additionalProperties": True, "description": "The alert that is going on."},
}
_WINDOW_SOMETIMES: Final = ("seen", "in_order", "last_heard", "told_by")
_WINDOW_REQUIRED: Final = [name for name in _WINDOW if name not in _WINDOW_SOMETIMES]
_MAYBE_WINDOW: Final[Schema] = {"oneOf": [{"$ref": "#/components/schemas/RuleWindow"}, {"type": "null"}]}
_EXPLANATION: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "title": _TEXT,
    "level": {"type": "string", "enum": list(LEVELS)},
    "state": {**_TEXT, "description": "Of the rule; not_loaded: it was given as a text."},
    "matches": _FLAG,
    "counted": _FLAG,
    "not_counted": {**_MAYBE, "description": "Why an event that matches does not count."},
    "group": _GROUP,
    "asks": {"type": "object", "additionalProperties": True, "description": "What it asks of the matches of a group."},
    "detections": {
        "type": "array",
        "items": {
            "type": "object",
            "required": list(_DETECTION),
            "properties": _DETECTION,
            "additionalProperties": False,
        },
    },
    "inner": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/InnerExplanation"},
        "description": "The same of each correlation that it counts.",
    },
    "window": {
        "type": ["object", "null"],
        "required": ["now", "late"],
        "properties": {"now": _MAYBE_WINDOW, "late": _MAYBE_WINDOW},
        "additionalProperties": False,
        "description": "What is remembered of the event's group; null: the rule is not at work.",
    },
}
_INNER: Final[dict[str, Schema]] = {name: each for name, each in _EXPLANATION.items() if name != "state"}


def trial_schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    required = [name for name in _TRIED if name != "track"]
    wanted: dict[str, Schema] = {
        "rule": {**_TEXT, "description": "The id or the name of a rule in force."},
        "text": {**_TEXT, "description": "Instead of it: the text of a rule file."},
        "name": {**_TEXT, "description": "What the file is called in what is wrong with it."},
        "from": {**_MAYBE, "description": "The beginning of the range, by default 30 days ago."},
        "to": _MAYBE,
        "q": {**_MAYBE, "description": "Only events of this query."},
        "alerts": {"type": ["integer", "null"], "minimum": 1, "maximum": 10_000, "default": 20},
    }
    line = {
        "progress": _object(["events", "of"], {"events": _COUNT, "of": _COUNT}),
        "result": {"$ref": "#/components/schemas/Backtest"},
        "problem": {"$ref": "#/components/schemas/Problem"},
    }
    return {
        "BacktestWanted": _object([], wanted),
        "BacktestLine": {**_object([], line), "minProperties": 1, "maxProperties": 1},
        "Backtest": _object(list(_BACKTEST), _BACKTEST),
        "TriedRule": _object(list(_RULE), _RULE),
        "TriedAlert": _object(required, _TRIED),
        "ConditionTree": _object(["op", "holds"], _TREE),
        "RuleWindow": _object(_WINDOW_REQUIRED, _WINDOW),
        "RuleExplanation": _object(list(_EXPLANATION), _EXPLANATION),
        "InnerExplanation": _object(list(_INNER), _INNER),
        "ExplainWanted": _object(["text", "event"], {"text": _TEXT, "name": _TEXT, "event": _TEXT}),
        "RuleExplanations": _object(
            ["rules"], {"rules": {"type": "array", "items": {"$ref": "#/components/schemas/RuleExplanation"}}}
        ),
    }


def _object(required: list[str], properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}
