"""The face of the query room: pages, cursors, arrivals and limits."""

import threading
from base64 import urlsafe_b64encode
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from collector.problem import ApiProblem
from collector.query import Answers, NoIndexes, QuerySettings
from tests.collector.query.memory_source import RECEIVED_US, STREAM, MemorySource, an_event
from watchbook.clock import parse_rfc3339
from watchbook.units import Seconds

NOW = parse_rfc3339("2026-11-21T12:00:00Z")
DAY_US = 86_400_000_000


class Setting:
    """A searcher over a source, with a clock that can be moved."""

    def __init__(self, **settings: Any) -> None:
        self.source = MemorySource()
        self.now = NOW
        self.registry = CollectorRegistry()
        self.stopping = threading.Event()
        self.answers = Answers(
            self.source, NoIndexes(), QuerySettings(**settings), self.registry, clock=lambda: self.now,
            stopping=self.stopping,
        )  # fmt: skip

    def search(self, q: str | None = None, **arguments: Any) -> Any:
        times = {name: arguments.pop(f"time_{name}", None) for name in ("from", "to")}
        return self.ask("search", q=q, **times, **arguments)

    def ask(self, question: str, **parameters: Any) -> Any:
        return msgspec.json.decode(self.answers.answer(question, {"filters": {}, **parameters}))

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def at() -> Setting:
    return Setting()


def test_an_event_answers_in_the_names_of_the_api(at: Setting) -> None:
    at.source.append(
        [
            an_event(
                NOW - 1, actor_id="alice", outcome="success", measures={"rows": 10}, duration_ms=245,
                source_ip="10.0.0.1", changes=[{"field": "plan", "old": "free", "new": "pro"}],
                details={"k": [1, {"x": None}]},
            )
        ]
    )  # fmt: skip
    page = at.search("actor:alice")
    assert msgspec.json.decode(msgspec.json.encode(page["events"])) == [
        {
            "id": f"{STREAM}-1-0",
            "time": "2026-11-21T11:59:59.999999Z",
            "received": "2023-11-14T22:13:20.000001Z",
            "actor": {"type": "user", "id": "alice"},
            "action": "read",
            "outcome": "success",
            "duration_ms": 245,
            "measures": {"rows": 10},
            "source": {"ip": "10.0.0.1"},
            "changes": [{"field": "plan", "old": "free", "new": "pro"}],
            "details": {"k": [1, {"x": None}]},
        }
    ]
    assert parse_rfc3339(page["events"][0]["received"]) == RECEIVED_US + 1


def test_without_a_range_the_last_seven_days_are_searched_and_the_answer_says_so(at: Setting) -> None:
    at.source.append([an_event(NOW - 8 * DAY_US), an_event(NOW - 6 * DAY_US), an_event(NOW + DAY_US)])
    page = at.search()
    assert [event["time"][:10] for event in page["events"]] == ["2026-11-22", "2026-11-15"]
    assert page["range"] == {"from": "2026-11-14T12:00:00.000000Z", "to": None, "default": True}
    wider = at.search(time_from="30d")
    assert len(wider["events"]) == 3
    assert wider["range"]["default"] is False


def test_a_cursor_keeps_the_range_of_the_first_page(at: Setting) -> None:
    at.source.append([an_event(NOW - 7 * DAY_US + offset) for offset in range(5)])
    first = at.search(limit=3)
    at.now += DAY_US
    rest = at.search(limit=3, cursor=first["next_cursor"])
    assert (len(first["events"]), len(rest["events"]), rest["next_cursor"]) == (3, 2, None)
    assert rest["range"] == first["range"]


@pytest.mark.parametrize(
    "change", [{"q": "action:create"}, {"filters": {"actor": ["bob"]}}, {"time_from": "1h"}, {"time_to": "now"}]
)
def test_a_cursor_of_another_query_is_refused(at: Setting, change: dict[str, Any]) -> None:
    at.source.append([an_event(NOW), an_event(NOW)])
    first = at.search(limit=1)
    with pytest.raises(ApiProblem, match="the cursor belongs to another query") as caught:
        at.search(**{"cursor": first["next_cursor"], **change})
    assert caught.value.errors[0]["parameter"] == "cursor"


def forged(*content: Any) -> str:
    return urlsafe_b64encode(msgspec.json.encode(content)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "A" * 10_000, forged(1, 2), forged(1, "d", 10**18, None, True, 1, "s", 1, 1), "[]"]
)
def test_what_is_no_cursor_is_refused(at: Setting, cursor: str) -> None:
    with pytest.raises(ApiProblem, match="this is no cursor") as caught:
        at.search(cursor=cursor)
    assert caught.value.status == 400


def test_filters_are_alternatives_within_and_conditions_between(at: Setting) -> None:
    for actor in ("alice", "bob", "carol"):
        at.source.append([an_event(NOW, actor_id=actor, action=action) for action in ("read", "create")])
    page = at.search("-action:read", filters={"actor": ["alice", "bob"], "action": ["create", "read"]})
    assert [event["actor"]["id"] for event in page["events"]] == ["bob", "alice"]
    prefix = at.search(filters={"actor": ["c*"]})
    assert {event["actor"]["id"] for event in prefix["events"]} == {"carol"}


@pytest.mark.parametrize(
    ("arguments", "parameter", "position"),
    [
        ({"q": "action:read acter:x"}, "q", 12),
        ({"filters": {"outcome": ["success,failure"]}}, "outcome", None),
        ({"filters": {"actor": [""]}}, "actor", None),
        ({"filters": {"actor": ["x"] * 300}}, "actor", None),
        ({"time_from": "soon"}, "from", None),
    ],
)
def test_a_mistake_names_the_parameter_and_the_place(
    at: Setting, arguments: dict[str, Any], parameter: str, position: int | None
) -> None:
    with pytest.raises(ApiProblem) as caught:
        at.search(**arguments)
    (error,) = caught.value.errors
    assert (error["parameter"], error.get("position")) == (parameter, position)
    assert at.counted("watchbook_query_refused_total", parameter=parameter) == 1


def test_one_event_is_found_by_its_id(at: Setting) -> None:
    at.source.append([an_event(1), an_event(2, message="this one")])
    event = at.ask("event", id=f"{STREAM}-1-1")
    assert event is not None
    assert event["message"] == "this one"
    for absent in (f"{STREAM}-1-2", f"{STREAM}-2-0", "6" * 32 + "-1-0"):
        assert at.ask("event", id=absent) is None
    with pytest.raises(ApiProblem, match="is no event id"):
        at.ask("event", id="42")


def test_following_goes_on_from_a_search_without_a_gap(at: Setting) -> None:
    at.source.append([an_event(NOW)])
    page = at.search()
    at.source.append([an_event(NOW - DAY_US, message="late"), an_event(NOW)])
    found = at.ask("arrived", filters={}, q="late", after=page["last_number"], limit=10)
    assert [event["message"] for event in found["events"]] == ["late"]
    assert found["last_number"] == 3
    assert at.ask("arrived", filters={}, q=None, after=None, limit=10) == {
        "events": [], "numbers": [], "last_number": 3, "first_number": 1,
    }  # fmt: skip


def test_whoever_follows_sees_that_events_were_archived_meanwhile(at: Setting) -> None:
    at.source.append([an_event(NOW)] * 4)
    at.source.roll()
    at.source.append([an_event(NOW, message="here")])
    assert at.ask("arrived", filters={}, q=None, after=2, limit=10)["first_number"] == 1
    at.source.kept[0].tier = "archived"
    assert at.ask("arrived", filters={}, q=None, after=4, limit=10)["first_number"] == 5


def test_a_query_that_runs_out_says_so_and_goes_on() -> None:
    at = Setting(scanned_events_max=2)
    for hour in range(4):
        at.source.append([an_event(NOW - hour * DAY_US // 24)] * 2)
    page = at.search()
    assert page["incomplete"] == {
        "reason": "scan_budget",
        "message": "the query had looked at as many events as one may before the whole range was searched; "
        "go on with 'next_cursor'",
        "searched_to": "2026-11-21T11:00:00.000001Z",
    }
    found = page["events"]
    while page["next_cursor"]:
        page = at.search(cursor=page["next_cursor"])
        found += page["events"]
    assert len(found) == 8
    assert at.counted("watchbook_query_incomplete_total", reason="scan_budget") >= 1


def test_blocks_are_remembered_between_queries(at: Setting) -> None:
    at.source.append([an_event(NOW)])
    at.search()
    at.search()
    assert at.source.reads == 1
    assert at.counted("watchbook_query_blocks_read_total", where="memory") == 1


def test_as_many_blocks_are_remembered_as_the_setting_says() -> None:
    at = Setting(cached_blocks=2)
    for _ in range(3):
        at.source.append([an_event(NOW)])
    at.search()
    at.search()
    assert at.source.reads == 6


def test_a_stop_ends_queries_with_what_they_have() -> None:
    at = Setting(deadline=Seconds(1e6))
    at.source.append([an_event(NOW)])
    at.stopping.set()
    page = at.search()
    assert (page["events"], page["incomplete"]["reason"]) == ([], "stopping")
