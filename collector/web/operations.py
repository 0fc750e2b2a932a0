"""The operations of the API, as OpenAPI 3.1 says them: one entry a route and method."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from collector.problem import CONTENT_TYPE as PROBLEM
from collector.web.parameters import ALERTS, EVENTS, Parameter
from collector.web.schemas import Schema, ref
from watchbook import wire

JSON: Final = "application/json"

_STATUS_WORDS: Final = {
    400: "A parameter, a header or the query is wrong.",
    401: "No token, or one that is not valid.",
    403: "The token's scopes do not allow this.",
    404: "There is no such thing.",
    409: "Out of order, or the key was used for another content.",
    413: "Too large.",
    415: "A content type that is not taken.",
    422: "An event is malformed; nothing of the request was stored.",
    429: "Too many requests; Retry-After says when to come back.",
    503: "Busy or not able to store; Retry-After says when to come back. Keep the data.",
}
_OPEN: Final[list[dict[str, list[str]]]] = []


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Return every operation by (method in capitals, path)."""
    return {
        ("GET", "/"): _operation("root", "What this is.", _plain_object(), security=_OPEN),
        ("GET", "/healthz"): _operation("healthz", "Whether the process is up.", _plain_object(), security=_OPEN),
        ("GET", "/readyz"): _operation(
            "readyz", "Whether events can be taken and found.", _plain_object(), errors=(503,), security=_OPEN
        ),
        ("GET", "/metrics"): _metrics(),
        ("GET", "/v1/openapi.json"): _operation("openapi", "This description.", _plain_object(), security=_OPEN),
        ("GET", "/v1/events"): _operation(
            "searchEvents", "Find events, newest first.", ref("EventPage"), parameters=_of(EVENTS),
            errors=(400, 401, 403, 503),
        ),
        ("GET", "/v1/events/{id}"): _operation(
            "getEvent", "Get one event.", ref("Event"), parameters=[_ID], errors=(400, 401, 403, 404, 503)
        ),
        ("GET", "/v1/alerts"): _operation(
            "listAlerts", "List alerts, newest first.", ref("AlertPage"), parameters=_of(ALERTS), errors=(400, 401, 403)
        ),
        ("GET", "/v1/alerts/{id}"): _operation(
            "getAlert", "Get one alert.", ref("Alert"), parameters=[_ID], errors=(400, 401, 403, 404)
        ),
        ("POST", "/v1/batches"): _post_batch(),
        ("POST", "/v1/events"): _post_events(),
    }  # fmt: skip


def _operation(
    name: str,
    summary: str,
    answer: Schema,
    *,
    parameters: Sequence[Mapping[str, Any]] = (),
    errors: Sequence[int] = (),
    security: list[dict[str, list[str]]] | None = None,
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "As asked.", "content": {JSON: {"schema": answer}}},
            **{str(status): _error(status) for status in errors},
            "default": {"description": "Another error.", "content": {PROBLEM: {"schema": ref("Problem")}}},
        },
    }
    if parameters:
        operation["parameters"] = list(parameters)
    if security is not None:
        operation["security"] = security
    return operation


def _error(status: int) -> dict[str, Any]:
    return {"description": _STATUS_WORDS[status], "content": {PROBLEM: {"schema": ref("Problem")}}}


def _of(parameters: Sequence[Parameter]) -> list[dict[str, Any]]:
    return [parameter.document() for parameter in parameters]


def _header(name: str, doc: str, schema: Schema, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": doc, "schema": schema}


def _plain_object() -> Schema:
    return {"type": "object", "additionalProperties": True}


def _metrics() -> dict[str, Any]:
    operation = _operation("metrics", "Metrics for Prometheus.", {}, errors=(401, 403), security=[{}, {"token": []}])
    operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return operation


def _post_batch() -> dict[str, Any]:
    operation = _operation(
        "postBatch",
        "Store one batch of an agent's stream. 200 means: on disk.",
        ref("BatchReceipt"),
        parameters=[
            _header(
                wire.STREAM_HEADER,
                "The agent's stream.",
                {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                required=True,
            ),
            _header(
                wire.SEQUENCE_HEADER,
                "The batch's place in its stream: 1, 2, 3 … A repeat is answered as a duplicate, a gap with 409.",
                {"type": "integer", "minimum": 1},
                required=True,
            ),
        ],
        errors=(400, 401, 403, 409, 413, 415, 422, 429, 503),
    )
    body = {"description": "A zstd frame (docs: the wire).", "content": {wire.CONTENT_TYPE: {}}, "required": True}
    return {**operation, "requestBody": body}


def _post_events() -> dict[str, Any]:
    operation = _operation(
        "postEvents",
        "Store events given as JSON: one object, an array, or NDJSON. 200 means: on disk, all of them.",
        ref("EventsReceipt"),
        parameters=[
            _header(
                "Idempotency-Key",
                "A request with the same key and content is stored once.",
                {"type": "string", "minLength": 1, "maxLength": 255},
                required=False,
            )
        ],
        errors=(400, 401, 403, 409, 413, 415, 422, 429, 503),
    )
    event = ref("PostedEvent")
    content = {
        JSON: {"schema": {"oneOf": [event, {"type": "array", "items": event}]}},
        "application/x-ndjson": {"schema": {"type": "string", "description": "One PostedEvent a line."}},
    }
    return {**operation, "requestBody": {"content": content, "required": True}}


_ID: Final[dict[str, Any]] = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
