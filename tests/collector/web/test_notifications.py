"""What people are told, over HTTP: lists, dead letters, channels and tests of them."""

from typing import Any

import pytest

from collector.web import openapi_document
from tests.collector.web.conftest import Face
from tests.collector.web.test_openapi import check

RESPOND = {"X-Scopes": "respond", "X-Caller": "carol"}


async def post(face: Face, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    async with face.client.post(path, headers={**RESPOND, **headers}) as response:
        return response.status, await response.json()


async def test_notifications_are_listed_newest_first_in_pages_and_by_state(face: Face) -> None:
    first = await face.get("/v1/notifications?limit=3")
    assert [each["state"] for each in first["notifications"]] == ["waiting", "dead", "dead"]
    rest = await face.get(f"/v1/notifications?limit=3&before={first['next_before']}")
    assert [each["id"] for each in rest["notifications"]] == ["a1-1-1-hook"]
    assert "next_before" not in rest
    dead = await face.get("/v1/notifications?state=dead&channel=broken")
    assert [(each["number"], each["title"], each["last_error"]) for each in dead["notifications"]] == [
        (3, "HIGH: Alert 3", "answered 422: what is that?"), (2, "HIGH: Alert 2", "answered 422: what is that?")
    ]  # fmt: skip


async def test_a_dead_letter_is_tried_again_or_dropped_and_that_is_an_event(face: Face) -> None:
    assert (await post(face, "/v1/notifications/2/retry"))[1]["state"] == "waiting"
    status, dropped = await post(face, "/v1/notifications/3/drop")
    assert (status, dropped["state"]) == (200, "dropped")
    check(dropped, {"$ref": "#/components/schemas/Notification", "components": openapi_document()["components"]})
    assert [(each["event_type"], each["actor.id"], each["resource.name"]) for each in face.told] == [
        ("notification.retried", "carol", "broken"), ("notification.dropped", "carol", "broken")
    ]  # fmt: skip
    assert face.asked[-1] == "respond"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/notifications/99/retry", 404, "there is no notification 99"),
        ("/v1/notifications/x/retry", 404, "its number is asked for"),
        ("/v1/notifications/1/retry", 409, "the notification 1 is delivered, not dead"),
        ("/v1/notifications/1/drop", 409, "the notification 1 is delivered, not dead or waiting"),
        ("/v1/channels/nobody/test", 404, "there is no channel 'nobody'; the channels are: hook, broken"),
    ],
)
async def test_what_cannot_be_done_is_said(face: Face, path: str, status: int, words: str) -> None:
    answered, problem = await post(face, path)
    assert answered == status
    assert words in problem["detail"]
    assert face.told == []


async def test_channels_are_listed_and_tried(face: Face) -> None:
    hook, broken = (await face.get("/v1/channels"))["channels"]
    assert (hook["name"], hook["kind"], hook["state"], hook["held_back"]) == ("hook", "webhook", "ok", 7)
    assert (broken["waiting"], broken["dead"]) == (1, 2)
    status, outcome = await post(face, "/v1/channels/hook/test")
    assert (status, outcome["sent"], outcome["answer"]) == (200, True, "took TEST of the channel hook")
    _, outcome = await post(face, "/v1/channels/broken/test")
    assert (outcome["sent"], outcome["error"]) == (False, "Cannot connect to host 127.0.0.1:9")
    assert [each["outcome"] for each in face.told] == ["success", "failure"]
