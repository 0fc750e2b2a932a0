"""Rows 36 to 50: tracked objects and their actions; workspaces, organizations and what changed of them."""

import pytest

from tests.checklist.world import World, event_of, matched_by
from tests.seeds.activity import CATALOGUES, workspace_platform

SEI, WORKSPACES = "origin.profile:harness-sei", "origin.profile:workspace-platform"


@pytest.mark.row(36)
def test_what_was_changed_by_whom_and_when_is_there_for_every_change(world: World) -> None:
    found = world.events(q=SEI, action=["create", "update", "delete"])
    assert len(found) > 70
    for event in found:
        assert event["resource"]["type"], event
        assert event["resource"]["id"], event
        assert event["actor"]["email"], event
        assert event["time"], event
    edited = [event for event in found if event["event_type"] == "EDITED" and event["resource"]["id"] != "row37"]
    assert all(event["changes"] == [{"field": "name", "old": "a", "new": "b"}] for event in edited)


@pytest.mark.row(37)
def test_the_six_tracked_objects_are_types_and_a_batch_says_how_many(world: World) -> None:
    counted = world.facet("resource.type", q=SEI)
    assert set(counted) >= {
        "org_tree", "team", "developer", "efficiency_profile", "productivity_profile", "business_alignment_profile",
    }  # fmt: skip
    batch = world.event(resource_id="row37")
    assert batch["measures"] == {"items": 250}
    assert [event["id"] for event in world.events(q=f"{SEI} measures.items:250 message:batch")] == [batch["id"]]
    assert world.event(resource_id="row37-team")["details"]["version"] == 12


@pytest.mark.row(38)
def test_the_20_types_are_listed_under_their_exact_names(world: World) -> None:
    entries = world.get("/v1/catalogue", catalogue="harness-sei", kind="resource_type")["entries"]
    names = [entry["name"] for entry in entries]
    assert " ".join(names) == (
        "USER_LOGIN USER DASHBOARD PRODUCT API_ACCESS_KEY INTEGRATION CONFIG_TABLE BA_PROFILE STATE KB "
        "TICKET_TEMPLATE PLAYBOOK SECTION TICKET ASSESSMENT_TEMPLATE TAG WORKFLOW WORK_ITEM SSO_CONFIG ASSESSMENT"
    )
    counted = world.facet("resource.type", q=SEI)
    assert all(name.lower() in counted for name in names)
    assert len(world.events(q=SEI, resource_type="BA_PROFILE")) == counted["ba_profile"]


@pytest.mark.row(39)
@pytest.mark.parametrize(
    ("kind", "word", "action", "outcome"),
    [
        ("user_login", "SUCCESS", "login", "success"), ("user_login", "FAIL", "login", "failure"),
        ("integration", "FAIL", "execute", "failure"), ("ticket", "CREATED", "create", "success"),
        ("ticket", "EDITED", "update", "success"), ("ticket", "DELETED", "delete", "success"),
        ("assessment", "SUBMITTED", "submit", "success"), ("assessment", "ANSWERED", "answer", "success"),
        ("assessment", "SENT", "send", "success"), ("user", "PASSWORD_RESET_STARTED", "update", "in_progress"),
        ("user", "PASSWORD_RESET_FINISHED", "update", "success"),
    ],
)  # fmt: skip
def test_ten_actions_become_verbs_and_outcomes(world: World, kind: str, word: str, action: str, outcome: str) -> None:
    (found,) = world.events(q=SEI, resource_type=kind, event_type=word)
    assert (found["action"], found["outcome"], found["event_type"]) == (action, outcome, word)
    if kind == "user_login":
        assert found["category"] == "authentication"


@pytest.mark.row(40)
def test_all_nine_fields_are_in_the_answer(world: World) -> None:
    found = world.event(q=WORKSPACES, resource_type="workspace", event_type="Update")
    assert found["time"]
    assert (found["resource"]["type"], found["event_type"]) == ("workspace", "Update")
    assert found["actor"]["id"].endswith("@example.com")
    assert (found["org"], found["project"]) == ("acme", "ml-train")
    assert found["resource"]["id"] == "Workspace 2"
    assert found["changes"] == [{"field": "size", "old": "s", "new": "m"}]
    assert "project" not in world.event(resource_id="row50")


@pytest.mark.row(41)
def test_the_five_families_are_a_facet_and_so_are_their_categories(world: World) -> None:
    assert set(world.facet("module", q=WORKSPACES)) - {"activity logs"} == {
        "workspace operations", "user management", "organization changes", "billing events", "administrative actions",
    }  # fmt: skip
    changes = world.facet("category", q=f"{WORKSPACES} -action:read")
    assert set(changes) == {"lifecycle", "admin", "configuration", "billing", "permission"}
    families = {
        family: set(world.facet("category", q=f"{WORKSPACES} -action:read", module=family))
        for family in ("workspace operations", "user management", "organization changes", "billing events")
    }
    assert families == {
        "workspace operations": {"lifecycle"}, "user management": {"admin"},
        "organization changes": {"configuration"}, "billing events": {"billing"},
    }  # fmt: skip


@pytest.mark.row(42)
def test_the_eleven_actions_of_a_workspace_are_mapped_and_four_of_them_read(world: World) -> None:
    found = {event["event_type"]: event["action"] for event in world.events(q=WORKSPACES, resource_type="workspace")}
    assert found == {
        "Create": "create", "Update": "update", "Deploy": "deploy", "Terminate": "delete", "Suspend": "stop",
        "Resume": "start", "Fetch": "read", "Fetch All": "read", "Status": "read", "Download": "read",
        "Upgrade": "update",
    }  # fmt: skip


@pytest.mark.row(43)
def test_the_actions_of_the_other_types_are_accepted(world: World) -> None:
    wanted = {"user": 5, "organization": 4, "plan": 3, "invitation": 1, "invoice": 2}
    for kind, count in wanted.items():
        found = {event["event_type"] for event in world.events(q=f"{WORKSPACES} -resource.id:row*", resource_type=kind)}
        assert len(found) == count, (kind, found)


@pytest.mark.row(44)
def test_the_rule_about_permissions_covers_roles_and_what_they_may_do() -> None:
    events = [event_of(each.profile, each.line) for each in workspace_platform() if each.about.startswith("Admin")]
    types = [event["resource.type"] for event in events]
    assert types == ["admin_updates", "admin_users", "admin_roles", "admin_role_permissions", "admin_accounts"]
    assert [types[index] for index in matched_by("Permission change", events)] == [
        "admin_roles", "admin_role_permissions",
    ]  # fmt: skip


@pytest.mark.row(45)
def test_reading_the_log_of_the_platform_is_a_meta_event(world: World) -> None:
    """Fetch is one entry viewed, Fetch All the list."""
    found = world.events(q=WORKSPACES, category="meta")
    assert {event["event_type"] for event in found} == {"Fetch", "Fetch All"}
    assert {(event["action"], event["resource"]["type"]) for event in found} == {("read", "activity_log")}


@pytest.mark.row(46)
def test_a_create_shows_everything_as_added(world: World) -> None:
    found = world.event(q=WORKSPACES, resource_type="workspace", event_type="Create")
    assert found["changes"] == [{"field": "size", "new": "m"}, {"field": "name", "new": "n"}]


@pytest.mark.row(47)
def test_an_update_shows_a_plain_change_inline_and_an_object_field_by_field(world: World) -> None:
    assert world.event(resource_id="row47-text")["changes"] == [
        {"field": "value", "old": "Premium", "new": "Enterprise"}
    ]
    assert [change["field"] for change in world.event(resource_id="row50")["changes"]] == [
        "name", "plan", "credits", "settings",
    ]  # fmt: skip


@pytest.mark.row(48)
def test_a_delete_shows_everything_as_removed_also_when_it_is_confirmed(world: World) -> None:
    terminated = world.event(q=WORKSPACES, event_type="Terminate")
    assert terminated["changes"] == [{"field": "size", "old": "s"}, {"field": "name", "old": "n"}]
    confirmed = world.event(resource_id="row48")
    assert confirmed["changes"] == [{"field": "name", "old": "Lee"}, {"field": "role", "old": "member"}]
    assert confirmed["message"] == "User deleted"


@pytest.mark.row(49)
def test_a_read_has_no_changes(world: World) -> None:
    found = world.events(q=WORKSPACES, action="read")
    assert len(found) >= 12
    assert not any("changes" in event for event in found)


@pytest.mark.row(50)
@pytest.mark.parametrize("field", ["name", "plan", "credits", "settings"])
def test_the_changed_settings_of_an_organization_can_be_searched_for(world: World, field: str) -> None:
    found = world.events(q=f"changed:{field} {WORKSPACES}", resource_type="organization")
    assert "row50" in {event["resource"]["id"] for event in found}
    assert "row47-text" not in {event["resource"]["id"] for event in found}


def test_every_action_of_the_catalogue_has_its_event(world: World) -> None:
    found = {(event["resource"]["type"], event["event_type"]) for event in world.events(q=WORKSPACES)}
    types = {entry.name: entry.canonical or entry.name.lower()
             for entry in CATALOGUES["workspace-platform"].listing("resource_type").entries}  # fmt: skip
    for entry in CATALOGUES["workspace-platform"].listing("action").entries:
        assert all((types[kind], entry.name) in found for kind in entry.applies_to), entry
