"""Alerts on disk: one transaction, idempotent, bounded, paged."""

import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from sqlite_utils import Database

from collector.alert import MIGRATIONS, AlertSettings, AlertStore, CursorError, Filters, Watermark
from tests.collector.alert.alerts import (
    RULE,
    SECOND,
    START,
    event_id,
    open_state,
    open_store,
    opened,
    resolved,
    shown,
    state,
    updated,
)
from watchbook.database import connect


def test_an_alert_is_kept_with_its_events_transitions_and_the_watermark(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.watermark() is None
    assert store.apply([opened()], Watermark(42, START)) == 1
    assert store.watermark() == Watermark(42, START)
    alert = shown(store, "a1")
    assert alert is not None
    assert alert["event_ids"] == [event_id(0), event_id(1), event_id(2)]
    assert alert | {"event_ids": []} == {
        "id": "a1",
        "rule_id": "0b8d6a1e-54f4-4e4e-9e86-27e9bd2a6f35",
        "title": "Failure spike",
        "level": "high",
        "status": "open",
        "counting": True,
        "summary": "Failure spike (actor.id alice): 3 events",
        "description": "Many failures.",
        "response": "Look.",
        "runbook": "https://example.com/runbook",
        "tags": ["attack.t1110"],
        "falsepositives": [],
        "group": {"actor.id": "alice"},
        "count": 3,
        "first": "2026-11-18T11:06:40.000000Z",
        "last": "2026-11-18T11:06:45.000000Z",
        "opened": "2026-11-18T11:06:46.000000Z",
        "event_ids": [],
    }
    assert [each[1:3] for each in store.transitions_after(0, 10)] == [("a1", "opened")]
    assert store.counts() == {"open": 1, "acknowledged": 0, "resolved": 0}


def test_going_on_adds_events(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.apply([opened()], None)
    assert store.apply([updated()], None) == 1
    alert = shown(store, "a1")
    assert alert is not None
    assert (alert["count"], alert["last"]) == (5, "2026-11-18T11:06:49.000000Z")
    assert alert["event_ids"] == [event_id(index) for index in range(5)]


def test_the_end_is_a_transition_and_the_rule_is_done_with_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.apply([opened()], None)
    assert store.apply([resolved()], None) == 1
    assert [each.kind for each in store.transitions_after(0, 10)] == ["opened", "resolved"]
    assert store.open_alerts() == []


def test_an_alert_that_opens_and_ends_at_once_has_both_transitions(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.apply([opened(), resolved()], None) == 2
    assert [each.kind for each in store.transitions_after(0, 10)] == ["opened", "resolved"]


def test_applying_the_same_changes_again_changes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    changes = [opened(), updated(), resolved(events=5), opened("b2")]
    store.apply(changes, Watermark(7, START))
    before = store.page(), shown(store, "a1"), store.transitions_after(0, 1000)
    assert store.apply(changes, Watermark(7, START)) == 0
    assert (store.page(), shown(store, "a1"), store.transitions_after(0, 1000)) == before


def test_the_watermark_never_goes_back(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.apply([], Watermark(9, START))
    store.apply([], Watermark(4, START - SECOND))
    store.apply([], None)
    assert store.watermark() == Watermark(9, START)


def test_a_change_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    broken = opened("b2", rule=RULE._replace(level=None))  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        store.apply([opened(), broken], Watermark(42, START))
    assert (store.page()["alerts"], store.transitions_after(0, 1000), store.watermark()) == ([], [], None)
    assert store.apply([opened()], Watermark(42, START)) == 1
    assert (shown(store, "a1") or {})["title"] == RULE.title


def test_what_a_failed_transaction_leaves_in_memory_is_forgotten_before_anybody_else_writes(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    undone: list[bool] = []

    def write() -> None:
        with store.state.transaction():
            undone.append(True)

    with ThreadPoolExecutor(1) as pool:

        def forget() -> None:
            waiting.append(pool.submit(write))
            wait(waiting, timeout=0.2)
            undone.append(False)

        waiting: list[Future[None]] = []
        with pytest.raises(sqlite3.IntegrityError), store.state.transaction(forget) as connection:
            connection.execute("insert into alert_brief (title) values (null)")
    assert undone == [False, True]
    broken = opened("b2", rule=RULE._replace(title="New"))._replace(event_ids=())
    with pytest.raises(sqlite3.IntegrityError):
        store.apply([broken, broken._replace(alert=broken.alert._replace(id="c3", events=None))], None)  # type: ignore[arg-type]
    assert store.apply([broken], None) == 1
    assert (shown(store, "b2") or {})["title"] == "New"


def test_evidence_is_bounded_and_the_count_goes_on(tmp_path: Path) -> None:
    store = open_store(tmp_path, evidence_max=4)
    store.apply([opened()], None)
    store.apply([updated(events=9)], None)
    alert = shown(store, "a1")
    assert alert is not None
    assert alert["event_ids"] == [event_id(index) for index in range(4)]
    assert alert["count"] == 9


def test_what_was_open_comes_back_as_it_was(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    group = (("actor.id", "ålice"), ("details.n", 5), ("source.ip", None))
    change = opened(group=group, track="b" * 32)
    store.apply([change, opened("b2"), resolved("b2")], None)
    store.close()
    assert open_store(tmp_path).open_alerts() == [change.alert]


def test_pages_are_newest_first_and_meet_without_gap_or_repeat(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.apply([opened(f"x{index:02}", opened=START + index // 3 * SECOND) for index in range(20)], None)
    found: list[str] = []
    cursor = None
    while True:
        page = store.page(limit=6, cursor=cursor)
        found += [alert["id"] for alert in page["alerts"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert found == [f"x{index:02}" for index in reversed(range(20))]


def test_pages_filter_by_status_rule_and_level(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    low = state("b2").rule._replace(id="other", level="low")
    store.apply([opened(), opened("b2", rule=low), opened("c3"), resolved("c3")], None)

    def ids(**filters: str) -> list[str]:
        wanted = {name: (value,) if name in ("status", "level") else value for name, value in filters.items()}
        return [alert["id"] for alert in store.page(Filters(**wanted))["alerts"]]  # type: ignore[arg-type]

    assert ids(status="open") == ["b2", "a1"]
    assert ids(status="resolved") == ["c3"]
    assert ids(rule="other") == ids(level="low") == ["b2"]
    assert ids(status="open", level="high") == ["a1"]


def test_a_cursor_of_another_query_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.apply([opened(), opened("b2")], None)
    cursor = store.page(limit=1)["next_cursor"]
    with pytest.raises(CursorError, match="other filters"):
        store.page(Filters(status=("open",)), cursor=cursor)
    for damaged in ("x", cursor[:-4], "ü", "W10"):
        with pytest.raises(CursorError, match="damaged"):
            store.page(cursor=damaged)


def test_many_alerts_are_read_at_once_as_each_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    names = [f"a{number}" for number in range(150)]
    store.apply([opened(name, 1 + number % 3) for number, name in enumerate(names)], None)
    found = store.alerts_with_evidence([*names, "none"])
    assert found == {name: (store.alert(name), store.evidence(name)) for name in names}


def test_several_threads_may_read_and_write_at_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    def work(number: int) -> int:
        store.apply([opened(f"x{number}")], Watermark(number, START))
        shown(store, f"x{number}")
        return len(store.page(limit=1000)["alerts"])

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(work, range(60)))
    assert max(seen) == 60
    assert len(store.transitions_after(0, 1000)) == 60


def test_what_a_rule_says_is_kept_once_and_with_each_alert_as_it_was_when_that_opened(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.apply([opened("a1"), opened("a2")], None)
    store.close()
    store = open_store(tmp_path)
    other = RULE._replace(response="Run.")
    store.apply([opened("a3"), opened("a4", rule=other), updated("a1", rule=other)], None)
    assert store.state.row("select count(*) from alert_brief") == (2,)
    said = {each["id"]: each["response"] for each in store.page()["alerts"]}
    assert said == {"a1": "Look.", "a2": "Look.", "a3": "Look.", "a4": "Run."}


def test_the_tables_are_made_once(tmp_path: Path) -> None:
    connection = open_state(tmp_path)
    database = Database(connection)
    MIGRATIONS.apply(database)
    assert not MIGRATIONS.pending(database)
    assert {"alert", "outbox", "rule_watermark"} <= set(database.table_names())


def test_evidence_that_was_kept_as_rows_is_kept_with_its_alert(tmp_path: Path) -> None:
    connection = connect(tmp_path / "state.db", compatibility=1)
    database = Database(connection)
    MIGRATIONS.apply(database, stop_before="keep_event_ids_with_their_alert")
    fields = dict.fromkeys(("rule_id", "title", "level", "track"), "x")
    times = dict.fromkeys(("first", "last", "holds_from", "holds_until", "received", "opened"), 1)
    texts = {"tags": "[]", "falsepositives": "[]", "group_key": "[]"}
    for alert_id in ("a1", "b2"):
        database["alert"].insert({"id": alert_id, "status": "open", "events": 2, **fields, **times, **texts})  # type: ignore[union-attr]
    for position, number in enumerate((5, 3, 9)):
        connection.execute("insert into alert_event values ('a1', ?, ?)", (position, event_id(number)))
    MIGRATIONS.apply(database)
    store = AlertStore(connection, AlertSettings())
    kept = [(shown(store, alert_id) or {})["event_ids"] for alert_id in ("a1", "b2")]
    assert kept == [[event_id(5), event_id(3), event_id(9)], []]


def test_many_changes_are_written_as_they_would_be_one_by_one(tmp_path: Path) -> None:
    changes = [
        change
        for number in range(300)
        for change in (opened(f"x{number:03}"), updated(f"x{number:03}"), resolved(f"x{number:03}", events=5))[
            : number % 4
        ]
    ]
    together, apart = open_store(tmp_path / "a"), open_store(tmp_path / "b")
    assert together.apply(changes, None) == sum(apart.apply([change], None) for change in changes)
    assert together.page(limit=1000) == apart.page(limit=1000)
    for alert in together.page(limit=1000)["alerts"]:
        assert shown(together, alert["id"]) == shown(apart, alert["id"])
