"""A database that an older version wrote: its alerts and notifications are there, and nobody is told of them again."""

import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database

from collector.alert import MIGRATIONS, AlertSettings, AlertStore, Filters, Watermark
from collector.finding import AlertChange, AlertState, RuleBrief
from collector.state import COMPATIBILITY, open_state
from tests.collector.alert.alerts import START, event_id, resolved, shown, updated
from tests.collector.alert.desks import Office
from watchbook.database import NewerDatabaseError, connect

OLD_COMPATIBILITY = 2


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a folder with a state file as it was before alerts had a life."""
    connection = connect(tmp_path / "state.db", compatibility=OLD_COMPATIBILITY)
    MIGRATIONS.apply(Database(connection), stop_before="give_alerts_a_life")
    columns = (
        "id, status, rule_id, title, level, tags, falsepositives, group_key, track, events, first, last, holds_from, "
        "holds_until, received, opened, resolved, resolution, event_ids"
    )
    for alert_id, status, over, why in (("a1", "open", None, None), ("b2", "resolved", START + 300, "quiet")):
        row = (
            alert_id, status, "r", "Failure spike", "high", "[]", "[]", '[["actor.id","alice"]]', "", 3, START,
            START + 5, START, START, START + 6, START + 6, over, why, f'["{event_id(0)}"]',
        )  # fmt: skip
        connection.execute(f"insert into alert ({columns}) values ({', '.join('?' * len(row))})", row)
    connection.execute(
        "insert into outbox (id, alert_id, channel, payload, created, next_attempt) values "
        "('a1-opened-ops', 'a1', 'ops', '{}', 1, 0)"
    )
    connection.execute("insert into rule_watermark values (1, 42, ?, ?)", (START, START))
    connection.execute(f"pragma user_version={OLD_COMPATIBILITY}")
    connection.close()
    return tmp_path


def test_its_alerts_go_on_and_can_be_acted_on(old: Path) -> None:
    open_state(old / "state.db").close()
    office = Office(old)
    assert office.store.watermark() == Watermark(42, START, START)
    assert [alert.id for alert in office.store.open_alerts()] == ["a1"]
    assert office.transitions() == []
    assert office.store.state.rows("select id, delivered from notification") == [("a1-opened-ops", None)]
    over = shown(office.store, "b2")
    assert over is not None
    assert (over["status"], over["resolution"], over["event_ids"]) == ("resolved", "quiet", [event_id(0)])
    assert over["resolved"] == "2026-11-18T11:06:40.000300Z"
    office.say(updated())
    office.desk.act("a1", "acknowledge", "carol", None)
    office.say(resolved(events=5))
    assert office.kinds() == ["updated", "acknowledged", "resolved"]
    assert office.store.counts() == {"open": 0, "acknowledged": 0, "resolved": 2}


def test_what_each_alert_said_of_its_rule_is_kept_once_and_what_happened_stays_in_order(tmp_path: Path) -> None:
    connection = connect(tmp_path / "state.db", compatibility=3)
    database = Database(connection)
    MIGRATIONS.apply(database, stop_before="keep_what_rules_say_once")
    columns = (
        "id, status, rule_id, title, level, description, response, runbook, tags, falsepositives, group_key, track, "
        "events, first, last, holds_from, holds_until, received, opened, event_ids, acknowledged, acknowledged_by, "
        "silenced_by, disposition, shadow"
    )
    for alert_id, title, opened_at in (("b2", "Spike", 2), ("a1", "Spike", 2), ("c3", "Spike, in short", 1)):
        row = (
            alert_id, "acknowledged", "r", title, "high", None, "Look.", None, '["attack.t1110"]', "[]",
            '[["actor.id","alice"]]', "", 3, START, START + 5, START, START, START + 6, opened_at, f'["{event_id(0)}"]',
            START, "carol", "s1", "benign", int(alert_id == "c3"),
        )  # fmt: skip
        connection.execute(f"insert into alert ({columns}) values ({', '.join('?' * len(row))})", row)
    happened = [(2, "a1", "opened"), (3, "c3", "opened"), (5, "b2", "opened"), (9, "a1", "updated")]
    for number, alert_id, kind in happened:
        sql = "insert into alert_transition (number, alert_id, kind, time, note) values (?, ?, ?, 7, 'n')"
        connection.execute(sql, (number, alert_id, kind))
    MIGRATIONS.apply(database)
    store = AlertStore(connection, AlertSettings())
    assert [each["id"] for each in store.page(Filters(shadow="also"))["alerts"]] == ["b2", "a1", "c3"]
    view = store.alert("c3")
    assert view is not None
    assert view.state == AlertState(
        "c3", RuleBrief("r", "Spike, in short", "high", None, "Look.", None, ("attack.t1110",)),
        (("actor.id", "alice"),), "", 3, START, START + 5, START, START, START + 6, 1,
    )  # fmt: skip
    assert (view.status, view.acknowledged_by, view.silenced_by, view.disposition, view.shadow) == (
        "acknowledged", "carol", "s1", "benign", True,
    )  # fmt: skip
    assert store.state.row("select count(*) from alert_brief") == (2,)
    told = [each[:3] for each in store.transitions_after(0, 10)]
    assert told == [(2, "a1", "opened"), (5, "b2", "opened"), (9, "a1", "updated")]
    store.apply([AlertChange("updated", view.state._replace(id="a1", events=4), (event_id(1),))], None)
    assert [each[:3] for each in store.transitions_after(5, 10)] == [(10, "a1", "updated")]
    assert store.evidence("a1") == [event_id(0), event_id(1)]


def test_an_alert_whose_events_were_forgotten_can_be_shown(old: Path) -> None:
    connection = connect(old / "state.db", compatibility=OLD_COMPATIBILITY)
    connection.execute(f"update alert set events = 0, first = {2**62}, last = {-(2**62)} where id = 'b2'")
    connection.close()
    store = AlertStore(open_state(old / "state.db"), AlertSettings())
    over = shown(store, "b2")
    assert over is not None
    assert (over["count"], over["first"], over["last"]) == (0, "2026-11-18T11:06:40.000000Z", over["first"])
    assert len(store.page()["alerts"]) == 2


def test_a_status_that_there_is_not_is_refused_by_the_new_table(old: Path) -> None:
    connection = open_state(old / "state.db")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("update alert set status = 'ignored'")
    connection.close()


def test_the_older_version_refuses_the_file_once_it_is_new(old: Path) -> None:
    open_state(old / "state.db").close()
    assert COMPATIBILITY > OLD_COMPATIBILITY
    with pytest.raises(NewerDatabaseError):
        connect(old / "state.db", compatibility=OLD_COMPATIBILITY)


def test_what_was_done_is_done_once(old: Path) -> None:
    for _ in range(2):
        store = AlertStore(open_state(old / "state.db"), AlertSettings())
        assert store.counts() == {"open": 1, "acknowledged": 0, "resolved": 1}
        store.close()
