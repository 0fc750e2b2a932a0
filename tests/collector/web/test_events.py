"""``/v1/events`` over HTTP."""

import json
from typing import Any

import pytest

from tests.collector.query.memory_source import STREAM, an_event
from tests.collector.web.conftest import NOW, Face

HOUR_US = 3_600_000_000


async def test_pages_follow_one_another_by_cursor(face: Face) -> None:
    face.source.append([an_event(NOW - n, actor_id="alice") for n in range(5)])
    first = await face.get("/v1/events", actor="alice", limit=3)
    rest = await face.get("/v1/events", actor="alice", limit=3, cursor=first["next_cursor"])
    assert [event["id"][-1] for event in first["events"] + rest["events"]] == list("01234")
    assert rest["next_cursor"] is None
    assert first["range"]["default"] is True
    problem = await face.get("/v1/events", 400, actor="bob", cursor=first["next_cursor"])
    assert problem["errors"][0]["parameter"] == "cursor"


async def test_repeated_filters_are_alternatives(face: Face) -> None:
    face.source.append([an_event(NOW, actor_id=name, outcome="failure") for name in ("alice", "bob", "carol")])
    parameters = [("actor", "alice"), ("actor", "bob"), ("outcome", "failed"), ("q", "-actor:bob")]
    async with face.client.get("/v1/events", params=parameters) as response:
        page = await face.checked(response, 200)
    assert [event["actor"]["id"] for event in page["events"]] == ["alice"]


async def test_from_and_to_bound_the_range(face: Face) -> None:
    face.source.append([an_event(NOW - n * HOUR_US) for n in range(5)])
    page = await face.get("/v1/events", 200, **{"from": "3h", "to": "2026-11-21T11:00:00Z"})
    assert [event["time"][11:13] for event in page["events"]] == ["10", "09"]
    assert page["range"] == {
        "from": "2026-11-21T09:00:00.000000Z",
        "to": "2026-11-21T11:00:00.000000Z",
        "default": False,
    }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"actr": "x"}, "there is no parameter 'actr'; did you mean 'actor'?"),
        ({"zzzz": "x"}, "there is no parameter 'zzzz'; known here: from, to, actor"),
        ({"limit": "0"}, "'limit': expected a whole number from 1 to 1000, found '0'"),
        ({"limit": "1001"}, "found '1001'"),
        ({"limit": "٣"}, "expected a whole number"),
        ({"after": "-1"}, "'after': expected a whole number"),
        ({"after": "1", "from": "1h", "cursor": "x"}, "goes without 'cursor', 'from'"),
        ({"q": "acter:x"}, "did you mean 'actor'?"),
        ({"q": "(" * 10_000}, "the query has 10000 characters, the limit is 4096"),
        ({"from": "soon"}, "found 'soon'"),
        ({"outcome": "bad"}, "'outcome' is one of"),
        ({"cursor": "x"}, "this is no cursor"),
    ],
)
async def test_a_wrong_parameter_is_a_problem_that_names_it(
    face: Face, parameters: dict[str, Any], message: str
) -> None:
    # As long as aiohttp lets a request line be without the option that the daemon sets.
    if len(str(parameters)) > 8000:
        parameters = {"q": parameters["q"][:5000]}
        message = message.replace("10000", "5000")
    problem = await face.get("/v1/events", 400, **parameters)
    assert message in problem["detail"]
    assert message in problem["errors"][0]["message"]
    assert problem["errors"][0]["parameter"] in parameters


async def test_all_wrong_parameters_are_named_at_once(face: Face) -> None:
    async with face.client.get("/v1/events?x=1&limit=1&limit=2&y=1") as response:
        problem = await face.checked(response, 400)
    assert [error["parameter"] for error in problem["errors"]] == ["x", "limit", "y"]


async def test_one_event_by_its_id(face: Face) -> None:
    face.source.append([an_event(NOW, details={"n": 1})])
    assert (await face.get(f"/v1/events/{STREAM}-1-0"))["details"] == {"n": 1}
    assert "there is no event" in (await face.get(f"/v1/events/{STREAM}-1-1", 404))["detail"]
    assert "is no event id" in (await face.get("/v1/events/42", 400))["detail"]
    await face.get(f"/v1/events/{STREAM}-1-0", 400, q="x")


async def test_following_reads_in_order_of_arrival(face: Face) -> None:
    face.source.append([an_event(NOW - 1), an_event(NOW)])
    start = await face.get("/v1/events", after="latest")
    assert start == {"events": [], "last_number": 2}
    face.source.append([an_event(NOW), an_event(0, action="create"), an_event(1, action="create")])
    page = await face.get("/v1/events", after=2, action="create", limit=1)
    assert ([event["time"][:4] for event in page["events"]], page["last_number"]) == (["1970"], 4)


async def test_details_go_out_as_they_came_in(face: Face) -> None:
    deep: Any = "bottom"
    for _ in range(300):
        deep = [deep]
    details = {"deep": deep, "big": 12345678901234567890123, "control": "\u202e\x00'; DROP", "=cmd": None}
    face.source.append([an_event(NOW, details=json.loads(json.dumps(details)))])
    assert (await face.get("/v1/events"))["events"][0]["details"] == details


async def test_every_read_asks_for_the_scope_read(face: Face) -> None:
    for path in ("/v1/events", f"/v1/events/{STREAM}-1-0", "/v1/alerts", "/v1/alerts/a1"):
        async with face.client.get(path) as response:
            await response.read()
    assert face.asked == ["read"] * 4
