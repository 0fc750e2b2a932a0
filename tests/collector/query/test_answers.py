"""The face: questions and parameters in, JSON out, whatever happens to the files meanwhile."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from collector.block import BlockInfo, DecodedBlock
from collector.problem import ApiProblem
from collector.query import Answers, QuerySettings
from tests.collector.query.memory_index import MemoryIndexes
from tests.collector.query.memory_source import MemorySource, an_event
from watchbook.clock import parse_rfc3339
from watchbook.wire import WireError

NOW = parse_rfc3339("2026-11-21T12:00:00Z")
HOUR_US = 3_600_000_000


class Store(MemorySource):
    """A source on which something can happen in the middle of a query."""

    def __init__(self) -> None:
        super().__init__()
        self.before_read: Callable[[], None] = lambda: None
        self.damaged: set[int] = set()

    def read(self, info: BlockInfo) -> DecodedBlock:
        happen, self.before_read = self.before_read, lambda: None
        happen()
        if info.row in self.damaged:
            raise WireError("flipped")
        return super().read(info)


class At:
    """Answers over a store."""

    def __init__(self, **settings: Any) -> None:
        self.source = Store()
        self.indexes = MemoryIndexes(self.source, chunk_rows=4, chars_max=100)
        self.registry = CollectorRegistry()
        self.answers = Answers(
            self.source, self.indexes, QuerySettings(**settings), self.registry, clock=lambda: NOW
        )  # fmt: skip

    def ask(self, question: str, **parameters: Any) -> Any:
        return msgspec.json.decode(self.answers.answer(question, {"filters": {}, "q": None, **parameters}))

    def messages(self, q: str | None = None, **parameters: Any) -> list[str]:
        return [event.get("message") for event in self.ask("search", q=q, **parameters)["events"]]

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def test_the_example_of_the_seed_finds_exactly_its_events() -> None:
    at = At()
    right = {"actor_email": "alice@company.com", "action": "update", "resource_type": "database", "outcome": "success"}
    at.source.append(
        [
            an_event(NOW - HOUR_US, **right, message="right"),
            an_event(NOW - 24 * HOUR_US, **{**right, "resource_type": "Database"}, message="right too"),
            an_event(NOW - HOUR_US, **{**right, "actor_email": "bob@company.com"}),
            an_event(NOW - HOUR_US, **{**right, "action": "delete"}),
            an_event(NOW - HOUR_US, **{**right, "resource_type": "notebook"}),
            an_event(NOW - HOUR_US, **{**right, "outcome": "failure"}),
            an_event(NOW - 8 * 24 * HOUR_US, **right),
        ]
    )
    words = "User:alice@company.com Action:Updated Resource:Database Status:Success time:>-7d"
    assert at.messages(words, **{"from": "30d"}) == ["right", "right too"]
    assert at.messages("user:alice AND action:update AND type:database AND status:success") == ["right", "right too"]


def test_exclude_leaves_out_exactly_logins_and_what_the_system_did() -> None:
    at = At()
    at.source.append(
        [
            an_event(NOW, message="login", category="authentication"),
            an_event(NOW, message="login word", action="login"),
            an_event(NOW, message="cron", actor_type="system"),
            an_event(NOW, message="flagged", flags=["system"]),
            an_event(NOW, message="plain", actor_type="service"),
        ]
    )
    assert set(at.messages(exclude=["login"])) == {"login word", "cron", "flagged", "plain"}
    assert set(at.messages(exclude=["system"])) == {"login", "login word", "plain"}
    assert set(at.messages(filters={"exclude": ["login", "system"]})) == {"login word", "plain"}
    assert at.messages(filters={"actor_type": ["api_key"]}) == []
    with pytest.raises(ApiProblem, match="'exclude' is one of login, system") as caught:
        at.ask("search", exclude=["logins"])
    assert caught.value.errors[0]["parameter"] == "exclude"


def test_exclude_leaves_out_the_event_types_that_the_question_calls_hidden() -> None:
    at = At()
    at.source.append(
        [
            an_event(NOW, message="queued", event_type="Process instance queued"),
            an_event(NOW, message="created", event_type="Asset created"),
            an_event(NOW, message="untyped"),
        ]
    )
    assert set(at.messages(exclude=["hidden"], hidden_types=["Process instance queued"])) == {"created", "untyped"}
    assert set(at.messages(exclude=["hidden"])) == {"queued", "created", "untyped"}


@pytest.mark.parametrize("q", [None, "message:two", "details.k:v", "measures.x:>0"])
def test_no_event_is_missed_when_its_segment_is_sealed_during_the_query(q: str | None) -> None:
    at = At()
    about: dict[str, Any] = {"details": {"k": "v"}, "measures": {"x": 1}}
    at.source.append([an_event(NOW, message="one two", **about), an_event(NOW - 5, message="two", **about)])
    at.source.roll()
    at.source.append([an_event(NOW - 2, message="two three", **about)])
    at.source.before_read = lambda: at.source.seal("day-1", 1)
    assert at.messages(q) == ["one two", "two three", "two"]
    assert at.counted("watchbook_query_begun_anew_total", why="moved") == 1
    at.source.before_read = lambda: at.source.seal("day-2", 1)
    assert at.ask("facets", fields=["details.k"])["facets"]["details.k"]["values"] == [{"value": "v", "count": 3}]


def test_what_moves_all_the_time_is_said_and_not_hidden() -> None:
    at = At()
    info = at.source.append([an_event(NOW)])

    def vanish() -> None:
        at.source.before_read = vanish
        raise KeyError(info)

    at.source.before_read = vanish
    with pytest.raises(ApiProblem, match="changed several times") as caught:
        at.ask("search")
    assert caught.value.status == 503


def test_a_damaged_index_is_done_without() -> None:
    at = At()
    at.source.append([an_event(NOW, message="one"), an_event(NOW - 1, message="two")])
    at.indexes.damaged.add("day-1-hot")
    assert at.messages("two") == ["two"]
    assert at.ask("facets", fields=["message"])["total"] == {"value": 2, "exact": True}
    assert at.counted("watchbook_query_begun_anew_total", why="index_damaged") >= 2


def test_a_damaged_block_is_left_out_and_told() -> None:
    at = At()
    for message in ("one", "two"):
        at.source.append([an_event(NOW, message=message)])
    at.source.damaged = {0}
    page = at.ask("search", total=True)
    assert [event["message"] for event in page["events"]] == ["two"]
    assert page["incomplete"]["reason"] == "damaged"
    assert "watchbook verify" in page["incomplete"]["message"]


def test_a_total_that_costs_too_much_is_a_lower_bound_and_says_so() -> None:
    at = At(total_events_max=4)
    at.source.append([an_event(NOW, details={"k": "v"}, message="x") for _ in range(4)])
    at.source.append([an_event(NOW, details={"k": "v"}, message="x") for _ in range(20)])
    assert at.ask("search", q="message:x", total=True)["total"] == {"value": 24, "exact": True}
    dear = at.ask("search", q="details.k:v", total=True)["total"]
    assert not dear["exact"]
    assert 0 < dear["value"] < 24


def test_an_explanation_says_what_was_understood_and_what_the_index_decides() -> None:
    at = At()
    at.source.append([an_event(NOW, action="read", details={"k": "v"}), an_event(NOW, action="create")])
    at.source.append([an_event(NOW, action="read")])
    at.indexes.reach["day-1"] = 2
    found = at.ask("explain", q="ACTION:Read  (status:ok OR user:Alice)")
    assert found["query"] == "action:read (outcome:success OR actor:alice)"
    assert found["plan"]["and"][0] == {"fields": ["action"], "test": "equals", "value": "read"}
    (segment,) = at.ask("explain", q="action:read details.k:v")["segments"]
    expected = {"tier": "hot", "rows": 3, "indexed_rows": 2, "tail_rows": 1, "chunks": 1, "sure": 0, "perhaps": 1}
    assert expected.items() <= segment.items()
    (segment,) = at.ask("explain", q="action:read")["segments"]
    assert (segment["sure"], segment["perhaps"]) == (1, 0)


def test_a_histogram_has_no_holes_and_ends_now() -> None:
    at = At()
    at.source.append([an_event(NOW - 5 * HOUR_US, action="a"), an_event(NOW - 2 * HOUR_US, action="b")])
    found = at.ask("histogram", **{"from": "6h", "interval": "1h", "by": "action"})
    assert [bucket["count"] for bucket in found["buckets"]] == [0, 1, 0, 0, 1, 0, 0]
    assert found["buckets"][1] == {"time": "2026-11-21T07:00:00.000000Z", "count": 1, "by": {"a": 1}}
    assert found["interval_s"] == 3600
    assert len(at.ask("histogram")["buckets"]) == 7 * 24 + 1


@pytest.mark.parametrize(
    ("question", "parameters", "parameter"),
    [
        ("histogram", {"interval": "1ms"}, "interval"),
        ("histogram", {"interval": "often"}, "interval"),
        ("histogram", {"interval": "0s"}, "interval"),
        ("histogram", {"by": "time"}, "by"),
        ("facets", {"fields": ["tyme"]}, "fields"),
        ("facets", {"fields": ["action"], "distinct": "received"}, "distinct"),
        ("facets", {"fields": "action"}, "fields"),
        ("values", {"field": "details"}, "field"),
        ("values", {}, "field"),
        ("search", {"limit": 0}, "limit"),
        ("search", {"limit": "many"}, "limit"),
        ("search", {"filters": {"actor": "alice"}}, "actor"),
        ("search", {"filters": []}, "filters"),
        ("search", {"q": 5}, "q"),
        ("event", {"id": 5}, "id"),
    ],
)
def test_a_wrong_parameter_is_named(question: str, parameters: dict[str, Any], parameter: str) -> None:
    with pytest.raises(ApiProblem) as caught:
        At().ask(question, **parameters)
    assert (caught.value.status, caught.value.errors[0]["parameter"]) == (400, parameter)


def test_a_question_that_is_none_is_refused() -> None:
    with pytest.raises(ApiProblem, match="there is no question 'drop'"):
        At().ask("drop")


def test_an_event_is_found_by_its_id_before_and_after_sealing() -> None:
    at = At()
    at.source.append([an_event(NOW - n, message=f"m{n}") for n in range(7)])
    wanted = f"{'5' * 32}-1-3"
    before = at.ask("event", id=wanted)
    at.source.seal("day-1", 2)
    assert before["message"] == "m3"
    assert at.ask("event", id=wanted) == before


def test_a_segment_is_passed_over_where_a_dictionary_lacks_the_word() -> None:
    at = At()
    for message in ("alpha", "beta", "gamma"):
        at.source.append([an_event(NOW, message=message)])
        at.source.roll()
    assert at.messages("beta") == ["beta"]
    assert at.source.reads == 1
