"""The operations that answer with streams, as OpenAPI 3.1 says them: the tail and exports."""

from typing import Any, Final

from collector.web.export import MEDIA_TYPES
from collector.web.operation import READ_ERRORS, Operation, header, of_parameters, operation
from collector.web.schemas import ref
from collector.web.vocabulary import EXPORT, TAIL

_TAIL_DOC: Final = (
    "Server-sent events. Each event of the store is a message whose `id` is its arrival number and whose `data` is the "
    "JSON of an Event. A message of the type `gap` says that events will not come: `{after, before, reason, message}`, "
    "with `reason` removed, behind or ahead. Comments are heartbeats. A client that comes back with the last `id` in "
    "`Last-Event-ID` misses nothing and gets nothing twice."
)
_EXPORT_DOC: Final = (
    "Every event of the query, newest first. What cannot be finished is broken off: the body then ends without its "
    "last chunk, or before its Content-Length; it is never a shorter file."
)


def stream_operations() -> dict[tuple[str, str], Operation]:
    """Return the operations by (method in capitals, path)."""
    return {("GET", "/v1/tail"): _tail(), ("GET", "/v1/export"): _export()}


def _tail() -> Operation:
    last = header(
        "Last-Event-ID",
        "The `id` of the last message that the client had; goes before `after`.",
        {"type": "integer", "minimum": 0},
        required=False,
    )
    described = operation(
        "tailEvents",
        "Follow events as they arrive.",
        {},
        parameters=[*of_parameters(TAIL), last],
        errors=READ_ERRORS,
    )
    described["description"] = _TAIL_DOC
    described["responses"]["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    return described


def _export() -> Operation:
    described = operation(
        "exportEvents", "Export all events of a query.", {}, parameters=of_parameters(EXPORT), errors=READ_ERRORS
    )
    schemas: dict[str, dict[str, Any]] = {
        "csv": {"type": "string"},
        "json": {"type": "array", "items": ref("Event")},
        "ndjson": {"type": "string", "description": "One Event a line."},
        "parquet": {},
        "sqlite": {},
    }
    described["description"] = _EXPORT_DOC
    described["responses"]["200"]["content"] = {
        media.partition(";")[0]: {"schema": schemas[kind]} for kind, media in MEDIA_TYPES.items()
    }
    described["responses"]["200"]["headers"] = {
        "Content-Disposition": {"description": "Attachment, with a file name.", "schema": {"type": "string"}},
        "X-Watchbook-Events": {
            "description": "How many events the file holds (parquet and sqlite).",
            "schema": {"type": "integer"},
        },
    }
    return described
