"""The search box and the advanced search, as the seed documents describe them."""

from collections.abc import Callable

import pytest

from tests.end_to_end.seed_rows.desk import EVER, OF_THE_LOG, Desk
from tests.end_to_end.seed_rows.journal import Event, value

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

#: Successful database updates that alice made in the last week, as people may write it.
WRITTEN = [
    "user:alice@company.com action:Updated resource:Database status:Success",
    "User:alice Action:updated type:database Status:success",
    "alice action:update resource.type:database outcome:success",
    "actor:alice AND action:updated,changed AND type:DATABASE AND NOT status:failed,pending,in_progress",
]


def _is_meant(event: Event) -> bool:
    wanted = {"actor.id": "alice@company.com", "action": "update", "resource.type": "database", "outcome": "success"}
    return all(value(event, field) == text for field, text in wanted.items())


@pytest.mark.parametrize(
    ("term", "meant"),
    [
        ("alice", lambda e: "alice" in str(value(e, "actor.id"))),
        ("data-team", lambda e: value(e, "actor.id") == "data-team"),
        ("shared", lambda e: value(e, "event_type") == "Shared"),
        ("created", lambda e: "created" in str(value(e, "event_type")).lower()),
        ('"sales database"', lambda e: value(e, "resource.name") == "Sales Database"),
        ('"Q2 sales"', lambda e: value(e, "resource.name") == "Q2 Sales Report"),
        ("192.168.1", lambda e: str(value(e, "source.ip")).startswith("192.168.1.")),
    ],
)
def test_one_term_searches_users_actions_resources_and_addresses(
    desk: Desk, term: str, meant: Callable[[Event], bool]
) -> None:
    """Row 95: the seed's own examples, each of another kind of field, none of which is named."""
    numbers = desk.journal.numbers(meant, None)
    assert numbers
    assert desk.numbers(since=EVER, q=term) == numbers


def test_the_fields_that_free_text_searches_are_those_four_and_what_people_read(desk: Desk) -> None:
    """Row 95: what is in none of them (a session, a detail) is not found by accident."""
    assert desk.numbers(since=EVER, q='"sess-3"') == []
    assert desk.numbers(since=EVER, q="session:sess-3") != []


@pytest.mark.parametrize("query", WRITTEN)
def test_the_seeds_example_returns_exactly_the_right_events(desk: Desk, query: str) -> None:
    """Row 96: "all successful database updates alice made in the last week"."""
    meant = desk.journal.numbers(_is_meant)
    assert meant
    assert len(meant) < len(desk.journal.numbers(_is_meant, None))
    assert desk.numbers(q=query) == meant
    assert desk.numbers(q=query, since="7d") == meant


def test_the_seeds_example_as_filters_and_as_the_operators_words(desk: Desk) -> None:
    """Row 96: the same question in the three places where it can be asked."""
    meant = desk.journal.numbers(_is_meant)
    filters = {"user": "alice@company.com", "action": "Updated", "resource_type": "Database", "status": "Success"}
    assert desk.numbers(**filters) == meant
    found = desk.said("search", "user:alice", "action:updated", "type:database", "status:success", "--since", "7d")
    assert sorted(event["details"]["n"] for event in found) == meant
    counted = desk.get("/v1/facets", q=WRITTEN[0], field="outcome")
    assert counted["total"] == {"value": len(meant), "exact": True}
    drawn = desk.get("/v1/histogram", q=WRITTEN[0])
    assert sum(bucket["count"] for bucket in drawn["buckets"]) == len(meant)


def test_every_term_narrows_the_search(desk: Desk) -> None:
    """Row 96: terms are combined with AND."""
    terms = WRITTEN[0].split()
    counts = [len(desk.numbers(q=" ".join(terms[: last + 1]))) for last in range(len(terms))]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == len(counts)


def test_a_mistake_in_a_search_is_pointed_at(desk: Desk) -> None:
    """Row 96: the answer names the place and what was probably meant."""
    answer = desk.ask("/v1/events", q="user:alice staus:success")
    assert answer.status == 400
    assert "status" in answer.document["detail"] + str(answer.document)
    told = desk.operate("search", "user:alice", "staus:success")
    assert told.exit_code != 0
    assert "^" in told.stderr


@pytest.mark.parametrize("query", ["alice", "192.168.1", "sales_db", "Updated"])
def test_a_search_finds_the_same_in_every_tier(desk: Desk, query: str) -> None:
    """Rows 95 and 62: open, sealed and archived segments answer as one."""
    tiers = {segment["tier"] for segment in desk.segments()}
    assert tiers == {"hot", "sealed", "archived"}
    found = desk.events(since=EVER, q=f"({query}) {OF_THE_LOG}")
    one_by_one = [desk.get(f"/v1/events/{event['id']}") for event in (found[0], found[-1])]
    assert one_by_one == [found[0], found[-1]]
