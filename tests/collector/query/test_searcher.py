"""The face of the query room."""

import asyncio
import threading
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from collector.block import BlockInfo, DecodedBlock
from collector.problem import ApiProblem
from collector.query import QuerySettings, Searcher
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
        self.searcher = Searcher(self.source, QuerySettings(**settings), self.registry, lambda: self.now)

    async def search(self, q: str | None = None, **arguments: Any) -> dict[str, Any]:
        known: dict[str, Any] = {"filters": {}, "time_from": None, "time_to": None, "limit": 50, "cursor": None}
        return await self.searcher.search(q=q, **{**known, **arguments})

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def at() -> AsyncIterator[Setting]:
    setting = Setting()
    yield setting
    await setting.searcher.close()


async def test_an_event_answers_in_the_names_of_the_api(at: Setting) -> None:
    at.source.append(
        [
            an_event(
                NOW - 1, actor_id="alice", outcome="success", measures={"rows": 10}, duration_ms=245,
                source_ip="10.0.0.1", changes=[{"field": "plan", "old": "free", "new": "pro"}],
                details={"k": [1, {"x": None}]},
            )
        ]
    )  # fmt: skip
    page = await at.search("actor:alice")
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


async def test_without_a_range_the_last_seven_days_are_searched_and_the_answer_says_so(at: Setting) -> None:
    at.source.append([an_event(NOW - 8 * DAY_US), an_event(NOW - 6 * DAY_US), an_event(NOW + DAY_US)])
    page = await at.search()
    assert [event["time"][:10] for event in page["events"]] == ["2026-11-22", "2026-11-15"]
    assert page["range"] == {"from": "2026-11-14T12:00:00.000000Z", "to": None, "default": True}
    wider = await at.search(time_from="30d")
    assert len(wider["events"]) == 3
    assert wider["range"]["default"] is False


async def test_a_cursor_keeps_the_range_of_the_first_page(at: Setting) -> None:
    at.source.append([an_event(NOW - 7 * DAY_US + offset) for offset in range(5)])
    first = await at.search(limit=3)
    at.now += DAY_US
    rest = await at.search(limit=3, cursor=first["next_cursor"])
    assert (len(first["events"]), len(rest["events"]), rest["next_cursor"]) == (3, 2, None)
    assert rest["range"] == first["range"]


@pytest.mark.parametrize(
    "change", [{"q": "action:create"}, {"filters": {"actor": ["bob"]}}, {"time_from": "1h"}, {"time_to": "now"}]
)
async def test_a_cursor_of_another_query_is_refused(at: Setting, change: dict[str, Any]) -> None:
    at.source.append([an_event(NOW), an_event(NOW)])
    first = await at.search(limit=1)
    with pytest.raises(ApiProblem, match="the cursor belongs to another query") as caught:
        await at.search(**{"cursor": first["next_cursor"], **change})
    assert caught.value.errors[0]["parameter"] == "cursor"


def forged(*content: Any) -> str:
    return urlsafe_b64encode(msgspec.json.encode(content)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "A" * 10_000, forged(1, 2), forged(1, "d", 10**18, None, True, 1, "s", 1, 1), "[]"]
)
async def test_what_is_no_cursor_is_refused(at: Setting, cursor: str) -> None:
    with pytest.raises(ApiProblem, match="this is no cursor") as caught:
        await at.search(cursor=cursor)
    assert caught.value.status == 400


async def test_filters_are_alternatives_within_and_conditions_between(at: Setting) -> None:
    for actor in ("alice", "bob", "carol"):
        at.source.append([an_event(NOW, actor_id=actor, action=action) for action in ("read", "create")])
    page = await at.search("-action:read", filters={"actor": ["alice", "bob"], "action": ["create", "read"]})
    assert [event["actor"]["id"] for event in page["events"]] == ["bob", "alice"]
    prefix = await at.search(filters={"actor": ["c*"]})
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
async def test_a_mistake_names_the_parameter_and_the_place(
    at: Setting, arguments: dict[str, Any], parameter: str, position: int | None
) -> None:
    with pytest.raises(ApiProblem) as caught:
        await at.search(**arguments)
    (error,) = caught.value.errors
    assert (error["parameter"], error.get("position")) == (parameter, position)
    assert at.counted("watchbook_query_refused_total", parameter=parameter) == 1


async def test_one_event_is_found_by_its_id(at: Setting) -> None:
    at.source.append([an_event(1), an_event(2, message="this one")])
    event = await at.searcher.event(f"{STREAM}-1-1")
    assert event is not None
    assert event["message"] == "this one"
    for absent in (f"{STREAM}-1-2", f"{STREAM}-2-0", "6" * 32 + "-1-0"):
        assert await at.searcher.event(absent) is None
    with pytest.raises(ApiProblem, match="is no event id"):
        await at.searcher.event("42")


async def test_following_goes_on_from_a_search_without_a_gap(at: Setting) -> None:
    at.source.append([an_event(NOW)])
    page = await at.search()
    at.source.append([an_event(NOW - DAY_US, message="late"), an_event(NOW)])
    found = await at.searcher.arrived(filters={}, q="late", after=page["last_number"], limit=10)
    assert [event["message"] for event in found["events"]] == ["late"]
    assert found["last_number"] == 3
    assert await at.searcher.arrived(filters={}, q=None, after=None, limit=10) == {
        "events": [], "numbers": [], "last_number": 3, "first_number": 1,
    }  # fmt: skip


async def test_a_query_that_runs_out_says_so_and_goes_on() -> None:
    at = Setting(scanned_events_max=2)
    for hour in range(4):
        at.source.append([an_event(NOW - hour * DAY_US // 24)] * 2)
    page = await at.search()
    assert page["incomplete"] == {
        "reason": "scan_budget",
        "message": "the query had looked at as many events as one may before the whole range was searched; "
        "go on with 'next_cursor'",
        "searched_to": "2026-11-21T11:00:00.000001Z",
    }
    found = page["events"]
    while page["next_cursor"]:
        page = await at.search(cursor=page["next_cursor"])
        found += page["events"]
    assert len(found) == 8
    assert at.counted("watchbook_query_incomplete_total", reason="scan_budget") >= 1
    await at.searcher.close()


async def test_blocks_are_remembered_between_queries(at: Setting) -> None:
    at.source.append([an_event(NOW)])
    await at.search()
    await at.search()
    assert at.source.reads == 1
    assert at.counted("watchbook_query_blocks_read_total", where="memory") == 1


async def test_as_many_blocks_are_remembered_as_the_setting_says() -> None:
    at = Setting(cached_blocks=2)
    for _ in range(3):
        at.source.append([an_event(NOW)])
    await at.search()
    await at.search()
    assert at.source.reads == 6
    await at.searcher.close()


class HeldSource(MemorySource):
    """A source whose reads wait until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.append([an_event(NOW)])

    def read(self, info: BlockInfo) -> DecodedBlock:
        self.let_go.wait(10)
        return super().read(info)


async def test_more_queries_than_may_wait_are_refused_and_the_loop_stays_free() -> None:
    source = HeldSource()
    searcher = Searcher(source, QuerySettings(threads=1, waiting_max=1), CollectorRegistry(), lambda: NOW)
    one: dict[str, Any] = {"filters": {}, "q": None, "time_from": None, "time_to": None, "limit": 1, "cursor": None}
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(searcher.search(**one)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ApiProblem, match="too many queries") as caught:
            await searcher.search(**one)
        source.let_go.set()
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
    assert [len(task.result()["events"]) for task in waiting] == [1, 1]
    await searcher.close()


async def test_a_stop_ends_queries_with_what_they_have() -> None:
    at = Setting(deadline=Seconds(1e6))
    at.source.append([an_event(NOW)])
    await at.searcher.close()
    with pytest.raises(ApiProblem) as caught:
        await at.search()
    assert caught.value.status == 503
