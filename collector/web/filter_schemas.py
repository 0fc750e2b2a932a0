"""The JSON schemas of saved filters."""

from typing import Any, Final

from collector.web.saved_filter import NAME_CHARS_MAX, VALUES_MAX
from collector.web.vocabulary import EXCLUDE, FILTERS

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 4096}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_CONTENT: Final[dict[str, Schema]] = {
    "name": {"type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX},
    "visibility": {
        "type": "string",
        "enum": ["mine", "everyone"],
        "default": "mine",
        "description": "Who sees it: its owner, or everyone who may read; who sees it may change it.",
    },
    "q": {"type": ["string", "null"], "maxLength": 4096, "description": "A query, as the parameter `q`."},
    "filters": {
        "type": "object",
        "description": 'Values by the name of the parameter: `{"actor": ["alice", "bob"]}`.',
        "properties": {
            parameter.name: {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": VALUES_MAX}
            for parameter in FILTERS
        },
        "additionalProperties": False,
        "default": {},
    },
    "exclude": {"type": "array", "items": dict(EXCLUDE.schema), "default": []},
    "range": {
        "type": ["object", "null"],
        "description": "A range kept with the filter, as the parameters `from` and `to`; by default none is.",
        "properties": {name: {**_TEXT, "type": ["string", "null"]} for name in ("from", "to")},
        "additionalProperties": False,
    },
}


def filter_schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    kept: dict[str, Schema] = {
        "id": {"type": "string"},
        "owner": {"type": "string", "description": "The name of the token that saved it."},
        "version": {"type": "integer", "minimum": 1, "description": "Counts its changes; the ETag is this number."},
        "created": _TIME,
        "changed": _TIME,
        "changed_by": {"type": "string"},
    }
    return {
        "NewFilter": _object(["name"], _CONTENT),
        "Filter": _object([*kept, *_CONTENT], {**kept, **_CONTENT}),
        "FilterList": _object(
            ["filters"], {"filters": {"type": "array", "items": {"$ref": "#/components/schemas/Filter"}}}
        ),
    }


def _object(required: list[str], properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}
