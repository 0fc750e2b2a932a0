"""The operations of the API, as OpenAPI 3.1 says them: one entry a route and method."""

from collector.web.agent_operations import agent_operations
from collector.web.alert_operations import alert_operations
from collector.web.filter_operations import filter_operations
from collector.web.notification_operations import notification_operations
from collector.web.operation import (
    EVENT_ID,
    JSON,
    OPEN,
    READ_ERRORS,
    Operation,
    conditional,
    header,
    of_parameters,
    operation,
    plain_object,
)
from collector.web.rule_operations import rule_operations
from collector.web.schemas import ref
from collector.web.stream_operations import stream_operations
from collector.web.trial_operations import trial_operations
from collector.web.vocabulary import CATALOGUE, EVENTS, EXPLAIN, FACETS, HISTOGRAM, HISTORY, VALUES
from watchbook import wire


def operations() -> dict[tuple[str, str], Operation]:
    """Return every operation by (method in capitals, path)."""
    return {
        **_health_operations(),
        **_event_operations(),
        **stream_operations(),
        **filter_operations(),
        **rule_operations(),
        **trial_operations(),
        **alert_operations(),
        **notification_operations(),
        ("GET", "/v1/catalogue"): conditional(
            operation(
                "listCatalogue",
                "List what sources call their events, and what it means.",
                ref("CatalogueAnswer"),
                parameters=of_parameters(CATALOGUE),
                errors=(*READ_ERRORS, 404),
            )
        ),
        **agent_operations(),
        ("POST", "/v1/batches"): _post_batch(),
        ("POST", "/v1/events"): _post_events(),
    }


def _health_operations() -> dict[tuple[str, str], Operation]:
    root = operation("root", "What this is.", plain_object(), errors=(400,), security=OPEN)
    up = operation("healthz", "Whether the process is up.", plain_object(), errors=(400,), security=OPEN)
    ready = operation(
        "readyz", "Whether events can be taken and found.", plain_object(), errors=(400, 503), security=OPEN
    )
    described = operation("openapi", "This description.", plain_object(), errors=(400,), security=OPEN)
    return {
        ("GET", "/"): conditional(root),
        ("GET", "/healthz"): conditional(up),
        ("GET", "/readyz"): conditional(ready),
        ("GET", "/metrics"): _metrics(),
        ("GET", "/v1/openapi.json"): conditional(described),
    }


def _event_operations() -> dict[tuple[str, str], Operation]:
    asked = (
        ("/v1/events", "searchEvents", "Find events, newest first.", "EventPage", EVENTS),
        ("/v1/facets", "countFacets", "Count events by the values of fields.", "Facets", FACETS),
        ("/v1/histogram", "countByTime", "Count events over time.", "Histogram", HISTOGRAM),
        ("/v1/history", "countHistory", "Count by the hour, events that are gone too.", "History", HISTORY),
        ("/v1/values", "completeValues", "List the values of a field, the most frequent first.", "Values", VALUES),
        ("/v1/query/explain", "explainQuery", "Say how a query is understood and looked up.", "Explanation", EXPLAIN),
    )
    found = {
        ("GET", path): conditional(
            operation(name, summary, ref(answer), parameters=of_parameters(parameters), errors=READ_ERRORS)
        )
        for path, name, summary, answer, parameters in asked
    }
    one = operation("getEvent", "Get one event.", ref("Event"), parameters=[EVENT_ID], errors=(*READ_ERRORS, 404))
    return {**found, ("GET", "/v1/events/{id}"): conditional(one)}


def _metrics() -> Operation:
    described = operation(
        "metrics", "Metrics for Prometheus.", {}, errors=(400, 401, 403), security=[{}, {"token": []}]
    )
    described["responses"]["200"]["content"] = {
        "text/plain": {"schema": {"type": "string"}},
        "application/openmetrics-text": {"schema": {"type": "string"}},
    }
    return described


def _post_batch() -> Operation:
    described = operation(
        "postBatch",
        "Store one batch of an agent's stream. 200 means: on disk.",
        ref("BatchReceipt"),
        parameters=[
            header(
                wire.STREAM_HEADER,
                "The agent's stream.",
                {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                required=True,
            ),
            header(
                wire.SEQUENCE_HEADER,
                "The batch's place in its stream: 1, 2, 3 … A repeat is answered as a duplicate, a gap with 409.",
                {"type": "integer", "minimum": 1},
                required=True,
            ),
            header(
                wire.ELSEWHERE_HEADER,
                "The sequence that a 409 expected: from there up to this batch, another collector has taken them.",
                {"type": "integer", "minimum": 1},
                required=False,
            ),
        ],
        errors=(400, 401, 403, 409, 413, 415, 422, 429, 503),
    )
    body = {"description": "A zstd frame (docs: the wire).", "content": {wire.CONTENT_TYPE: {}}, "required": True}
    return {**described, "requestBody": body}


def _post_events() -> Operation:
    described = operation(
        "postEvents",
        "Store events given as JSON: one object, an array, or NDJSON. 200 means: on disk, all of them.",
        ref("EventsReceipt"),
        parameters=[
            header(
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
    return {**described, "requestBody": {"content": content, "required": True}}
