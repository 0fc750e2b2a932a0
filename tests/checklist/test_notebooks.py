"""Rows 51 to 62: who, why, how long, how much, with what result, from where."""

import pytest

from tests.checklist.world import World, event_of, matched_by
from tests.seeds.activity import CATALOGUES, notebook_platform
from watchbook.event import ACTOR_TYPES, OUTCOMES

NOTEBOOKS = "origin.profile:notebook-platform"


@pytest.mark.row(51)
def test_an_actor_is_a_user_an_api_key_or_a_service(world: World) -> None:
    assert {"user", "api_key", "service"} <= ACTOR_TYPES
    assert world.event(q=NOTEBOOKS, actor_type="api_key")["actor"] == {"type": "api_key", "id": "ci"}
    assert world.event(q=NOTEBOOKS, actor_type="service")["actor"] == {"type": "service", "id": "etl"}
    assert world.facet("actor.type", q=NOTEBOOKS).keys() == {"user", "api_key", "service"}


@pytest.mark.row(52)
def test_why_somebody_did_it_is_kept_and_found(world: World) -> None:
    assert world.event(q='reason:"GDPR request"')["resource"]["name"] == "row52"
    (kept,) = world.events(q=f'{NOTEBOOKS} reason:"ticket 7"')
    assert kept["reason"] == "ticket 7"


@pytest.mark.row(53)
def test_all_eight_things_of_an_entry_are_there(world: World) -> None:
    found = world.event(resource_name="row53", **{"from": "2024-01-01T00:00:00Z"})
    assert found["actor"]["email"] == "alice@example.com"
    assert (found["action"], found["event_type"]) == ("create", "Created notebook")
    assert found["resource"] == {"type": "notebook", "name": "row53"}
    assert found["time"] == "2024-06-12T14:30:22.000000Z"
    assert found["source"]["ip"] == "192.168.1.100"
    assert found["outcome"] == "success"
    assert found["duration_ms"] == 245
    assert found["message"] == "Notebook created with 5 cells"


@pytest.mark.row(54)
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("request_id:r-7", "request_id"), ("session_id:s-2", "session_id"), ("ip:198.51.100.4", "ip"),
        ("user_agent:Mozilla*", "user_agent"), ("ip:2001:db8::1", "ip"),
    ],
)  # fmt: skip
def test_metadata_is_kept_and_each_a_filter(world: World, query: str, field: str) -> None:
    found = world.events(q=f"{NOTEBOOKS} {query}")
    assert found
    wanted = query.partition(":")[2].rstrip("*")
    assert all(event["source"][field].startswith(wanted) for event in found)


@pytest.mark.row(54)
@pytest.mark.parametrize("address", ["192.168.1.300", "localhost", "::gg"])
def test_what_is_no_address_is_none(address: str) -> None:
    line = f'{{"user": "a", "action": "Viewed", "resource": "r", "ip_address": "{address}"}}'
    event = event_of("notebook-platform", line)
    assert "source.ip" not in event
    assert event["details"] == {"ip_address": address}


@pytest.mark.row(55)
def test_changes_are_derived_from_both_states_and_taken_as_they_are_given(world: World) -> None:
    derived = world.events(q=f"{NOTEBOOKS} changed:status")
    assert len(derived) == 10
    assert all(event["changes"] == [{"field": "status", "old": "draft", "new": "published"}] for event in derived)
    assert world.event(resource_name="row55")["changes"] == [
        {"field": "title", "old": "Report", "new": "Q2 Sales Report"},
        {"field": "visibility", "old": "private", "new": "shared"},
    ]


@pytest.mark.row(56)
def test_the_four_statuses_are_four_outcomes(world: World) -> None:
    assert set(world.facet("outcome", q=NOTEBOOKS)) == OUTCOMES
    for word, outcome in (("Failed", "failure"), ("In Progress", "in_progress"), ("Pending", "pending")):
        found = world.events(q=NOTEBOOKS, status=word)
        assert {event["outcome"] for event in found} == {outcome}


@pytest.mark.row(56)
def test_a_later_event_tells_how_one_in_progress_ended(world: World) -> None:
    found = world.events(q="request_id:run-56", resource_name="row56")
    assert [(event["action"], event["outcome"]) for event in found] == [
        ("execute", "failure"), ("execute", "in_progress"),
    ]  # fmt: skip


@pytest.mark.row(57)
def test_nine_verbs_are_understood(world: World) -> None:
    words = {entry.name: entry.action for entry in CATALOGUES["notebook-platform"].listing("action").entries}
    assert words == {
        "Created": "create", "Updated": "update", "Deleted": "delete", "Viewed": "read", "Executed": "execute",
        "Cancelled": "cancel", "Shared": "share", "Revoked": "revoke", "Promoted": "promote",
    }  # fmt: skip
    for word, action in words.items():
        assert set(world.facet("action", q=NOTEBOOKS, event_type=word)) == {action}


@pytest.mark.row(58)
def test_ten_types_of_resources_are_listed_and_found(world: World) -> None:
    entries = world.get("/v1/catalogue", catalogue="notebook-platform", kind="resource_type")["entries"]
    assert [entry["name"] for entry in entries] == [
        "Notebooks", "Experiments", "Pipelines", "Databases", "Collections", "Queries", "Reports", "Users", "Teams",
        "Permissions",
    ]  # fmt: skip
    counted = world.facet("resource.type", q=NOTEBOOKS)
    assert all(counted[entry["canonical"]] >= 9 for entry in entries)


@pytest.mark.row(59)
def test_measures_are_numbers_whatever_their_units(world: World) -> None:
    export = world.event(resource_name="row59-export")
    assert export["measures"] == {"rows": 1_000_000, "bytes": 734_003_200}
    assert export["duration_ms"] == 1200
    assert world.event(resource_name="row59-rows")["measures"] == {"rows": 1000}
    assert world.event(resource_name="row53", **{"from": "2024-01-01T00:00:00Z"})["measures"] == {"cells": 5}
    found = world.events(q=f"{NOTEBOOKS} measures.rows:>1000")
    assert [event["resource"]["name"] for event in found] == ["row59-export"]
    units = '{"user": "a", "action": "Executed query", "resource": "q", "duration": "1.2 seconds", "rows_returned": 10}'
    event = event_of("notebook-platform", units)
    assert (event["duration_ms"], event["measures"]) == (1200, {"rows": 10})


@pytest.mark.row(59)
def test_the_rule_about_large_exports_goes_by_them() -> None:
    line = '{{"user": "a", "action": "Exported", "resource": "db", "rows": "{}"}}'
    events = [event_of("notebook-platform", line.format(rows)) for rows in ("999", "1,000,000")]
    assert matched_by("Large data export", events) == [1]


@pytest.mark.row(60)
def test_the_rule_about_permissions_matches_the_four_examples() -> None:
    actions = (
        'Granted \\"team-data\\" read access to sales_db',
        'Revoked \\"contractors\\" access to sensitive_data',
        'Made notebook \\"Public Dashboard\\" public',
        'Changed \\"alice\\" role to Admin',
        "Modified notebook title",
    )
    line = '{{"user": "a", "action": "{}", "resource": "r", "status": "Success"}}'
    events = [event_of("notebook-platform", line.format(action)) for action in actions]
    assert [event["action"] for event in events] == ["grant", "revoke", "share", "update", "update"]
    assert matched_by("Permission change", events) == [0, 1, 2, 3]


@pytest.mark.row(61)
@pytest.mark.parametrize("query", ['"database connection timeout"', 'reason:"connection timeout"', "timeout row56"])
def test_the_text_of_a_failure_is_searchable(world: World, query: str) -> None:
    found = world.events(q=f"{NOTEBOOKS} {query}")
    assert [event["reason"] for event in found] == ["Step 2 - database connection timeout"]


@pytest.mark.row(62)
@pytest.mark.parametrize(
    ("asked", "beginning"),
    [("192.0.2", "192.0.2."), ("192.0.2.0/24", "192.0.2."), ("198.51", "198.51."), ("2001:db8::/32", "2001:db8:")],
)
def test_a_part_of_an_address_finds_those_under_it(world: World, asked: str, beginning: str) -> None:
    found = world.events(q=NOTEBOOKS, ip=asked)
    assert len(found) >= 20
    assert all(event["source"]["ip"].startswith(beginning) for event in found)
    assert {event["id"] for event in found} == {event["id"] for event in world.events(q=f"{NOTEBOOKS} ip:{asked}")}


def test_every_status_came_with_every_kind_of_action() -> None:
    assert len({(each.about.partition(" ")[0], each.expected["outcome"]) for each in notebook_platform()}) == 9 * 4
