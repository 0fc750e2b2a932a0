"""What an event holds: types nobody announced, metadata, changes, statuses, reasons, addresses."""

from collections import Counter

import pytest

from tests.end_to_end.seed_rows.desk import EVER, Desk
from tests.end_to_end.seed_rows.journal import Event, value
from tests.end_to_end.seed_rows.listed_names import HARNESS_NAMED, HARNESS_TYPES

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]


def test_every_resource_type_of_the_catalogue_is_offered_as_a_facet_value(desk: Desk) -> None:
    """Row 24: 146 names in the catalogue, and no list of them in the program."""
    assert len(HARNESS_NAMED) == len(set(HARNESS_NAMED)) == 146
    facet = desk.get("/v1/facets", since=EVER, field="resource.type", size=1000)["facets"]["resource.type"]
    counted = {each["value"]: each["count"] for each in facet["values"]}
    expected = Counter(value(event, "resource.type") for event in desk.journal.events)
    for kind in HARNESS_TYPES:
        assert counted[kind] == expected[kind]
    assert facet["other"] == 0


def test_a_resource_type_that_nobody_ever_heard_of_is_stored_found_and_completed(desk: Desk) -> None:
    """Row 24: the catalogue is "not an exhaustive list"."""
    time = desk.journal.ago(days=500)
    resource = {"type": "QUANTUM_GATE", "id": "q1"}
    desk.post([{"action": "create", "time": time, "resource": resource, "details": {"n": -1}}])
    (found,) = desk.events(since=EVER, resource_type="QUANTUM_GATE")
    assert found["resource"] == resource
    completed = desk.get("/v1/values", since=EVER, field="resource.type", prefix="quantum")["values"]
    assert completed == [{"value": "QUANTUM_GATE", "count": 1}]
    (counted,) = desk.get("/v1/facets", since=EVER, resource_type="QUANTUM_GATE", field="type")["facets"].values()
    assert counted["values"] == [{"value": "QUANTUM_GATE", "count": 1}]


@pytest.mark.parametrize("wildcard", ["CLOUD_ASSET_GOVERNANCE_*", "IDP_CATALOG_*", "CHAOS_*"])
def test_a_trailing_star_stands_for_every_type_that_begins_so(desk: Desk, wildcard: str) -> None:
    """Row 25: as a filter and in a query, and no further than the beginning."""
    beginning = wildcard.removesuffix("*")
    meant = desk.journal.numbers(lambda e: str(value(e, "resource.type")).startswith(beginning), None)
    assert len(meant) >= 1
    assert desk.numbers(since=EVER, resource_type=wildcard) == meant
    assert desk.numbers(since=EVER, type=wildcard.lower()) == meant
    assert desk.numbers(since=EVER, q=f"resource.type:{wildcard}") == meant


@pytest.mark.parametrize("field", ["source.ip", "source.user_agent", "source.session_id", "source.request_id"])
def test_metadata_is_kept_and_found_again(desk: Desk, field: str) -> None:
    """Row 54: address, user agent, session and request of an event, each a filter of its own."""
    example = next(e for e in desk.journal.events if value(e, "source.session_id") == "sess-3")
    wanted = value(example, field)
    found = desk.events(since=EVER, q=f'{field}:"{wanted}"')
    assert {value(event, field) for event in found} == {wanted}
    assert desk.numbers(since=EVER, q=f'{field}:"{wanted}"') == desk.journal.numbers(
        lambda e: value(e, field) == wanted, None
    )


def test_the_time_of_an_event_is_kept_to_the_microsecond_and_found_again(desk: Desk) -> None:
    """Row 54: the exact timestamp."""
    bulk = next(e for e in reversed(desk.journal.events) if value(e, "org") == "busy")
    found = desk.events(since=EVER, q=f"time:{bulk['time']} org:busy")
    assert [event["time"] for event in found] == [bulk["time"]]


@pytest.mark.parametrize("address", ["192.168.1.300", "10.0.0", "::gg", "localhost", "1.2.3.4:80"])
def test_what_is_no_address_is_refused_and_the_field_is_named(desk: Desk, address: str) -> None:
    """Row 54: addresses are validated; nothing of the request is stored."""
    event = {"action": "read", "source": {"ip": address}}
    answer = desk.send("POST", "/v1/events", event, token=desk.sender)
    assert answer.status == 422
    assert "source.ip" in str(answer.document)


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::9", "::1"])
def test_addresses_of_both_families_are_taken(desk: Desk, address: str) -> None:
    """Row 54: IPv4 and IPv6."""
    time = desk.journal.ago(days=501)
    desk.post([{"action": "read", "time": time, "source": {"ip": address}, "details": {"n": -2}}])
    assert [e["source"]["ip"] for e in desk.events(since=EVER, ip=address)] == [address]


def test_changes_are_derived_from_before_and_after(desk: Desk) -> None:
    """Row 55: the changed fields with old and new, and none that stayed the same."""
    (shared,) = desk.events(q="action:share resource.id:q2")
    assert sorted(shared["changes"], key=lambda change: str(change["field"])) == [
        {"field": "title", "old": "Report", "new": "Q2 Sales Report"},
        {"field": "visibility", "old": "private", "new": "shared"},
    ]
    plans = desk.events(q="changed:plan")
    assert len(plans) == len(desk.journal.numbers(lambda e: value(e, "before.plan")))
    assert all(e["changes"] == [{"field": "plan", "old": "Premium", "new": "Enterprise"}] for e in plans)


def test_given_changes_say_what_was_before_and_after(desk: Desk) -> None:
    """Row 55, the other way round: an event that gives only changes shows the old and the new state by them."""
    found = desk.events(q="changed:state")
    assert len(found) == len(desk.journal.numbers(lambda e: e["action"] == "terminate"))
    assert all(e["changes"] == [{"field": "state", "old": "running", "new": None}] for e in found)


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (("Success",), "success"), (("Failed", "failure"), "failure"),
        (("In Progress", "in_progress"), "in_progress"), (("Pending",), "pending"),
    ],
)  # fmt: skip
def test_the_four_statuses_are_stored_and_found_by_the_words_people_use(
    desk: Desk, words: tuple[str, ...], outcome: str
) -> None:
    """Row 56."""
    meant = desk.journal.numbers(lambda e: value(e, "outcome") == outcome)
    assert meant
    for word in words:
        assert desk.numbers(status=word) == meant
        assert desk.numbers(q=f'status:"{word}"') == meant


def test_a_fifth_status_is_refused(desk: Desk) -> None:
    """Row 56: four outcomes, no other."""
    answer = desk.send("POST", "/v1/events", {"action": "read", "outcome": "perhaps"}, token=desk.sender)
    assert answer.status == 422
    assert "in_progress" in str(answer.document)


def test_a_later_event_completes_one_that_was_in_progress(desk: Desk) -> None:
    """Row 56: both are found under the one request, the newest says how it ended; neither overwrites the other."""
    found = desk.events(q="request_id:run-77 resource.id:etl")
    assert [event["outcome"] for event in found] == ["failure", "in_progress"]
    assert found[0]["id"] != found[1]["id"]


@pytest.mark.parametrize("query", ['"database connection timeout"', 'reason:"connection timeout"', "timeout etl"])
def test_the_text_of_a_failure_is_searchable(desk: Desk, query: str) -> None:
    """Row 61: the error in the entry, not only that there was one."""
    found = desk.events(q=query)
    assert [event["reason"] for event in found] == ["Step 2 - database connection timeout"]


@pytest.mark.parametrize(
    ("asked", "beginning"),
    [
        ("192.168.1", "192.168.1."), ("192.168.1.", "192.168.1."), ("192.168", "192.168."),
        ("192.168.1.0/24", "192.168.1."), ("192.168.0.0/16", "192.168."), ("192.168.1.7", "192.168.1.7"),
        ("2001:db8::/32", "2001:db8"), ("192.168.1*", "192.168.1"),
    ],
)  # fmt: skip
def test_a_part_of_an_address_finds_the_addresses_under_it(desk: Desk, asked: str, beginning: str) -> None:
    """Row 62: whole groups (192.168.1 is not 192.168.10), networks, both families."""

    def is_meant(event: Event) -> bool:
        return str(value(event, "source.ip")).startswith(beginning)

    meant = desk.journal.numbers(is_meant, None)
    assert meant
    assert desk.numbers(since=EVER, ip=asked) == meant
    assert desk.numbers(since=EVER, q=f"ip:{asked}") == meant
