"""A state file of the version before: what waited in its outbox is sent, and who heard of an alert hears of its end."""

import asyncio
from pathlib import Path

from sqlite_utils import Database

from collector.access import MIGRATIONS as ACCESS
from collector.alert import MIGRATIONS
from tests.collector.alert.alerts import START, resolved
from tests.collector.notify.receiver import receiver
from tests.collector.notify.stage import fast, hook, notifying
from watchbook.database import connect

ALERT = "insert into alert (id, status, rule_id, title, level, tags, group_key, falsepositives, track, events, first, last, holds_from, holds_until, received, opened) values (?, 'open', 'r', 'Old rule', 'high', '[]', '[]', '[]', '', 3, ?, ?, ?, ?, ?, ?)"  # noqa: E501
BODY = '{"type": "alert.opened", "timestamp": "2026-11-18T11:06:40.000000Z", "data": {"id": "%s", "level": "high"}}'


def old_file(folder: Path) -> None:
    """Make a file with two open alerts: one was told, of the other the notification waits."""
    connection = connect(folder / "state.db", compatibility=2)
    ACCESS.apply(Database(connection))
    MIGRATIONS.apply(Database(connection), stop_before="give_alerts_a_life")
    for number, (alert_id, delivered) in enumerate([("a1", START), ("b2", None)], 1):
        connection.execute(ALERT, (alert_id, *[START] * 6))
        connection.execute(
            "insert into outbox (number, id, alert_id, channel, payload, created, next_attempt, delivered) "
            "values (?, ?, ?, 'ops', ?, ?, 0, ?)",
            (number, f"{alert_id}-opened-ops", alert_id, BODY % alert_id, START, delivered),
        )
    connection.execute("pragma user_version=2")
    connection.close()


async def test_an_outbox_of_before_is_worked_off_and_its_alerts_end(tmp_path: Path) -> None:
    await asyncio.to_thread(old_file, tmp_path)
    async with receiver() as ear, notifying(tmp_path, fast(hook(url=ear.url))) as stage:
        await ear.until(lambda: len(ear.taken) == 1)
        await stage.apply(resolved("a1"), resolved("b2"))
        await stage.until("delivered", 3)
    assert ear.taken[0].id == "b2-opened-ops"
    assert ear.taken[0].body["data"] == {"id": "b2", "level": "high"}
    assert sorted((one.body["type"], one.body["data"]["id"]) for one in ear.taken[1:]) == [
        ("alert.resolved", "a1"), ("alert.resolved", "b2")
    ]  # fmt: skip
