"""The filters: what each finds, how several combine, and what is left out on request."""

from typing import Any

import pytest

from tests.end_to_end.seed_rows.desk import EVER, OF_THE_LOG, Desk
from tests.end_to_end.seed_rows.journal import Event, value

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]


def test_date_range_type_and_subject_combine(desk: Desk) -> None:
    """Row 63: all three must hold; each alone would find more."""

    def is_meant(event: Event) -> Any:
        subject = (value(event, "resource.type"), value(event, "resource.id"))
        in_range = desk.journal.ago(days=40) <= event["time"] < desk.journal.ago(days=5)
        return in_range and subject == ("asset", "asset-1")

    asked = {
        "since": desk.journal.ago(days=40),
        "to": desk.journal.ago(days=5),
        "type": "asset",
        "resource_id": "asset-1",
    }
    meant = desk.journal.numbers(is_meant, None)
    assert meant
    assert desk.numbers(**asked) == meant
    for left_out in ("since", "type", "resource_id"):
        wider: dict[str, Any] = {"since": EVER, **{name: text for name, text in asked.items() if name != left_out}}
        assert len(desk.numbers(**wider)) > len(meant), left_out


def test_nothing_is_hidden_by_default(desk: Desk) -> None:
    """Row 68: without a filter all events are there, logins and the system's own among them."""
    assert desk.numbers() == desk.journal.numbers(lambda _: True)
    reports = desk.get("/v1/events", since=EVER, q="module:retention", total="true")["total"]["value"]
    everything = desk.get("/v1/facets", since=EVER, field="action", q="-details.n:<0")["total"]
    assert everything == {"value": len(desk.journal.events) + reports, "exact": True}


def test_logins_are_excluded_and_nothing_else(desk: Desk) -> None:
    """Row 69: successful and failed ones, second factors, of users and of service accounts."""
    logins = desk.journal.numbers(lambda e: value(e, "category") == "authentication")
    assert len({value(desk.journal.events[n], "event_type") for n in logins}) == 3
    assert sorted(desk.numbers(exclude="login") + logins) == desk.numbers()
    assert (
        desk.said("search", OF_THE_LOG, "--exclude", "login", "--limit", "5")
        == desk.events(q=OF_THE_LOG, exclude="login")[:5]
    )


def test_what_the_system_did_is_excluded_and_nothing_else(desk: Desk) -> None:
    """Row 70: also the collector's own reports; what is called a service is somebody and stays."""
    system = desk.journal.numbers(lambda e: value(e, "actor.type") == "system")
    assert system
    assert sorted(desk.numbers(exclude="system") + system) == desk.numbers()
    assert not [e for e in desk.events(exclude="system", since=EVER) if value(e, "actor.type") == "system"]
    both = desk.numbers(exclude=["system", "login"])
    assert sorted({*desk.numbers(exclude="login")} & {*desk.numbers(exclude="system")}) == both


def test_a_class_that_is_not_there_is_refused(desk: Desk) -> None:
    """Rows 69 and 70: a typing mistake must not silently exclude nothing."""
    answer = desk.ask("/v1/events", exclude="logins")
    assert answer.status == 400
    assert "did you mean 'login'?" in answer.document["detail"]


def _of(desk: Desk, field: str, values: tuple[str, ...]) -> list[int]:
    folded = {text.casefold() for text in values}
    return desk.journal.numbers(lambda e: str(value(e, field)).casefold() in folded, None)


SIX = [
    ("user", "actor.id", ("eve1@harness.example", "ivy")),
    ("org", "org", ("payments", "harbr")),
    ("project", "project", ("p1", "ws-2")),
    ("resource_type", "resource.type", ("PIPELINE", "Workspace")),
    ("action", "action", ("restore", "terminate")),
]


@pytest.mark.parametrize(("parameter", "field", "values"), SIX)
def test_each_filter_takes_one_value_or_several(
    desk: Desk, parameter: str, field: str, values: tuple[str, ...]
) -> None:
    """Row 71: user, organization, project, resource type, action; the identifier is row 72."""
    for few in (values, values[:1], values[1:]):
        meant = _of(desk, field, few)
        assert meant
        assert desk.numbers(since=EVER, **{parameter: list(few)}) == meant


def test_all_six_filters_at_once_with_several_values_each(desk: Desk) -> None:
    """Row 71: values of one filter are alternatives, filters must all hold."""
    asked = {
        "user": ["eve1@harness.example", "eve2@harness.example"], "org": ["default", "payments"],
        "project": ["p1", "p2"], "resource_type": ["PIPELINE", "ENVIRONMENT"], "resource_id": ["prod", "nothing"],
        "action": ["update", "create"],
    }  # fmt: skip
    fields = {"user": "actor.id", "resource_type": "resource.type", "resource_id": "resource.id"}
    meant = desk.journal.numbers(
        lambda e: all(value(e, fields.get(name, name)) in values for name, values in asked.items())
    )
    assert len(meant) == 4
    assert desk.numbers(**asked) == meant


def test_an_identifier_works_with_its_type_and_without(desk: Desk) -> None:
    """Row 72: wider than the seed, and documented so: without a type the identifier finds resources of any type."""
    meant = desk.journal.numbers(lambda e: value(e, "resource.id") == "asset-1", None)
    assert desk.numbers(since=EVER, resource_id="asset-1") == meant
    kinds = {e["resource"]["type"] for e in desk.events(since=EVER, resource_id="asset-1")}
    assert kinds == {"asset", "product"}
    (deleted,) = desk.events(resource_id="asset-1", resource_type="product")
    assert deleted["event_type"] == "Product deleted"
    described = desk.get("/v1/openapi.json")["paths"]["/v1/events"]["get"]["parameters"]
    (documented,) = [each["description"] for each in described if each.get("name") == "resource.id"]
    assert "without `resource.type`, of any type" in documented


def test_the_audit_of_an_infrastructure_is_reached_through_its_environment(desk: Desk) -> None:
    """Row 73: type Environment and its identifier, not the pipeline of the same name."""
    found = desk.events(type="ENVIRONMENT", resource_id="prod")
    assert sorted(e["details"]["infrastructure"] for e in found) == ["ecs", "k8s-blue", "k8s-green"]
    (one,) = desk.events(type="ENVIRONMENT", resource_id="prod", q="details.infrastructure:k8s-blue")
    assert one["details"]["infrastructure"] == "k8s-blue"


def test_several_email_addresses_are_alternatives(desk: Desk) -> None:
    """Row 77: "Add Value"."""
    two = ["f@sei.example", "G@SEI.example"]
    meant = desk.journal.numbers(lambda e: value(e, "actor.email") in ("f@sei.example", "g@sei.example"), None)
    assert len(meant) > 40
    assert desk.numbers(since=EVER, email=two) == meant
    assert desk.numbers(since=EVER, q=f"email:{','.join(two)}") == meant


def test_several_types_are_alternatives_and_their_counts_are_offered(desk: Desk) -> None:
    """Row 78: the facet that a multi-select is made of."""
    types = ["USER_LOGIN", "BA_PROFILE", "ASSESSMENT"]
    meant = desk.journal.numbers(lambda e: value(e, "resource.type") in types and e["org"] == "sei", None)
    assert desk.numbers(since=EVER, type=types, org="sei") == meant
    facet = desk.get("/v1/facets", since=EVER, field="type", org="sei", size=100)["facets"]["type"]
    assert len(facet["values"]) == 20
    assert sum(each["count"] for each in facet["values"] if each["value"] in types) == len(meant)


def test_several_actions_are_alternatives_by_their_own_names_too(desk: Desk) -> None:
    """Row 79: the words of the source are kept beside the canonical ones."""
    names = ["SUBMITTED", "PASSWORD_RESET_STARTED"]
    meant = desk.journal.numbers(lambda e: value(e, "event_type") in names, None)
    assert len(meant) > 10
    assert desk.numbers(since=EVER, event_type=names) == meant
    assert desk.numbers(since=EVER, action=[name.lower() for name in names]) == meant
    assert desk.numbers(since=EVER, action="created", org="sei") == desk.journal.numbers(
        lambda e: e["action"] == "created", None
    )


def test_by_whom_in_the_four_ways(desk: Desk) -> None:
    """Row 93: a user, the current one, API keys, service accounts; with action, type and status."""
    journal = desk.journal
    assert desk.numbers(user="alice") == journal.numbers(lambda e: value(e, "actor.id") == "alice@company.com")
    assert desk.numbers(user="me") == journal.numbers(lambda e: value(e, "actor.id") == journal.operator) != []
    assert desk.numbers(actor_type="api_key") == journal.numbers(lambda e: value(e, "actor.type") == "api_key") != []
    services = journal.numbers(lambda e: value(e, "actor.type") == "service")
    assert desk.numbers(actor_type="service") == services != []
    meant = journal.numbers(
        lambda e: value(e, "actor.id") == "bob@company.com" and e["action"] == "update"
        and value(e, "resource.type") == "database" and value(e, "outcome") == "failure"
    )  # fmt: skip
    assert desk.numbers(user="bob", action="Updated", type="Database", status="Failed") == meant != []


def test_me_is_whoever_asks(desk: Desk, colleague: str) -> None:
    """Row 93: the current user is the name of the token, not a fixed one."""
    assert desk.get("/v1/events", user="me", token=colleague)["events"] == []
    assert [e["actor"]["id"] for e in desk.get("/v1/events", user="me")["events"]] == ["operator"]
