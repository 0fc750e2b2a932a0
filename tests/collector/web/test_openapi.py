"""The description of the API is valid, complete and true."""

from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from structlog.testing import capture_logs

from collector.web import openapi_document
from tests.collector.web.conftest import NOW, Face
from tests.collector.web.memory_answers import STREAM, an_event
from watchbook.event import FIELDS, nest


def schema_of(path: str, status: int, method: str = "get") -> dict[str, Any]:
    document = openapi_document()
    responses = document["paths"][path][method]["responses"]
    (content,) = responses.get(str(status), responses["default"])["content"].values()
    return {**content["schema"], "components": document["components"]}


def check(instance: Any, schema: dict[str, Any]) -> None:
    OAS31Validator(schema, format_checker=oas31_format_checker).validate(instance)


def test_the_document_is_valid_openapi_3_1() -> None:
    validate(openapi_document(), cls=OpenAPIV31SpecValidator)


async def test_every_route_is_described_and_everything_described_is_a_route(face: Face) -> None:
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in face.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    described = {(method, path) for path, item in openapi_document()["paths"].items() for method in item}
    assert routes == described


async def test_the_document_is_served(face: Face) -> None:
    assert await face.get("/v1/openapi.json") == openapi_document()


def a_full_event() -> dict[str, Any]:
    """Return an event with every field set."""
    values: dict[str, Any] = {
        "time": NOW, "text": "x", "integer": 7, "number": 1.5, "numbers": {"rows": 1}, "object": {"a": [1, None]},
        "changes": [{"field": "plan", "old": "a", "new": {"b": 1}}, {"field": "tier"}], "texts": ["unparsed"],
    }  # fmt: skip
    event = {field.name: min(field.values) if field.values else values[field.kind] for field in FIELDS}
    return nest({**event, "source.ip": "10.0.0.1"})


@pytest.mark.parametrize(
    ("path", "route", "status", "parameters"),
    [
        ("/v1/events", "/v1/events", 200, {}),
        ("/v1/events", "/v1/events", 200, {"limit": 1, "from": "1h", "to": "-1m"}),
        ("/v1/events", "/v1/events", 200, {"after": "latest"}),
        ("/v1/events", "/v1/events", 200, {"after": "0"}),
        ("/v1/events", "/v1/events", 200, {"total": "true"}),
        ("/v1/events", "/v1/events", 400, {"q": "wrong"}),
        (f"/v1/events/{STREAM}-1-0", "/v1/events/{id}", 200, {}),
        (f"/v1/events/{STREAM}-9-0", "/v1/events/{id}", 404, {}),
        ("/v1/facets", "/v1/facets", 200, {"field": "action"}),
        ("/v1/histogram", "/v1/histogram", 200, {"by": "actor.type"}),
        ("/v1/history", "/v1/history", 200, {}),
        ("/v1/history", "/v1/history", 200, {"by": "org", "gone": "true"}),
        ("/v1/history", "/v1/history", 400, {"gone": "yes"}),
        ("/v1/values", "/v1/values", 200, {"field": "action"}),
        ("/v1/values", "/v1/values", 400, {}),
        ("/v1/query/explain", "/v1/query/explain", 200, {"q": "a"}),
        ("/v1/export", "/v1/export", 400, {"format": "xml"}),
        ("/v1/tail", "/v1/tail", 400, {"q": "wrong"}),
        ("/v1/filters", "/v1/filters", 200, {}),
        ("/v1/filters/x", "/v1/filters/{id}", 404, {}),
        ("/v1/alerts", "/v1/alerts", 200, {}),
        ("/v1/notifications", "/v1/notifications", 200, {}),
        ("/v1/notifications", "/v1/notifications", 200, {"state": "dead", "limit": 1}),
        ("/v1/notifications", "/v1/notifications", 400, {"state": "lost"}),
        ("/v1/channels", "/v1/channels", 200, {}),
        ("/v1/alerts", "/v1/alerts", 200, {"limit": 2}),
        ("/v1/alerts/a1", "/v1/alerts/{id}", 200, {}),
        ("/v1/alerts/x", "/v1/alerts/{id}", 404, {}),
        ("/v1/agents", "/v1/agents", 200, {}),
        ("/v1/agents", "/v1/agents", 200, {"state": "silent"}),
        ("/v1/agents", "/v1/agents", 400, {"state": "asleep"}),
        ("/v1/agents/x", "/v1/agents/{id}", 404, {}),
        ("/", "/", 200, {}),
        ("/healthz", "/healthz", 200, {}),
        ("/readyz", "/readyz", 200, {}),
        ("/v1/openapi.json", "/v1/openapi.json", 200, {}),
    ],
)
async def test_answers_are_what_the_document_says(
    face: Face, path: str, route: str, status: int, parameters: dict[str, Any]
) -> None:
    face.append(a_full_event(), an_event())
    check(await face.get(path, status, **parameters), schema_of(route, status))


async def test_the_schema_of_an_event_is_strict(face: Face) -> None:
    face.append(a_full_event())
    (event,) = (await face.get("/v1/events"))["events"]
    schema = schema_of("/v1/events/{id}", 200)
    check(event, schema)
    wrong: list[dict[str, Any]] = [
        {**event, "colour": "red"},
        {**event, "actor": {"type": "robot"}},
        {**event, "time": 1763733909123456},
        {name: value for name, value in event.items() if name != "action"},
    ]
    for instance in wrong:
        assert not OAS31Validator(schema).is_valid(instance)


def test_a_posted_event_may_have_every_field_and_a_before_and_an_after() -> None:
    document = openapi_document()
    schema = {**document["components"]["schemas"]["PostedEvent"], "components": document["components"]}
    check({"action": "read"}, schema)
    check({**a_full_event(), "before": {"a": 1}, "after": None}, schema)
    assert not OAS31Validator(schema).is_valid({"actor": {"id": "alice"}})
    assert not OAS31Validator(schema).is_valid({"action": "read", "id": "x"})


async def test_a_problem_is_what_the_document_says(face: Face) -> None:
    face.not_ready = "no"
    check(await face.get("/readyz", 503), schema_of("/readyz", 503))
    with capture_logs():
        response = await face.client.post("/v1/events?fail=1")
    async with response:
        check(await face.checked(response, 500), schema_of("/v1/events", 500, "post"))
