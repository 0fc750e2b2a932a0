"""The shipped profile for JSON lines: what it makes of the many ways in which applications log."""

import json
from typing import Any

import pytest

from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled, event
from watchbook.clock import parse_rfc3339

JSONL = compiled(DEFINITIONS["jsonl"])


def made(**members: Any) -> dict[str, Any]:
    """Return the event of a line with these members, without what every such event has."""
    found = event(JSONL, json.dumps({"ts": "2026-11-21T09:00:00Z", **members}))
    for name in ("time", "origin.profile", "flags"):
        found.pop(name, None)
    return found


def test_a_line_of_the_load_generator_is_understood_whole() -> None:
    line = (
        '{"ts":"2026-11-01T00:00:00.454Z","level":"info","user":"user3@example3.com","user_type":"user",'
        '"action":"updated","resource":{"type":"subscription","id":"sub_000077","name":"Orders staging 22"},'
        '"org":"org-008","project":"proj-39","status":"success","duration_ms":3,"ip":"10.3.119.14",'
        '"user_agent":"curl/8.11.0","session_id":"7f15052434b9b5df","request_id":"req_6d76b07e881ed162ae2eb154",'
        '"before":{"title":"orders","visibility":"private"},"after":{"title":"orders staging","visibility":"shared"},'
        '"details":{"rows":1000,"bytes":212000,"format":"csv"},"error":"permission denied",'
        '"msg":"user updated subscription orders staging"}'
    )
    assert event(JSONL, line) == {
        "time": parse_rfc3339("2026-11-01T00:00:00.454Z"),
        "actor.type": "user",
        "actor.id": "user3@example3.com",
        "actor.email": "user3@example3.com",
        "action": "update",
        "event_type": "updated",
        "resource.type": "subscription",
        "resource.id": "sub_000077",
        "resource.name": "Orders staging 22",
        "org": "org-008",
        "project": "proj-39",
        "outcome": "success",
        "reason": "permission denied",
        "duration_ms": 3,
        "measures": {"rows": 1000, "bytes": 212000},
        "source.ip": "10.3.119.14",
        "source.user_agent": "curl/8.11.0",
        "source.session_id": "7f15052434b9b5df",
        "source.request_id": "req_6d76b07e881ed162ae2eb154",
        "changes": [
            {"field": "title", "old": "orders", "new": "orders staging"},
            {"field": "visibility", "old": "private", "new": "shared"},
        ],
        "details": {"level": "info", "format": "csv"},
        "message": "user updated subscription orders staging",
        "origin.profile": "jsonl",
    }


def test_a_line_without_a_principal_becomes_anonymous() -> None:
    assert made(action="created") == {"actor.type": "anonymous", "action": "create", "event_type": "created"}


@pytest.mark.parametrize(
    ("members", "actor"),
    [
        ({"user": "ANONYMOUS"}, {"actor.type": "anonymous"}),
        ({"user": "-"}, {"actor.type": "anonymous", "details": {"user": "-"}}),
        ({"user": ""}, {"actor.type": "anonymous", "details": {"user": ""}}),
        ({"user": None}, {"actor.type": "anonymous", "details": {"user": None}}),
        ({"user": "SERVICE_USER"}, {"actor.type": "service", "details": {"user": "SERVICE_USER"}}),
        ({"user": "system"}, {"actor.type": "system"}),
        ({"user": "billing", "user_type": "SERVICE_USER"}, {"actor.type": "service", "actor.id": "billing"}),
        ({"user": "k1", "user_type": "api_key"}, {"actor.type": "api_key", "actor.id": "k1"}),
        ({"user": 4711}, {"actor.type": "user", "actor.id": "4711"}),
        ({"username": "bob"}, {"actor.type": "user", "actor.id": "bob"}),
        ({"userName": "bob", "userId": 7}, {"actor.type": "user", "actor.id": "7", "actor.name": "bob"}),
        ({"actor": {"id": "u1", "name": "Bob"}}, {"actor.type": "user", "actor.id": "u1", "actor.name": "Bob"}),
        (
            {"user": {"id": "u1", "email": "b@x.io", "age": 7}},
            {"actor.type": "user", "actor.id": "u1", "actor.email": "b@x.io", "details": {"user": {"age": 7}}},
        ),
        ({"user.name": "bob"}, {"actor.type": "user", "actor.id": "bob"}),
        ({"email": "b@x.io"}, {"actor.type": "user", "actor.id": "b@x.io", "actor.email": "b@x.io"}),
        ({"user": "@bob"}, {"actor.type": "user", "actor.id": "@bob"}),
        ({"user": True}, {"actor.type": "anonymous", "details": {"user": True}}),
        (
            {"user": "bob", "on_behalf_of": "ann"},
            {"actor.type": "user", "actor.id": "bob", "actor.on_behalf_of": "ann"},
        ),
    ],
)
def test_the_actor_is_who_the_line_names(members: dict[str, Any], actor: dict[str, Any]) -> None:
    found = made(**members)
    assert found.pop("action") == "log"
    if actor["actor.type"] == "service" and "details" not in actor:
        assert found.pop("details") == {"user_type": "SERVICE_USER"}
    assert found == actor


@pytest.mark.parametrize(
    ("word", "action", "category", "outcome"),
    [
        ("created", "create", None, None),
        ("viewed", "read", "access", None),
        ("executed", "execute", None, None),
        ("edited", "update", None, None),
        ("role_edited", "update", "permission", None),
        ("granted", "grant", "permission", None),
        ("shared", "share", "permission", None),
        ("login", "login", "authentication", None),
        ("login_failed", "login", "authentication", "failure"),
        ("UNSUCCESSFUL_LOGIN", "login", "authentication", "failure"),
        ("accessed", "read", "access", None),
        ("access_unauthorized", "read", "access", "failure"),
        ("exported", "export", "export", None),
        ("triggered", "execute", None, None),
        ("Frobnicated", "frobnicated", None, None),
    ],
)
def test_the_action_is_canonical_and_the_sources_word_is_kept(
    word: str, action: str, category: str | None, outcome: str | None
) -> None:
    found = made(action=word)
    assert (found["action"], found["event_type"]) == (action, word)
    assert (found.get("category"), found.get("outcome")) == (category, outcome)


def test_a_failed_login_stays_a_failure_whatever_the_status_says() -> None:
    found = made(action="login_failed", status="ok")
    assert found["outcome"] == "failure"
    assert found["details"] == {"status": "ok"}


def test_a_change_of_a_permission_is_of_that_category_and_a_look_at_it_is_not() -> None:
    assert made(action="updated", resource={"type": "permission"})["category"] == "permission"
    assert made(action="viewed", resource={"type": "permission"})["category"] == "access"


@pytest.mark.parametrize(
    ("status", "outcome", "kept"),
    [
        ("success", "success", False),
        ("SUCCESS", "success", False),
        ("ok", "success", True),
        ("failed", "failure", True),
        ("error", "failure", True),
        ("Denied", "failure", True),
        ("In Progress", "in_progress", True),
        ("pending", "pending", False),
        (200, "success", True),
        (404, "failure", True),
        ("archived", None, True),
    ],
)
def test_the_outcome_is_one_of_four_and_another_word_for_it_is_kept(
    status: Any, outcome: str | None, kept: bool
) -> None:
    found = made(status=status)
    assert found.get("outcome") == outcome
    assert found.get("details") == ({"status": status} if kept else None)


def test_success_as_a_boolean_is_an_outcome() -> None:
    assert (made(success=True)["outcome"], made(success=False)["outcome"]) == ("success", "failure")


@pytest.mark.parametrize(
    ("members", "milliseconds"),
    [
        ({"duration_ms": 245}, 245),
        ({"duration_ms": 2.5}, 2.5),
        ({"duration": "245ms"}, 245),
        ({"Duration": "1.2 seconds"}, 1200),
        ({"elapsed_s": 0.25}, 250),
        ({"duration": 245}, None),
        ({"duration_ms": "soon"}, None),
        ({"duration_ms": True}, None),
    ],
)
def test_a_duration_has_a_unit_or_none_is_guessed(members: dict[str, Any], milliseconds: float | None) -> None:
    found = made(**members)
    assert found.get("duration_ms") == milliseconds
    assert found.get("details") == (members if milliseconds is None else None)


def test_measures_are_numbers_also_when_written_with_commas() -> None:
    found = made(details={"rows": "1,000", "bytes": 5, "cells": "many"}, items=3)
    assert found["measures"] == {"rows": 1000, "bytes": 5, "items": 3}
    assert found["details"] == {"cells": "many"}


def test_a_measure_too_large_for_every_reader_stays_in_the_details() -> None:
    assert made(rows=2**70)["details"] == {"rows": 2**70}


@pytest.mark.parametrize(
    ("given", "ip"),
    [("10.0.0.1", "10.0.0.1"), ("2001:DB8::0:7", "2001:db8::7"), ("10.0.0.300", None), ("localhost", None)],
)
def test_an_address_is_valid_or_stays_in_the_details(given: str, ip: str | None) -> None:
    found = made(ip=given)
    assert found.get("source.ip") == ip
    assert found.get("details") == (None if ip else {"ip": given})


@pytest.mark.parametrize(
    ("members", "resource"),
    [
        ({"resource_type": "team", "resource_id": 7}, {"resource.type": "team", "resource.id": "7"}),
        ({"resource": "sales_db"}, {"resource.name": "sales_db"}),
        ({"target": {"type": "user", "id": "u1"}}, {"resource.type": "user", "resource.id": "u1"}),
        (
            {"type": "Workspace", "action": "x", "identifier": "lab"},
            {"resource.type": "Workspace", "resource.name": "lab"},
        ),
    ],
)
def test_the_resource_is_what_the_line_names(members: dict[str, Any], resource: dict[str, Any]) -> None:
    found = made(**members)
    assert {name: value for name, value in found.items() if name.startswith("resource.")} == resource


def test_a_type_without_an_action_is_the_kind_of_event() -> None:
    found = made(type="user.login")
    assert (found["action"], found["event_type"]) == ("login", "user.login")
    assert "resource.type" not in found


def test_the_nine_fields_of_a_workspace_platform_are_all_there() -> None:
    line = {
        "Timestamp": "2026-11-21T09:00:00Z",
        "Type": "Organization",
        "Action": "Update",
        "User": "Dana",
        "Organization": "Acme",
        "Workspace": "Lab",
        "Identifier": "acme",
        "Old Value": {"plan": "Premium", "seats": 5},
        "New Value": {"plan": "Enterprise", "seats": 5},
    }
    assert event(JSONL, json.dumps(line)) == {
        "time": parse_rfc3339("2026-11-21T09:00:00Z"),
        "actor.type": "user",
        "actor.id": "Dana",
        "action": "update",
        "event_type": "Update",
        "resource.type": "Organization",
        "resource.name": "acme",
        "org": "Acme",
        "project": "Lab",
        "changes": [{"field": "plan", "old": "Premium", "new": "Enterprise"}],
        "details": {"Old Value": {"seats": 5}},
        "origin.profile": "jsonl",
    }


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (None, {"a": 1}, [{"field": "a", "new": 1}]),
        ({"a": 1}, None, [{"field": "a", "old": 1}]),
        ("Premium", "Enterprise", [{"field": "value", "old": "Premium", "new": "Enterprise"}]),
        ("", "", None),
        ({"a": 1}, {"a": 1}, None),
    ],
)
def test_changes_come_from_the_states_before_and_after(before: Any, after: Any, changes: Any) -> None:
    found = made(before=before, after=after)
    assert found.get("changes") == changes
    if changes is None:
        assert found["details"] == {"before": before, "after": after}


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-21T09:00:00.123456Z", "2026-11-21T09:00:00.123456Z"),
        ("2026-11-21T10:00:00+01:00", "2026-11-21T09:00:00Z"),
        ("2026-11-21 09:00:00,123", "2026-11-21T09:00:00.123Z"),
        ("2026-11-21 09:00:00 UTC", "2026-11-21T09:00:00Z"),
        (1795251600, "2026-11-21T09:00:00Z"),
        (1795251600.25, "2026-11-21T09:00:00.25Z"),
        (1795251600250, "2026-11-21T09:00:00.25Z"),
        ("1795251600250000", "2026-11-21T09:00:00.25Z"),
        (1795251600250000001, "2026-11-21T09:00:00.25Z"),
    ],
)
def test_common_ways_to_write_the_time_are_read(value: Any, moment: str) -> None:
    assert event(JSONL, json.dumps({"@timestamp": value}))["time"] == parse_rfc3339(moment)


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-11-21", "", None, True, [1], {"a": 1}, 1e300, "0001-01-01T00:00:00+05:00"]
)
def test_a_time_that_cannot_be_read_is_assumed_and_kept(value: Any) -> None:
    found = event(JSONL, json.dumps({"ts": value, "resource": "x"}))
    assert found["time"] == READ_US
    assert found["flags"] == ["time_assumed"]
    assert found["details"] == {"ts": value}


def test_a_line_without_a_resource_says_so() -> None:
    assert event(JSONL, '{"ts": "2026-11-21T09:00:00Z"}')["flags"] == ["no_resource"]


def test_replaced_characters_are_flagged() -> None:
    found = event(JSONL, b'{"ts": "2026-11-21T09:00:00Z", "resource": "caf\xe9"}')
    assert found["resource.name"] == "caf\ufffd"
    assert found["flags"] == ["encoding_replaced"]


def test_own_details_lie_beside_the_rest_unless_a_name_is_taken() -> None:
    assert made(a=1, details={"b": 2})["details"] == {"a": 1, "b": 2}
    assert made(a=1, details={"a": 2, "b": 2})["details"] == {"a": 1, "details": {"a": 2, "b": 2}}


def test_a_line_that_nests_too_deeply_stays_unparsed_alone() -> None:
    deep = b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}"
    normalised = JSONL([b'{"a": 1}', deep, b'{"a": 2}'], READ_US)
    assert normalised.row_lines == [0, 2]
    assert normalised.unparsed == [(1, deep.decode(), "nests deeper than 64 levels")]
    deep_state = b'{"before": {"a": ' + b"[" * 70 + b"]" * 70 + b'}, "after": {}}'
    assert len(JSONL([deep_state], READ_US).unparsed) == 1
