"""``/v1/events`` and what is counted over events: what is asked, and what comes back."""

import json
from typing import Any

import pytest

from tests.collector.web.conftest import Face
from tests.collector.web.memory_answers import STREAM, an_event

READS = (
    "/v1/events", f"/v1/events/{STREAM}-1-0", "/v1/facets", "/v1/histogram", "/v1/history", "/v1/values?field=action",
    "/v1/query/explain", "/v1/export", "/v1/filters", "/v1/alerts", "/v1/alerts/a1",
)  # fmt: skip


async def test_pages_follow_one_another_by_cursor(face: Face) -> None:
    face.append(*(an_event(actor={"id": "alice"}) for _ in range(5)))
    first = await face.get("/v1/events", actor="alice", limit=3)
    rest = await face.get("/v1/events", actor="alice", limit=3, cursor=first["next_cursor"])
    assert [event["id"][-1] for event in first["events"] + rest["events"]] == list("43210")
    assert rest["next_cursor"] is None


async def test_the_answer_is_passed_on_untouched(face: Face) -> None:
    deep: Any = "bottom"
    for _ in range(300):
        deep = [deep]
    details = {"deep": deep, "big": 12345678901234567890123, "control": "\u202e\x00'; DROP", "=cmd": None}
    face.append(an_event(details=json.loads(json.dumps(details))))
    async with face.client.get("/v1/events") as response:
        body = await response.read()
    assert body == face.answers.answer("search", face.parameters())


async def test_what_is_asked_is_what_the_question_takes(face: Face) -> None:
    asked = {"from": "30d", "to": "now", "q": "x", "limit": "6", "total": "true", "org": "acme"}
    await face.get("/v1/events", 200, **asked)
    assert face.parameters() == {
        "filters": {"org": ["acme"]}, "q": "x", "exclude": [], "from": "30d", "to": "now", "limit": 6,
        "cursor": None, "total": True,
    }  # fmt: skip
    await face.get("/v1/events")
    assert face.parameters() == {
        "filters": {}, "q": None, "exclude": [], "from": None, "to": None, "limit": 50, "cursor": None, "total": False,
    }  # fmt: skip


async def test_a_total_is_given_when_it_is_asked_for(face: Face) -> None:
    face.append(an_event(), an_event())
    assert (await face.get("/v1/events", limit=1, total="true"))["total"] == {"value": 2, "exact": True}
    assert "total" not in await face.get("/v1/events", limit=1, total="false")


async def test_repeated_filters_and_other_words_for_a_field_are_alternatives(face: Face) -> None:
    parameters = [("actor", "alice"), ("user", "bob"), ("user", "carol*"), ("status", "failed"), ("outcome", "success")]
    async with face.client.get("/v1/events", params=parameters) as response:
        await face.checked(response, 200)
    assert face.parameters()["filters"] == {"actor": ["alice", "bob", "carol*"], "outcome": ["success", "failed"]}


async def test_user_me_is_the_caller_and_actor_me_is_not(face: Face) -> None:
    face.append(an_event(actor={"id": "bob"}), an_event(actor={"id": "me"}))
    async with face.client.get("/v1/events?user=me", headers={"X-Caller": "bob"}) as response:
        page = await face.checked(response, 200)
    assert [event["actor"]["id"] for event in page["events"]] == ["bob"]
    assert (await face.get("/v1/events", actor="me"))["events"][0]["actor"]["id"] == "me"


async def test_kinds_of_actors_are_a_filter(face: Face) -> None:
    face.append(*(an_event(actor={"type": kind}) for kind in ("user", "api_key", "service")))
    async with face.client.get("/v1/events?actor_type=api_key&actor_type=service") as response:
        page = await face.checked(response, 200)
    assert [event["actor"]["type"] for event in page["events"]] == ["service", "api_key"]


async def test_an_identifier_is_found_in_every_type_unless_one_is_given(face: Face) -> None:
    face.append(*(an_event(resource={"type": kind, "id": "7"}) for kind in ("database", "asset")))
    wide = await face.get("/v1/events", 200, **{"resource.id": "7"})
    narrow = await face.get("/v1/events", 200, **{"resource.id": "7", "type": "asset"})
    assert (len(wide["events"]), len(narrow["events"])) == (2, 1)


async def test_logins_and_what_the_system_did_can_be_left_out(face: Face) -> None:
    face.append(
        an_event(category="authentication", action="login"),
        an_event(actor={"type": "system"}, category="system"),
        an_event(action="create"),
    )
    for excluded, actions in (("login", ["create", "read"]), ("system", ["create", "login"])):
        page = await face.get("/v1/events", exclude=excluded)
        assert [event["action"] for event in page["events"]] == actions
    async with face.client.get("/v1/events?exclude=login&exclude=system&exclude=login") as response:
        page = await face.checked(response, 200)
    assert [event["action"] for event in page["events"]] == ["create"]
    assert face.parameters()["exclude"] == ["login", "system"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"actr": "x"}, "there is no parameter 'actr'; did you mean 'actor'?"),
        ({"zzzz": "x"}, "there is no parameter 'zzzz'; known here: from, to, actor"),
        ({"limit": "0"}, "'limit': expected a whole number from 1 to 1000, found '0'"),
        ({"limit": "1001"}, "found '1001'"),
        ({"limit": "٣"}, "expected a whole number"),
        ({"after": "-1"}, "'after': expected a whole number"),
        ({"after": "1", "from": "1h", "cursor": "x", "total": "true"}, "goes without 'cursor', 'from', 'total'"),
        ({"exclude": "logins"}, "'exclude' is one of login, system, hidden; found 'logins'; did you mean 'login'?"),
        ({"total": "yes"}, "'total' is one of true, false; found 'yes'"),
        ({"q": "wrong"}, "that is wrong"),
    ],
)
async def test_a_wrong_parameter_is_a_problem_that_names_it(
    face: Face, parameters: dict[str, Any], message: str
) -> None:
    problem = await face.get("/v1/events", 400, **parameters)
    assert message in problem["detail"]
    assert message in problem["errors"][0]["message"]
    assert problem["errors"][0]["parameter"] in parameters


async def test_all_wrong_parameters_are_named_at_once(face: Face) -> None:
    async with face.client.get("/v1/events?x=1&limit=1&limit=2&y=1&exclude=login&exclude=z") as response:
        problem = await face.checked(response, 400)
    assert [error["parameter"] for error in problem["errors"]] == ["x", "limit", "y", "exclude"]
    assert face.answers.asked == []


async def test_one_event_by_its_id(face: Face) -> None:
    face.append(an_event(details={"n": 1}))
    assert (await face.get(f"/v1/events/{STREAM}-1-0"))["details"] == {"n": 1}
    assert "there is no event" in (await face.get(f"/v1/events/{STREAM}-1-1", 404))["detail"]
    await face.get(f"/v1/events/{STREAM}-1-0", 400, q="x")


async def test_following_reads_in_order_of_arrival(face: Face) -> None:
    face.append(an_event(), an_event())
    start = await face.get("/v1/events", after="latest")
    assert (start["events"], start["last_number"]) == ([], 2)
    face.append(an_event(), an_event(action="create"), an_event(action="create"))
    page = await face.get("/v1/events", after=2, action="create", limit=1)
    assert ([event["id"][-1] for event in page["events"]], page["last_number"]) == (["3"], 4)


async def test_facets_count_the_fields_that_are_asked_for(face: Face) -> None:
    face.append(an_event(org="acme"), an_event(org="acme"), an_event(org="umbrella"), an_event())
    async with face.client.get("/v1/facets?field=org&field=action&field=org&size=1&distinct=actor") as response:
        counted = await face.checked(response, 200)
    assert counted["facets"]["org"] == {"values": [{"value": "acme", "count": 2}], "other": 1, "missing": 1}
    assert list(counted["facets"]) == ["org", "action"]
    assert (face.parameters()["size"], face.parameters()["distinct"]) == (1, "actor")
    assert len((await face.get("/v1/facets"))["facets"]) == 5
    many = "&".join(f"field=details.{n}" for n in range(33))
    async with face.client.get(f"/v1/facets?{many}") as response:
        assert "at most 32 facets" in (await face.checked(response, 400))["detail"]


async def test_a_histogram_and_values_and_an_explanation_ask_their_questions(face: Face) -> None:
    face.append(an_event())
    await face.get("/v1/histogram", interval="1h", by="outcome", user="alice")
    assert face.answers.asked[-1] == (
        "histogram",
        {
            "filters": {"actor": ["alice"]},
            "q": None,
            "exclude": [],
            "from": None,
            "to": None,
            "interval": "1h",
            "by": "outcome",
        },
    )
    await face.get("/v1/values", field="action", prefix="re", limit=5)
    assert (face.parameters()["field"], face.parameters()["prefix"], face.parameters()["limit"]) == ("action", "re", 5)
    problem = await face.get("/v1/values", 400)
    assert problem["errors"][0]["parameter"] == "field"
    assert (await face.get("/v1/query/explain", q="a"))["query"] == "a"
    await face.get("/v1/query/explain", 400, limit="5")


async def test_history_asks_of_the_counts_that_outlive_events(face: Face) -> None:
    face.append(an_event())
    asked = {"from": "900d", "to": "2026-11-21T00:00:00Z", "interval": "1d", "by": "org"}
    answer = await face.get("/v1/history", 200, **asked, gone="true")
    assert face.answers.asked[-1] == ("rollup", {**asked, "gone": True})
    assert answer["buckets"] == [{"time": "2026-11-21T12:00:00.000000Z", "count": 1, "by": {"acme": 1}}]
    await face.get("/v1/history")
    assert face.parameters() == {"from": None, "to": None, "interval": None, "by": None, "gone": False}
    for wrong in ({"q": "x"}, {"org": "acme"}, {"gone": "yes"}, {"limit": "5"}):
        (error,) = (await face.get("/v1/history", 400, **wrong))["errors"]
        assert error["parameter"] in wrong


async def test_counts_that_are_known_already_are_not_sent_again(face: Face) -> None:
    async with face.client.get("/v1/history") as response:
        etag = response.headers["ETag"]
    async with face.client.get("/v1/history", headers={"If-None-Match": etag}) as response:
        assert (response.status, await response.read()) == (304, b"")


@pytest.mark.parametrize("path", READS)
async def test_every_read_asks_for_the_scope_read(face: Face, path: str) -> None:
    face.append(an_event())
    async with face.client.get(path) as response:
        assert response.status == 200
        await response.read()
    assert face.asked == ["read"]
