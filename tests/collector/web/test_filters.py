"""``/v1/filters`` over HTTP."""

from typing import Any

import pytest

from tests.collector.web.conftest import Face

BOB = {"X-Caller": "bob"}
ADMIN = {"X-Caller": "root", "X-Scopes": "admin"}


async def send(face: Face, method: str, path: str, expect: int, /, body: Any = None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with face.client.request(method, path, json=body, headers=named) as response:
        assert response.status == expect, await response.text()
        if expect == 204:
            assert await response.read() == b""
            return None
        return await response.json()


async def saved(face: Face, name: str = "Failed logins", /, **content: Any) -> Any:
    return await send(face, "POST", "/v1/filters", 201, {"name": name, **content})


async def test_a_filter_is_saved_listed_changed_and_removed(face: Face) -> None:
    content = {
        "name": "Failed logins", "visibility": "everyone", "q": "action:login",
        "filters": {"status": ["failed"], "user": ["me", "bob*"]}, "exclude": ["system"],
    }  # fmt: skip
    async with face.client.post("/v1/filters", json=content) as response:
        assert response.status == 201
        made = await response.json()
        assert response.headers["Location"] == f"/v1/filters/{made['id']}"
        tag = response.headers["ETag"]
    assert {name: made[name] for name in content} == content
    assert made["range"] is None
    assert (await face.get("/v1/filters"))["filters"] == [made]
    path = f"/v1/filters/{made['id']}"
    assert await face.get(path) == made
    changed = await send(face, "PUT", path, 200, {**content, "name": "Renamed"}, If_Match=tag)
    assert (changed["name"], changed["version"]) == ("Renamed", 2)
    await send(face, "DELETE", path, 412, If_Match=tag)
    await send(face, "DELETE", path, 204, If_Match='"2"')
    assert (await face.get("/v1/filters"))["filters"] == []
    await face.get(path, 404)


async def test_a_range_is_kept_only_when_it_is_asked_for(face: Face) -> None:
    assert (await saved(face, "Without"))["range"] is None
    assert (await saved(face, "With", range={"from": "30d"}))["range"] == {"from": "30d", "to": None}


async def test_a_filter_of_ones_own_is_invisible_to_others_and_a_shared_one_is_not(face: Face) -> None:
    own = await saved(face, "Own")
    shared = await saved(face, "Shared", visibility="everyone")
    listed = await send(face, "GET", "/v1/filters", 200, **BOB)
    assert [one["name"] for one in listed["filters"]] == ["Shared"]
    path = f"/v1/filters/{own['id']}"
    await send(face, "GET", path, 404, **BOB)
    await send(face, "PUT", path, 404, {"name": "Stolen"}, If_Match="*", **BOB)
    path = f"/v1/filters/{shared['id']}"
    await send(face, "PUT", path, 200, {"name": "Edited", "visibility": "everyone"}, If_Match='"1"', **BOB)
    await send(face, "PUT", path, 403, {"name": "Taken", "visibility": "mine"}, If_Match='"2"', **BOB)
    await send(face, "DELETE", path, 403, If_Match='"2"', **BOB)
    await send(face, "DELETE", path, 204, If_Match='"2"', **ADMIN)


async def test_a_change_needs_the_version_that_it_changes(face: Face) -> None:
    made = await saved(face)
    path = f"/v1/filters/{made['id']}"
    body = {"name": "Other"}
    assert "'If-Match'" in (await send(face, "PUT", path, 428, body))["detail"]
    for tag in ('"2"', 'W/"1"', '"x"', '"1", "2"', '"٣"'):
        await send(face, "PUT", path, 412, body, If_Match=tag)
    await send(face, "DELETE", path, 428)
    assert (await send(face, "PUT", path, 200, body, If_Match="*"))["version"] == 2
    async with face.client.get(path, headers={"If-None-Match": '"2"'}) as response:
        assert response.status == 304
    async with face.client.get(path, headers={"If-None-Match": '"1"'}) as response:
        assert response.status == 200


async def test_a_name_that_is_taken_is_a_conflict(face: Face) -> None:
    await saved(face, "Taken")
    problem = await send(face, "POST", "/v1/filters", 409, {"name": "TAKEN"})
    assert problem["type"] == "urn:watchbook:problem:name-taken"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "missing required field `name`"),
        ({"name": ""}, "`$.name`"),
        ({"name": "a" * 101}, "`$.name`"),
        ({"name": " a"}, "'name': expected printable characters"),
        ({"name": "a\u202eb"}, "'name': expected printable characters"),
        ({"name": "a", "visibility": "all"}, "`$.visibility`"),
        ({"name": "a", "filters": {"usr": ["x"]}}, "there is no filter 'usr'; did you mean 'user'?"),
        ({"name": "a", "filters": {"user": []}}, "`$.filters[...]`"),
        ({"name": "a", "filters": {"user": [""]}}, "`$.filters[...][0]`"),
        ({"name": "a", "exclude": ["all"]}, "`$.exclude[0]`"),
        ({"name": "a", "range": {"since": "1d"}}, "unknown field `since`"),
        ({"name": "a", "colour": "red"}, "unknown field `colour`"),
        ([], "Expected `object`"),
    ],
)
async def test_a_body_that_is_no_filter_says_why(face: Face, body: Any, message: str) -> None:
    problem = await send(face, "POST", "/v1/filters", 422, body)
    assert message in problem["detail"]
    assert (await face.get("/v1/filters"))["filters"] == []


async def test_a_body_that_is_no_json_is_refused(face: Face) -> None:
    for data in (b"", b"{", b"[" * 900, b'"\xff"'):
        async with face.client.post("/v1/filters", data=data) as response:
            assert response.status == 422, data


async def test_a_query_that_nobody_understands_is_not_saved(face: Face) -> None:
    problem = await send(face, "POST", "/v1/filters", 400, {"name": "a", "q": "wrong"})
    assert problem["errors"][0]["parameter"] == "q"
    assert (await face.get("/v1/filters"))["filters"] == []
