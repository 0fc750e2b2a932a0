"""What planning remembers, on disk: read at the start, and written with the notifications that come of each plan."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from collector.locked import LockedConnection
from collector.notify.groups import Flow, Group, PlanState
from collector.notify.plan import Planned
from collector.notify.routing import Facts, Key

_GROUP: Final = "id, channel, route, key, due, ticks_from, told, repeats, count, number, open"


class NewNotification(NamedTuple):
    """A row to be: due at once."""

    id: str
    channel: str
    subject: str
    reason: str
    standing: str
    level: str
    document: str
    created: int


class Ledger:
    """The tables of planning.  Any thread may call any method."""

    def __init__(self, connection: LockedConnection) -> None:
        self._connection = connection

    def read(self, channels: Collection[str]) -> PlanState:
        """Return what was decided so far, without groups of channels that there are no more."""
        row = self._connection.row("select number from notify_watermark")
        state = PlanState(number=0 if row is None else row[0])
        members: dict[str, dict[str, Any]] = {}
        for group_id, alert_id, said in self._connection.rows("select group_id, alert_id, said from notify_member"):
            members.setdefault(group_id, {})[alert_id] = said
        for row in self._connection.rows(f"select {_GROUP} from notify_group"):
            identifier, channel, key = row[0], row[1], row[3]
            if channel in channels:
                pairs = tuple((name, value) for name, value in orjson.loads(key))
                state.add(_group(row, pairs, members.get(identifier, {})))
        for alert_id, facts in self._connection.rows("select alert_id, facts from notify_watched"):
            state.watched[alert_id] = msgspec.json.decode(facts, type=Facts)
        for channel, flow in self._connection.rows("select channel, flow from notify_flow"):
            state.flows[channel] = msgspec.json.decode(flow, type=Flow)
        return state

    def write(self, state: PlanState, planned: Planned, notifications: Sequence[NewNotification]) -> int:
        """Write what a plan changed, its notifications and the watermark in one transaction; return how many were new.

        A notification whose id is there already is not written again.
        """
        with self._connection.transaction() as connection:
            for identifier in planned.groups:
                _write_group(connection, identifier, state.groups.get(identifier))
            for alert_id in planned.watched:
                _write_watched(connection, alert_id, state.watched.get(alert_id))
            for channel in planned.flows:
                connection.execute(
                    "insert or replace into notify_flow (channel, flow) values (?, ?)",
                    (channel, msgspec.json.encode(state.flows[channel]).decode()),
                )
            added = connection.executemany(
                "insert into notification (id, channel, subject, reason, standing, level, document, created) "
                "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing",
                notifications,
            ).rowcount
            connection.execute(
                "insert into notify_watermark (id, number) values (1, ?) on conflict (id) do update set "
                "number = excluded.number",
                (state.number,),
            )
        return max(added, 0)

    def firing(self, channel: str, limit: int) -> list[str]:
        """Return the alerts that a channel was told of and not yet that they are over."""
        rows = self._connection.rows(
            "select alert_id from notify_member join notify_group on group_id = id where channel = ? "
            "and said in ('firing', 'acknowledged') order by alert_id limit ?", channel, limit,
        )  # fmt: skip
        return [alert_id for (alert_id,) in rows]


def _group(row: tuple[Any, ...], key: Key, members: dict[str, Any]) -> Group:
    due, ticks_from, told, repeats, count, number, is_open = row[4:]
    return Group(row[0], row[1], row[2], key, due, ticks_from, told, repeats, count, number, bool(is_open), members)


def _write_group(connection: sqlite3.Connection, identifier: str, group: Group | None) -> None:
    connection.execute("delete from notify_member where group_id = ?", (identifier,))
    if group is None:
        connection.execute("delete from notify_group where id = ?", (identifier,))
        return
    connection.execute(
        f"insert or replace into notify_group ({_GROUP}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (group.id, group.channel, group.route, orjson.dumps(group.key).decode(), group.due, group.ticks_from,
         group.told, group.repeats, group.count, group.number, int(group.open)),
    )  # fmt: skip
    connection.executemany(
        "insert into notify_member (group_id, alert_id, said) values (?, ?, ?)",
        ((group.id, alert_id, said) for alert_id, said in group.members.items()),
    )


def _write_watched(connection: sqlite3.Connection, alert_id: str, facts: Facts | None) -> None:
    if facts is None:
        connection.execute("delete from notify_watched where alert_id = ?", (alert_id,))
        return
    connection.execute(
        "insert or replace into notify_watched (alert_id, facts) values (?, ?)",
        (alert_id, msgspec.json.encode(facts).decode()),
    )
