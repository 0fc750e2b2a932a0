"""Rows 1 to 13: what an event has, who may act, and the first system's event types."""

from typing import Any

import pytest

from tests.checklist.lines import DETAILS
from tests.checklist.world import World, event_of, matched_by
from tests.seeds.activity import CATALOGUES, harbr

QUEUE = {"Process instance queued", "Process instance dequeued"}


@pytest.mark.row(1)
def test_an_event_that_lacks_time_subject_user_or_type_says_so(world: World) -> None:
    assert world.event(resource_id="row1-time", to="2999-01-01T00:00:00Z")["flags"] == ["time_assumed"]
    assert world.event(actor="row1-subject@example.com")["flags"] == ["no_resource"]
    unnamed = world.event(resource_id="row1-user")
    assert unnamed["actor"] == {"type": "anonymous"}
    assert world.events(actor_type="user", resource_id="row1-user") == []
    (untyped,) = (event for event in world.events(q="flags:unparsed") if "row1-type" in event["raw"])
    assert untyped["reason"] == "is not of the profile 'harbr'"
    assert "'event_type' is missing" in untyped["details"]["unparsed_detail"]


@pytest.mark.row(1)
def test_what_is_posted_without_an_action_is_refused_and_without_the_rest_is_flagged(world: World) -> None:
    refused = world.post({"actor": {"id": "a"}, "resource": {"type": "x", "id": "row1-posted"}})
    assert refused.status_code == 422
    assert "action" in refused.text
    assert world.events(resource_id="row1-posted", to="2999-01-01T00:00:00Z") == []
    (event_id,) = world.post({"action": "create"}).json()["ids"]
    posted = world.get(f"/v1/events/{event_id}")
    assert set(posted["flags"]) >= {"time_assumed", "no_resource"}
    assert posted["actor"] == {"type": "anonymous"}


@pytest.mark.row(2)
def test_a_service_that_calls_another_is_stored_found_and_shown_as_service_user(world: World) -> None:
    found = world.events(q="origin.profile:harbr", actor_type="service")
    assert len(found) == len([each for each in harbr() if each.expected["actor.type"] == "service"]) > 10
    assert {event["actor"]["name"] for event in found} == {"SERVICE_USER"}
    assert "service" in world.facet("actor.type")
    named = event_of("harbr", '{"type": "Asset edited", "subject": {"id": "a"}, "actingUser": "SERVICE_USER", '
                     '"service": "spaces"}')  # fmt: skip
    assert (named["actor.type"], named["actor.id"], named["actor.name"]) == ("service", "spaces", "SERVICE_USER")


@pytest.mark.row(3)
def test_nobody_in_particular_is_anonymous_and_no_user_of_that_name(world: World) -> None:
    found = world.events(q="origin.profile:harbr", actor_type="anonymous")
    assert len(found) > 10
    assert {tuple(event["actor"]) for event in found} == {("type",)}
    assert world.events(actor="anonymous") == []


@pytest.mark.row(4)
def test_what_is_done_later_keeps_the_id_of_its_request(world: World) -> None:
    found = world.events(q="request_id:c-3 origin.profile:harbr")
    assert {event["actor"]["type"] for event in found} == {"user", "service", "anonymous"}


@pytest.mark.row(5)
def test_details_are_kept_losslessly_whatever_they_are(world: World) -> None:
    found = world.event(resource_id="row5")
    assert found["details"] == DETAILS
    assert world.get(f"/v1/events/{found['id']}")["details"] == DETAILS


@pytest.mark.row(6)
def test_the_catalogue_gives_57_types_in_11_groups_with_name_and_description(world: World) -> None:
    document = world.get("/v1/catalogue", catalogue="harbr")
    (listing,) = document["catalogues"][0]["lists"]
    assert (listing["groups"], listing["entries"], listing["names"]) == (11, 57, 57)
    assert len(document["groups"]) == 11
    assert len(document["entries"]) == 57
    assert all(entry["group"] and entry["name"] and entry["description"] for entry in document["entries"])
    assert set(world.facet("event_type", q="origin.profile:harbr")) == {entry["name"] for entry in document["entries"]}


@pytest.mark.row(7)
def test_a_misspelt_group_becomes_the_proper_one_and_is_reported(world: World) -> None:
    found = world.event(resource_id="row7")
    assert (found["module"], found["details"]) == ("Subscription", {"group": "Suscription"})
    assert "Suscription" not in world.facet("module")
    seen = world.get("/v1/catalogue", seen="true", **{"from": "2026-01-01T00:00:00Z"})["seen"]
    assert seen["aliases"] == [
        {"field": "details.group", "value": "Suscription", "count": 1, "catalogue": "harbr", "meant": "Subscription"}
    ]


@pytest.mark.row(8)
def test_a_hidden_type_is_stored_and_found_and_can_be_left_out(world: World) -> None:
    entries = world.get("/v1/catalogue", catalogue="harbr", hidden="true")["entries"]
    assert {entry["name"] for entry in entries} == QUEUE
    everything = world.facet("event_type", q="origin.profile:harbr")
    assert set(everything) >= QUEUE
    assert everything.keys() - world.facet("event_type", q="origin.profile:harbr", exclude="hidden").keys() == QUEUE


@pytest.mark.row(9)
@pytest.mark.parametrize(
    ("success", "failure"),
    [
        ("Export completed", "Export failed"),
        ("Export task completed", "Export task failed"),
        ("Connector test succeeded", "Connector test failed"),
        ("Asset data updated", "Asset data update failed"),
        ("Subscription removed", "Subscription removal failed"),
    ],
)
def test_success_and_failure_are_one_action_with_two_outcomes(world: World, success: str, failure: str) -> None:
    well, badly = world.event(event_type=success), world.event(event_type=failure)
    assert well["action"] == badly["action"]
    assert (well["outcome"], badly["outcome"]) == ("success", "failure")
    assert (well["event_type"], badly["event_type"]) == (success, failure)
    assert "reason" in badly


@pytest.mark.row(10)
def test_what_somebody_may_not_do_fails_for_lack_of_the_right(world: World) -> None:
    """A rule about sensitive access can go by outcome, reason and the type of the resource."""
    found = world.events(q="outcome:failure reason:unauthorized resource.type:secret origin.profile:harbr")
    assert {event["event_type"] for event in found} == {
        "Secret access unauthorized", "Secret share edit unauthorized", "Secret share view unauthorized",
    }  # fmt: skip


@pytest.mark.row(11)
def test_request_approval_and_rejection_are_three_actions_linked_by_their_subject(world: World) -> None:
    found = world.events(resource_type="product", resource_id="row11")
    assert [(event["action"], event["actor"]["id"]) for event in reversed(found)] == [
        ("request", "ann@example.com"), ("reject", "ben@example.com"), ("approve", "cem@example.com"),
    ]  # fmt: skip
    assert world.facet("action", q="event_type:subscription*", action=["request", "approve", "reject"]).keys() == {
        "request", "approve", "reject",
    }  # fmt: skip


@pytest.mark.row(12)
def test_rotated_keys_are_seen_by_the_rule_about_permissions() -> None:
    events: list[dict[str, Any]] = [
        event_of(each.profile, each.line) for each in harbr() if each.about.endswith("keys rotated")
    ]
    assert len(events) == 2
    assert {event["action"] for event in events} == {"rotate"}
    assert matched_by("Permission change", events) == [0, 1]


@pytest.mark.row(13)
def test_queue_events_are_flagged_as_the_systems_doing_and_go_with_exclude_system(world: World) -> None:
    flagged = world.events(q="origin.profile:harbr flags:system")
    assert {event["event_type"] for event in flagged} == QUEUE
    before = world.facet("event_type", q="origin.profile:harbr")
    assert before.keys() - world.facet("event_type", q="origin.profile:harbr", exclude="system").keys() == QUEUE
    for actor in ("SERVICE_USER", "ANONYMOUS", "alice@example.com"):
        line = f'{{"type": "Process instance queued", "subject": {{"id": "p"}}, "actingUser": "{actor}"}}'
        assert "system" in event_of("harbr", line)["flags"]


def test_the_groups_are_counted_as_the_document_has_them() -> None:
    groups = CATALOGUES["harbr"].listing("event_type").groups
    assert {group.name: len(group.entries) for group in groups} == {
        "Asset": 7, "Connector": 5, "Data Share": 7, "Export": 4, "Organization": 2, "Process Instance": 2,
        "Product": 9, "Secret": 8, "Service Account": 4, "Subscription": 6, "User": 3,
    }  # fmt: skip
