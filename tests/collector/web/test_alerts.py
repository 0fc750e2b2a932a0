"""Alerts, silences and exceptions over HTTP: the real desk behind the real face, every answer as the document says."""

from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from collector.web import openapi_document
from tests.collector.web.conftest import Face
from tests.collector.web.listed_alerts import EVENT_ID, RULE

DOCUMENT = openapi_document()
RESPONDER = {"X-Scopes": "respond", "X-Caller": "carol"}
SILENCE = {"matchers": [{"name": "actor.id", "value": "mallory"}], "ends": "2h", "reason": "a drill"}
EXCEPTION = {"fields": [{"name": "actor.id"}, {"name": "source.ip"}], "until": "30d", "reason": "a scanner"}


async def ask(
    face: Face, method: str, path: str, body: Any = None, *, expect: int = 200, route: str = "", **parameters: str
) -> Any:
    """Return an answer that is as the description says."""
    keywords: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
    async with face.client.request(method, path, headers=RESPONDER, params=parameters, **keywords) as response:
        answer = await face.checked(response, expect)
    described = DOCUMENT["paths"][route or path][method.lower()]["responses"]
    (content,) = described.get(str(expect), described["default"])["content"].values()
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    OAS31Validator(schema, format_checker=oas31_format_checker).validate(answer)
    return answer


async def test_an_alert_is_acted_on_and_shows_who_did_what(face: Face) -> None:
    act = "/v1/alerts/a9"
    shown = await ask(face, "POST", f"{act}/acknowledge", {"note": "mine"}, route="/v1/alerts/{id}/acknowledge")
    assert (shown["status"], shown["acknowledged"]["by"], shown["acknowledged"]["note"]) == (
        "acknowledged", "carol", "mine",
    )  # fmt: skip
    await ask(face, "POST", f"{act}/resolve", b"", route="/v1/alerts/{id}/resolve")
    problem = await ask(face, "POST", f"{act}/resolve", {}, route="/v1/alerts/{id}/resolve", expect=409)
    assert problem["type"] == "urn:watchbook:problem:alert-state"
    await ask(face, "POST", f"{act}/reopen", {"note": None}, route="/v1/alerts/{id}/reopen")
    body = {"disposition": "benign", "note": "a drill"}
    await ask(face, "POST", f"{act}/disposition", body, route="/v1/alerts/{id}/disposition")
    shown = await ask(face, "GET", act, route="/v1/alerts/{id}")
    assert [each["kind"] for each in shown["history"]] == ["opened", "acknowledged", "resolved", "reopened"]
    assert shown["disposition"] | {"time": ""} == {"value": "benign", "by": "carol", "note": "a drill", "time": ""}
    assert (shown["event_ids"], shown["permalink"]) == ([EVENT_ID], "/v1/alerts/a9")
    assert face.asked.count("respond") == 5


async def test_lists_are_filtered(face: Face) -> None:
    await ask(face, "POST", "/v1/alerts/a9/acknowledge", route="/v1/alerts/{id}/acknowledge")
    await ask(face, "POST", "/v1/alerts/a2/disposition", {"disposition": "benign"},
              route="/v1/alerts/{id}/disposition")  # fmt: skip

    async def ids(**parameters: Any) -> str:
        page = await ask(face, "GET", "/v1/alerts", **parameters)
        return " ".join(alert["id"] for alert in page["alerts"])

    assert await ids(status="acknowledged") == "a9"
    assert await ids(disposition="benign") == "a2"
    assert "a2" not in await ids(disposition="none")
    everything = "a9 a8 a7 a6 a5 a4 a3 a2 a1"
    assert await ids(group="actor.id:mallory", tag="ATTACK.T1110", level="high", rule=RULE.id) == everything
    assert await ids(group="actor.id:alice") == await ids(tag="x") == await ids(silenced="true") == ""
    opened = "2026-11-21T12:00:00Z"
    assert (await ids(**{"from": opened}), await ids(to=opened)) == (everything, "")
    page = await face.get("/v1/alerts?status=acknowledged&status=open")
    assert [alert["id"] for alert in page["alerts"]] == ["a9", "a7", "a5", "a3", "a1"]
    for name, value in (("group", "alice"), ("from", "noon"), ("silenced", "maybe"), ("disposition", "bad")):
        wrong: dict[str, Any] = {name: value}
        problem = await ask(face, "GET", "/v1/alerts", expect=400, **wrong)
        assert problem["errors"][0]["parameter"] == name


async def test_the_ratio_of_each_rule(face: Face) -> None:
    await ask(face, "POST", "/v1/alerts/a1/disposition", {"disposition": "true_positive"},
              route="/v1/alerts/{id}/disposition")  # fmt: skip
    found = await ask(face, "GET", "/v1/alerts/ratios", days="7")
    assert (found["days"], found["rules"][0]["alerts"], found["rules"][0]["ratio"]) == (7, 9, 1.0)
    assert (await ask(face, "GET", "/v1/alerts/ratios", days="0", expect=400))["errors"][0]["parameter"] == "days"


async def test_the_life_of_a_silence(face: Face) -> None:
    asked = await ask(face, "POST", "/v1/silences/preview", {"matchers": SILENCE["matchers"]})
    assert (asked["hides_now"]["count"], asked["would_have_hidden"]["of"]) == (5, 9)
    made = await ask(face, "POST", "/v1/silences", SILENCE, expect=201)
    assert (made["hides"], made["author"], made["state"]) == (5, "carol", "active")
    one = f"/v1/silences/{made['id']}"
    assert await ask(face, "GET", one, route="/v1/silences/{id}") == made
    assert (await ask(face, "GET", "/v1/silences", state="active"))["silences"] == [made]
    hidden = await ask(face, "GET", "/v1/alerts", silenced="true")
    assert [alert["silenced_by"] for alert in hidden["alerts"]] == [made["id"]] * 5
    ended = await ask(face, "DELETE", one, route="/v1/silences/{id}")
    assert (ended["state"], ended["ended_by"], ended["hides"]) == ("ended", "carol", 0)
    await ask(face, "DELETE", one, route="/v1/silences/{id}", expect=409)
    await ask(face, "GET", "/v1/silences/x", route="/v1/silences/{id}", expect=404)


async def test_the_life_of_an_exception(face: Face) -> None:
    made = await ask(
        face, "POST", "/v1/alerts/a9/exceptions", EXCEPTION, route="/v1/alerts/{id}/exceptions", expect=201
    )
    assert {each["name"]: each["value"] for each in made["fields"]} == {"actor.id": "mallory", "source.ip": "10.0.0.7"}
    one = f"/v1/exceptions/{made['id']}"
    assert await ask(face, "GET", one, route="/v1/exceptions/{id}") == made
    assert (await ask(face, "GET", "/v1/exceptions", rule=RULE.id))["exceptions"] == [made]
    assert (await ask(face, "GET", "/v1/exceptions", state="ended"))["exceptions"] == []
    assert (await ask(face, "DELETE", one, route="/v1/exceptions/{id}"))["ended_by"] == "carol"
    await ask(face, "DELETE", one, route="/v1/exceptions/{id}", expect=409)
    await ask(face, "DELETE", "/v1/exceptions/x", route="/v1/exceptions/{id}", expect=404)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/alerts/a9/acknowledge", b"{"),
        ("/v1/alerts/a9/acknowledge", {"notes": "x"}),
        ("/v1/alerts/a9/acknowledge", {"note": "x" * 800, "by": "somebody else"}),
        ("/v1/alerts/a9/disposition", {}),
        ("/v1/alerts/a9/disposition", {"disposition": "fine"}),
        ("/v1/alerts/a9/exceptions", {**EXCEPTION, "fields": [{"name": "x"}]}),
        ("/v1/alerts/a9/exceptions", {**EXCEPTION, "fields": [{"name": "actor.id", "value": ["x"]}]}),
        ("/v1/alerts/a9/exceptions", {**EXCEPTION, "until": "-1d"}),
        ("/v1/silences", {**SILENCE, "matchers": []}),
        ("/v1/silences", {**SILENCE, "matchers": [{"name": "colour", "value": "red"}]}),
        ("/v1/silences", {**SILENCE, "starts": "3h"}),
        ("/v1/silences", [1]),
        ("/v1/silences/preview", {"matchers": SILENCE["matchers"], "days": 0}),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_changes_nothing(face: Face, path: str, body: Any) -> None:
    await ask(face, "POST", path, body, route=path.replace("a9", "{id}"), expect=422)
    shown = await face.get("/v1/alerts/a9")
    assert (shown["status"], len(shown["history"])) == ("open", 1)
    assert await face.get("/v1/silences") == {"silences": []}
    assert await face.get("/v1/exceptions") == {"exceptions": []}


async def test_reading_asks_for_read_and_acting_for_respond(face: Face) -> None:
    wanted = {
        ("get", "/v1/alerts"): "read", ("get", "/v1/alerts/ratios"): "read", ("get", "/v1/alerts/{id}"): "read",
        ("get", "/v1/silences"): "read", ("get", "/v1/silences/{id}"): "read", ("post", "/v1/silences/preview"): "read",
        ("get", "/v1/exceptions"): "read", ("get", "/v1/exceptions/{id}"): "read",
    }  # fmt: skip
    for path, item in DOCUMENT["paths"].items():
        if path.startswith(("/v1/alerts", "/v1/silences", "/v1/exceptions")):
            for method in item:
                face.asked.clear()
                async with face.client.request(method, path.replace("{id}", "x"), json={}) as response:
                    await response.read()
                assert face.asked == [wanted.get((method, path), "respond")], (method, path)
