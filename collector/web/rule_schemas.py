"""The JSON schemas of rules."""

from typing import Any, Final

from collector.finding import LEVELS

Schema = dict[str, Any]

RULE_STATES: Final = ("active", "disabled", "set_aside", "counted")
_TEXT: Final[Schema] = {"type": "string"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_MAYBE: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_COST: Final[dict[str, Schema]] = {
    "us_per_event": {"type": "number", "minimum": 0, "description": "Of all events that the rules have read."},
    "seconds": {"type": "number", "minimum": 0, "description": "Of the processor, since the start."},
    "asked": {**_COUNT, "description": "Events it was asked of: those that might match."},
}
_ROW: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "name": _MAYBE,
    "title": _TEXT,
    "level": {"type": "string", "enum": list(LEVELS)},
    "kind": {"type": "string", "enum": ["detection", "correlation"]},
    "source": {**_TEXT, "description": "Where it stands: file and line."},
    "logsource": _MAYBE,
    "profiles": {
        "type": ["array", "null"], "items": _TEXT, "description": "Whose events it is about; null: whatever wrote them."
    },
    "state": {
        "type": "string",
        "enum": list(RULE_STATES),
        "description": "counted: it raises no alert of its own, a correlation counts what it matches. set_aside: it "
        "took too much of a core.",
    },
    "shadow": {"type": "boolean", "description": "Its alerts are kept, and nobody is told of them."},
    "reason": {**_MAYBE, "description": "Why it is disabled or set aside, or in shadow mode or not."},
    "changed": {"type": ["string", "null"], "format": "date-time"},
    "changed_by": _MAYBE,
    "matched": {**_COUNT, "description": "Events it matched since the start."},
    "alerts_24h": {**_COUNT, "description": "Alerts it opened in the last 24 hours."},
    "cost": {"type": "object", "required": list(_COST), "properties": _COST, "additionalProperties": False},
}  # fmt: skip
_WHOLE: Final[dict[str, Schema]] = {
    "description": _MAYBE,
    "status": _MAYBE,
    "tags": _TEXTS,
    "falsepositives": _TEXTS,
    "response": _MAYBE,
    "runbook": _MAYBE,
    "condition": {**_MAYBE, "description": "What it comes to over the fields of our events, without its filters."},
    "aliases": {
        "type": "object", "additionalProperties": _TEXTS, "description": "Where the fields it names lie in our events."
    },
    "filters": {**_TEXTS, "description": "Where the filters stand that apply to it."},
    "correlation": {"type": ["object", "null"], "additionalProperties": True},
    "inhibits": {
        "type": "array",
        "items": {"type": "object", "additionalProperties": True},
        "description": "Whose alerts stay quiet while one of it is open: a rule, and the fields that must be equal.",
    },
    "counters": {"type": "object", "additionalProperties": _COUNT},
    "remarks": {**_TEXTS, "description": "What is allowed in it, but hardly meant."},
    "text": {**_MAYBE, "description": "The file it stands in, as it is now; null: it is gone."},
}  # fmt: skip


def rule_schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    counts = dict.fromkeys(("rules", "added", "removed", "changed"), _COUNT)
    told = {"reloaded": {"type": "boolean"}, **counts, "problems": _TEXTS}
    listed = {"rules": {"type": "array", "items": {"$ref": "#/components/schemas/RuleSummary"}}, "problems": _TEXTS}
    reason = {**_MAYBE, "maxLength": 1000, "description": "Why; it is shown, and kept in the log."}
    return {
        "RuleSummary": _object(list(_ROW), _ROW),
        "RuleList": _object(list(listed), listed),
        "Rule": _object([*_ROW, *_WHOLE], {**_ROW, **_WHOLE}),
        "RulesReloaded": _object(list(told), told),
        "RuleSwitch": _object([], {"reason": reason}),
        "RuleShadow": _object(["shadow"], {"shadow": {"type": "boolean"}, "reason": reason}),
    }


def _object(required: list[str], properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}
