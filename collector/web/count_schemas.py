"""The JSON schemas of what is counted over events: totals, facets, histograms, values, and the explanation."""

from typing import Any, Final

Schema = dict[str, Any]

_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_VALUE: Final[Schema] = {"type": ["string", "number", "boolean"]}
TOTAL: Final[Schema] = {
    "type": "object",
    "description": "How many events the whole range holds; `exact` false: at least so many.",
    "required": ["value", "exact"],
    "properties": {"value": _COUNT, "exact": {"type": "boolean"}},
    "additionalProperties": False,
}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}


def count_schemas(time_range: Schema, incomplete: Schema) -> dict[str, Schema]:
    """Return the schemas by name."""
    around = {"total": TOTAL, "range": time_range, "incomplete": incomplete}
    return {
        "Facets": _object(
            ["facets", "total", "range"],
            facets={"type": "object", "description": "By field.", "additionalProperties": _FACET},
            **around,
        ),
        "Histogram": _object(
            ["interval_s", "buckets", "total", "range"],
            interval_s={"type": "number", "exclusiveMinimum": 0, "description": "The width of a bucket in seconds."},
            buckets={"type": "array", "items": _BUCKET, "description": "Oldest first, without holes."},
            **around,
        ),
        "History": _object(
            ["interval_s", "buckets", "total", "fields"],
            interval_s={"type": "integer", "minimum": 3600, "description": "The width of a bucket in seconds."},
            buckets={
                "type": "array",
                "items": _BUCKET,
                "description": "Oldest first; those without events are left out.",
            },
            total=TOTAL,
            other={**_COUNT, "description": "With `by`: events with values that were not counted by themselves."},
            missing={**_COUNT, "description": "With `by`: events of which no value was counted."},
            fields={"type": "array", "items": {"type": "string"}, "description": "What `by` may be."},
        ),
        "Values": _object(["values"], values={"type": "array", "items": _COUNTED}, incomplete=incomplete),
        "Explanation": {
            "type": "object",
            "description": "How the query was understood, and what answers it.",
            "required": ["query", "plan", "segments"],
            "properties": {
                "query": {"type": "string", "description": "The query in its canonical form."},
                "plan": {"description": "The tree of its conditions."},
                "segments": {
                    "type": "array",
                    "items": {"type": "object", "additionalProperties": True},
                    "description": "For each segment in the range: how much of it the index can decide.",
                },
            },
            "additionalProperties": True,
        },
    }


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


_COUNTED: Final[Schema] = _object(
    ["value", "count"],
    value=_VALUE,
    count=_COUNT,
    distinct={**_COUNT, "description": "How many values of the field `distinct` it goes with."},
)
_FACET: Final[Schema] = _object(
    ["values", "other", "missing"],
    values={"type": "array", "items": _COUNTED, "description": "The most frequent first."},
    other={**_COUNT, "description": "Events with values that are not listed."},
    missing={**_COUNT, "description": "Events without a value."},
)
_BUCKET: Final[Schema] = _object(
    ["time", "count"],
    time={**_TIME, "description": "Its beginning."},
    count=_COUNT,
    by={"type": "object", "additionalProperties": _COUNT, "description": "Counts by the values of the field `by`."},
)
