"""Rows 14 to 21 and 25 to 35: the fields and the actions of an audit trail."""

from datetime import datetime

import pytest

from tests.checklist.lines import YAML_NEW, YAML_OLD
from tests.checklist.world import Event, World, event_of, matched_by
from tests.seeds.activity import CATALOGUES, PEOPLE, Activity, harness_audit

TRAIL = "origin.profile:harness-audit"


def of_action(*names: str) -> list[Activity]:
    """Return the activity of some actions."""
    return [each for each in harness_audit() if each.about.partition(" ")[0] in names and " " in each.about]


def made(*names: str) -> list[Event]:
    """Return the events that the agent makes of some actions."""
    return [event_of(each.profile, each.line, include=["pipeline-execution"]) for each in of_action(*names)]


@pytest.mark.row(14)
def test_when_it_happened_is_kept_to_the_microsecond_and_apart_from_when_it_came(world: World) -> None:
    found = world.event(resource_id="row20")
    assert found["time"] == "2026-11-21T10:00:01.234567Z"
    assert datetime.fromisoformat(found["received"]) > datetime.fromisoformat(found["time"])
    zoned = event_of("harness-audit", '{"Time": "2026-11-21T11:00:01.5+01:00", "Action": "CREATE", "Module": "CD", '
                     '"Resource": "r"}')  # fmt: skip
    assert zoned["time"] == 1_795_255_201_500_000


@pytest.mark.row(15)
@pytest.mark.parametrize("word", ["zoe15@example.com", "Zoe Quill", "zoe15"])
def test_an_actor_is_found_by_id_name_and_address(world: World, word: str) -> None:
    assert world.event(actor=word)["resource"]["id"] == "row15"
    assert world.event(q=f'actor:"{word}"')["resource"]["id"] == "row15"
    assert world.event(email="zoe15@example.com")["actor"]["name"] == "Zoe Quill"


@pytest.mark.row(16)
def test_an_action_is_a_canonical_verb_beside_the_word_of_the_source(world: World) -> None:
    found = world.event(resource_id="row20")
    assert (found["action"], found["event_type"]) == ("update", "UPDATE")
    assert world.facet("action", q=TRAIL)["grant"] == world.facet("event_type", q=TRAIL)["ADD_MEMBERSHIP"]


@pytest.mark.row(17)
def test_a_resource_has_type_identifier_and_display_name(world: World) -> None:
    found = world.event(resource_type="pipeline", resource_id="r-17")
    assert found["resource"] == {"type": "pipeline", "id": "r-17", "name": "The 17"}
    assert world.event(resource_name="The 17", resource_type="pipeline")["id"] == found["id"]


@pytest.mark.row(18)
def test_organization_and_project_are_two_scopes_each_a_filter(world: World) -> None:
    wanted = world.event(resource_id="row20")["id"]
    assert [event["id"] for event in world.events(org="row18-org")] == [wanted]
    assert [event["id"] for event in world.events(project="row18-project")] == [wanted]
    assert "org" not in world.event(resource_id="row24")


@pytest.mark.row(19)
def test_the_module_is_a_facet_and_a_filter(world: World) -> None:
    counted = world.facet("module", q=TRAIL)
    assert set(counted) == {"CD", "CORE"}
    assert len(world.events(q=TRAIL, module="CORE")) == counted["CORE"]


@pytest.mark.row(20)
def test_the_summary_and_the_yaml_before_and_after_are_there_to_be_shown(world: World) -> None:
    found = world.event(resource_id="row20")
    assert found["message"] == "The timeout was raised"
    assert found["changes"] == [{"field": "yaml", "old": YAML_OLD, "new": YAML_NEW}]


@pytest.mark.row(21)
def test_one_event_answers_who_what_when_and_where(world: World) -> None:
    found = world.event(resource_id="row20")
    assert found["actor"]["id"] == "row14@example.com"
    assert (found["action"], found["resource"]["type"]) == ("update", "pipeline")
    assert found["time"].startswith("2026-11-21T10:00:01")
    assert (found["org"], found["project"], found["source"]["ip"]) == ("row18-org", "row18-project", "203.0.113.5")
    assert found["outcome"] == "success"


@pytest.mark.row(24)
def test_a_type_that_nobody_listed_is_stored_and_offered(world: World) -> None:
    assert len(CATALOGUES["harness-audit"].listing("resource_type").groups) == 24
    assert world.facet("resource.type")["quantum_gate"] == 1
    seen = world.get("/v1/catalogue", seen="true", **{"from": "2026-01-01T00:00:00Z"})["seen"]
    assert {"field": "resource.type", "value": "quantum_gate", "count": 1} in seen["unlisted"]
    listed = {entry.name.lower() for entry in CATALOGUES["harness-audit"].listing("resource_type").entries}
    assert not listed & {each["value"] for each in seen["unlisted"]}


@pytest.mark.row(25)
def test_a_trailing_star_is_taken_by_catalogue_and_filters(world: World) -> None:
    assert world.event(resource_type="CLOUD_ASSET_GOVERNANCE_*")["resource"]["type"] == "cloud_asset_governance_rule"
    assert {event["resource"]["type"] for event in world.events(resource_type="IDP_CATALOG_*")} == {
        "idp_catalog_connector", "idp_catalog_rule",
    }  # fmt: skip
    assert {event["event_type"] for event in world.events(q="event_type:SYNC_*")} == {
        "SYNC_START", "SYNC_SUCCEEDED", "SYNC_FAILED",
    }  # fmt: skip
    entries = world.get("/v1/catalogue", type="IDP_CATALOG_*")["entries"]
    assert [entry["name"] for entry in entries] == ["IDP_CATALOG_CONNECTOR", "IDP_CATALOG_*"]


@pytest.mark.row(26)
@pytest.mark.parametrize("verb", ["create", "update", "delete", "restore", "move"])
def test_the_generic_actions_are_canonical_verbs(world: World, verb: str) -> None:
    assert verb.upper() in world.facet("event_type", q=TRAIL, action=verb)


@pytest.mark.row(27)
def test_the_rule_about_permissions_covers_the_six_actions_about_identity() -> None:
    names = ("INVITE", "ADD_MEMBERSHIP", "REMOVE_MEMBERSHIP", "CREATE_TOKEN", "REVOKE_TOKEN", "DELETE_TOKEN")
    events = made(*names)
    assert {event["event_type"] for event in events} == set(names)
    assert matched_by("Permission change", events) == list(range(len(events)))


@pytest.mark.row(28)
def test_logins_are_authentication_and_failed_ones_are_counted_as_failures(world: World) -> None:
    found = world.events(q=TRAIL, category="authentication")
    assert {(event["event_type"], event["action"], event["outcome"]) for event in found} == {
        ("LOGIN", "login", "success"), ("LOGIN2FA", "login", "success"), ("UNSUCCESSFUL_LOGIN", "login", "failure"),
    }  # fmt: skip
    events = made("LOGIN", "UNSUCCESSFUL_LOGIN", "LOGIN2FA")
    counted = [events[index]["event_type"] for index in matched_by("Failure spike by one actor", events)]
    assert counted == ["UNSUCCESSFUL_LOGIN"]
    assert all(event["actor.id"] in PEOPLE for event in events)
    user = '{"type": "SERVICE_ACCOUNT", "identifier": "ci"}'
    service = f'{{"Action": "LOGIN", "Module": "CORE", "Resource": "x", "User": {user}}}'
    assert event_of("harness-audit", service)["actor.type"] == "service"


@pytest.mark.row(29)
def test_the_life_of_a_pipeline_is_mapped_and_its_duration_can_be_derived(world: World) -> None:
    found = {
        event["event_type"]: event["action"]
        for event in world.events(q=f"{TRAIL} category:lifecycle", resource_type=["pipeline", "stage", "input_set"])
    }
    assert found == {
        "START": "start", "END": "stop", "STAGE_START": "start", "STAGE_END": "stop", "PAUSE": "stop",
        "RESUME": "start", "ABORT": "cancel", "TIMEOUT": "stop", "RERUN": "restart",
    }  # fmt: skip
    end, start = world.events(q="request_id:run-29", resource_id="row29")
    assert (start["event_type"], end["event_type"]) == ("START", "END")
    lasted = datetime.fromisoformat(end["time"]) - datetime.fromisoformat(start["time"])
    assert lasted.total_seconds() == 30.5
    assert (start["outcome"], end["outcome"]) == ("in_progress", "success")


@pytest.mark.row(30)
def test_overrides_have_an_action_of_their_own_that_a_rule_can_go_by(world: World) -> None:
    assert {event["event_type"] for event in world.events(q=TRAIL, action="bypass")} == {"BYPASS", "FREEZE_BYPASS"}
    assert {event["category"] for event in world.events(q=TRAIL, action="bypass")} == {"access"}
    assert set(world.facet("event_type", q=TRAIL, action=["enable", "disable"])) == {"ENABLED", "DISABLED"}


@pytest.mark.row(31)
def test_what_follows_git_is_one_action_and_failed_means_failure(world: World) -> None:
    found = world.events(q=TRAIL, action="sync")
    assert {event["event_type"]: event["outcome"] for event in found} == {
        "SYNC_START": "in_progress", "SYNC_SUCCEEDED": "success", "SYNC_FAILED": "failure",
    }  # fmt: skip
    assert world.event(q=f"{TRAIL} event_type:MOVE_TO_GIT")["action"] == "move"
    assert world.event(q=f"{TRAIL} event_type:FORCE_PUSH")["action"] == "update"


@pytest.mark.row(32, 34, 35)
@pytest.mark.parametrize(
    ("name", "action", "outcome"),
    [
        ("ERROR_BUDGET_RESET", "update", "success"), ("TICKET_CREATED", "create", "success"),
        ("TICKET_CREATE_FAILED", "create", "failure"), ("DISMISS_ANOMALY", "dismiss", "success"),
        ("SIGNED_EULA", "approve", "success"), ("STABLE_VERSION_CHANGED", "update", "success"),
        ("EXPIRED", "expire", "success"),
    ],
)  # fmt: skip
def test_rare_actions_are_accepted_and_listed(world: World, name: str, action: str, outcome: str) -> None:
    found = world.event(q=f"{TRAIL} event_type:{name}")
    assert (found["action"], found["outcome"]) == (action, outcome)
    (entry,) = world.get("/v1/catalogue", catalogue="harness-audit", type=name)["entries"]
    assert entry["action"] == action


@pytest.mark.row(32)
def test_feature_flags_are_switched_by_the_same_names_as_policies(world: World) -> None:
    entries = world.get("/v1/catalogue", catalogue="harness-audit", type=["ENABLED", "DISABLED"])["entries"]
    assert sorted((entry["group"], entry["name"]) for entry in entries) == [
        ("Feature Management Resources", "DISABLED"), ("Feature Management Resources", "ENABLED"),
        ("Governance & Policy Resources", "DISABLED"), ("Governance & Policy Resources", "ENABLED"),
    ]  # fmt: skip
    assert set(world.facet("action", resource_type="feature_flag")) >= {"enable", "disable"}


@pytest.mark.row(33)
@pytest.mark.parametrize("who", ["support33@example.com", "victim33@example.com"])
def test_who_acts_as_somebody_else_is_found_by_both_identities(world: World, who: str) -> None:
    found = world.events(actor=who)
    assert [(event["event_type"], event["actor"]["id"], event["actor"]["on_behalf_of"]) for event in found] == [
        ("DELETE", "support33@example.com", "victim33@example.com"),
        ("START_IMPERSONATION", "support33@example.com", "victim33@example.com"),
    ]


@pytest.mark.row(35)
def test_what_expired_without_an_actor_is_the_systems_doing(world: World) -> None:
    assert world.event(q=f"{TRAIL} event_type:EXPIRED")["actor"] == {"type": "system"}
    assert world.events(q=f"{TRAIL} event_type:EXPIRED", exclude="system") == []
    named = (
        '{"Action": "EXPIRED", "Module": "CORE", "Resource Type": "TOKEN", "Resource": "x", "User": "eve@example.com"}'
    )
    assert event_of("harness-audit", named)["actor.type"] == "user"
