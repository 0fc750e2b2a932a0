"""The range of a question, and the order, the size and the sequence of its pages."""

from datetime import timedelta
from typing import Any

import pytest

from tests.end_to_end.seed_rows.desk import EVER, OF_THE_LOG, Desk
from tests.end_to_end.seed_rows.journal import BULK_EVENTS, Event, rfc3339
from watchbook.clock import SECOND_US, parse_rfc3339

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]


def _span_days(found: Any, to: str) -> float:
    return (parse_rfc3339(to) - parse_rfc3339(found["from"])) / (86_400 * SECOND_US)


def test_without_a_range_the_last_seven_days_are_meant_and_the_answer_says_so(desk: Desk) -> None:
    """Row 66: on the page, in counts, and in the words of the operator."""
    newest = rfc3339(desk.journal.now)
    for path in ("/v1/events", "/v1/facets", "/v1/histogram"):
        found = desk.get(path)["range"]
        assert found["default"] is True
        assert found["to"] is None
        assert _span_days(found, newest) == pytest.approx(7, abs=0.01)
    assert desk.numbers() == desk.journal.numbers(lambda _: True, days=7)
    assert "default range" in desk.operate("search", "--limit", "1").stderr
    assert desk.get("/v1/events", since="8d")["range"]["default"] is False


@pytest.mark.parametrize("days", [1, 7, 30, 90, 365, 730])
def test_a_range_may_be_a_day_or_two_years(desk: Desk, days: int) -> None:
    """Rows 67 and 94: presets, relative and absolute, give the same."""
    meant = desk.journal.numbers(lambda _: True, days=days)
    assert desk.numbers(since=desk.journal.ago(days=days)) == meant
    assert desk.numbers(since=f"{days}d") == meant
    assert len(meant) > len(desk.journal.numbers(lambda _: True, days=days / 8))


def test_a_range_longer_than_two_years_finds_what_there_is_and_a_shorter_one_than_a_day_too(desk: Desk) -> None:
    """Row 67: neither is refused."""
    assert desk.numbers(since="7300d") == desk.journal.numbers(lambda _: True, days=None)
    assert desk.numbers(since="40m") == desk.journal.numbers(lambda _: True, days=40 / 1440)


def test_both_ends_of_a_range_are_exact_to_the_minute(desk: Desk) -> None:
    """Row 67: the date picker has a time of day; the beginning is included, the end is not."""
    begin, end = desk.journal.ago(minutes=31), desk.journal.ago(minutes=27)

    def is_meant(event: Event) -> bool:
        return bool(begin <= event["time"] < end)

    meant = desk.journal.numbers(is_meant)
    assert len(meant) >= 3
    assert desk.numbers(since=begin, to=end) == meant
    later = rfc3339(desk.journal.now - timedelta(minutes=29))
    assert desk.numbers(since=later, to=end) == [n for n in meant if desk.journal.events[n]["time"] >= later]


def test_a_range_that_ends_before_it_begins_is_refused(desk: Desk) -> None:
    """Row 67: said with both ends, not answered with nothing."""
    answer = desk.ask("/v1/events", since="1d", to="2d")
    assert answer.status == 400
    assert "not before 'to'" in answer.document["detail"]


def test_today_and_a_custom_range_as_the_operator_types_them(desk: Desk) -> None:
    """Row 94: today begins at midnight; a custom range has two ends."""
    today = desk.journal.now.strftime("%Y-%m-%d")
    found = desk.said("search", "--since", today, "--utc", "--limit", "3000", OF_THE_LOG)
    numbers = sorted(n for e in found if (n := e["details"]["n"]) >= 0)
    assert numbers == desk.journal.numbers(lambda e: e["time"] >= today, None)
    first, last = (desk.journal.ago(days=days)[:10] for days in (12, 9))
    found = desk.said("search", "--since", first, "--until", last, "--utc", "--limit", "3000", OF_THE_LOG)
    numbers = sorted(n for e in found if (n := e["details"]["n"]) >= 0)
    assert numbers == desk.journal.numbers(lambda e: first <= e["time"] < last, None)


def test_the_newest_are_first_and_equal_times_keep_one_order_over_all_pages(desk: Desk) -> None:
    """Row 84: forty events of one moment, in pages of seven, the same however often and however large the pages."""
    in_one = desk.events(q="resource.type:Billing")
    assert len({event["time"] for event in in_one}) == 1
    assert len(in_one) == 40
    assert desk.events(q="resource.type:Billing", limit=7) == in_one
    times = [event["time"] for event in desk.events(since=EVER, limit=100)]
    assert times == sorted(times, reverse=True)
    later_first = [parse_rfc3339(event["received"]) for event in in_one]
    assert later_first == sorted(later_first, reverse=True)


@pytest.mark.parametrize("size", [25, 50, 100])
def test_pages_cover_every_event_once_and_a_total_says_how_many_there_are(desk: Desk, size: int) -> None:
    """Row 86: "Showing 1-25 of 412": position and total, exact or marked."""
    asked: dict[str, Any] = {"q": f"org:company {OF_THE_LOG}", "since": EVER, "limit": size}
    meant = desk.journal.numbers(lambda e: e.get("org") == "company", None)
    page = desk.get("/v1/events", **asked, total="true")
    assert page["total"] == {"value": len(meant), "exact": True}
    assert len(page["events"]) == min(size, len(meant))
    found = desk.events(**asked)
    assert sorted(e["details"]["n"] for e in found) == meant
    assert len({e["id"] for e in found}) == len(meant)


def test_a_total_goes_with_every_filter_and_range(desk: Desk) -> None:
    """Row 86: of over a thousand, of none, of what a word finds."""
    for asked, is_meant in (
        ({"org": "busy"}, lambda e: e.get("org") == "busy"),
        ({"org": "nobody"}, lambda _: False),
        ({"q": "timeout"}, lambda e: "timeout" in str(e.get("reason"))),
    ):
        page = desk.get("/v1/events", **asked, total="true", limit=1)
        assert page["total"] == {"value": len(desk.journal.numbers(is_meant)), "exact": True}


def test_older_events_are_loaded_from_where_the_page_ended_whatever_arrives_meanwhile(desk: Desk) -> None:
    """Row 92: most recent first, scroll for older; nothing doubled, nothing skipped."""
    asked: dict[str, Any] = {"q": "resource.type:Workspace", "since": EVER, "limit": 4}
    meant = desk.journal.numbers(lambda e: e["resource"]["type"].casefold() == "workspace", None)
    first = desk.get("/v1/events", **asked)
    late = {"action": "terminate", "resource": {"type": "Workspace", "id": "late"}, "details": {"n": -3}}
    desk.post([late, {**late, "time": desk.journal.ago(days=1, minutes=19.5)}])
    found, cursor = first["events"], first["next_cursor"]
    while cursor is not None:
        page = desk.get("/v1/events", **asked, cursor=cursor)
        found, cursor = found + page["events"], page["next_cursor"]
    numbers = [event["details"]["n"] for event in found]
    assert sorted(n for n in numbers if n >= 0) == meant
    assert len({event["id"] for event in found}) == len(found)
    assert desk.get("/v1/events", **{**asked, "limit": 1})["events"][0]["resource"]["id"] == "late"


def test_a_cursor_belongs_to_its_question(desk: Desk) -> None:
    """Row 92: the cursor of one question does not page through another."""
    cursor = desk.get("/v1/events", limit=1, org="busy")["next_cursor"]
    answer = desk.ask("/v1/events", limit=1, org="company", cursor=cursor)
    assert answer.status == 400
    assert "cursor" in answer.document["detail"]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "all"])
def test_no_question_is_without_a_bound(desk: Desk, limit: str) -> None:
    """Row 91: a page has at most a thousand events, whoever asks for more is told."""
    answer = desk.ask("/v1/events", limit=limit, since=EVER)
    assert answer.status == 400
    assert "from 1 to 1000" in answer.document["detail"]
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_the_operator_is_told_how_much_more_there_is(desk: Desk) -> None:
    """Row 86: the words in the terminal state the position too."""
    told = desk.operate("search", "org:busy", "--limit", "25", "--total")
    assert told.exit_code == 0
    assert len(told.stdout.splitlines()) == 25
    assert told.stderr.startswith(f"25 of {BULK_EVENTS} events")
    assert "there are more" in told.stderr
