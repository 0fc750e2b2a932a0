"""The tables of notifications in ``state.db``.  Times are microseconds since the epoch.

- ``notification``: what is to be told, until a channel took it, and for a while after.  ``id`` is the idempotency key,
  ``subject`` what those of one group have in common; ``document`` is JSON (:mod:`collector.notify.document`).  It waits
  while ``delivered``, ``dead`` and ``dropped`` are null; ``dead`` is when it was given up.
- ``notify_group``, ``notify_member``, ``notify_watched``, ``notify_flow``: what planning remembers
  (:mod:`collector.notify.groups`).
- ``notify_channel``: channels that fail, each with the alert (JSON) that is open because of that.
- ``notify_watermark``: the last transition of ``alert_transition`` that was planned; one row, changed in the same
  transaction as all of the above.
"""

import orjson
from sqlite_utils import Migrations
from sqlite_utils.db import Database

from collector.notify.groups import group_id
from collector.notify.routing import DEFAULT_ROUTE, Binding, Key

MIGRATIONS = Migrations("notify")


@MIGRATIONS()
def create_notify_tables(db: Database) -> None:
    """Create the first tables, and take over the outbox of before, which knew webhooks only.

    What waits in it is sent on, and whoever heard of an alert that is still open will hear that it is over.
    """
    for statement in _TABLES.split(";"):
        db.execute(statement)
    if "outbox" in db.table_names():
        db.execute(_TAKE_OVER)
        for channel, alert_id, created in db.execute(_STILL_OPEN).fetchall():
            key: Key = (("alert", alert_id),)
            identifier = group_id(Binding(channel, DEFAULT_ROUTE, key))
            group = (identifier, channel, DEFAULT_ROUTE, orjson.dumps(key).decode(), created, created)
            db.execute(_TAKE_OVER_GROUP, group)
            db.execute("insert into notify_member values (?, ?, 'firing')", (identifier, alert_id))
        db.execute("delete from outbox")


_TABLES = """
create table notification (
    number integer primary key,
    id text not null unique,
    channel text not null,
    subject text not null,
    reason text not null,
    standing text not null,
    level text not null,
    document text not null,
    created integer not null,
    attempts integer not null default 0,
    next_attempt integer not null default 0,
    last_error text,
    delivered integer,
    dead integer,
    dropped integer
) strict;
create index notification_waiting on notification (channel, next_attempt)
    where delivered is null and dead is null and dropped is null;
create index notification_by_subject on notification (channel, subject, number)
    where delivered is null and dead is null and dropped is null;
create index notification_dead on notification (dead) where dead is not null;
create index notification_done on notification (delivered) where delivered is not null;
create table notify_group (
    id text primary key,
    channel text not null,
    route text not null,
    key text not null,
    due integer,
    ticks_from integer,
    told integer,
    repeats integer not null,
    count integer not null,
    number integer not null,
    open integer not null
) strict, without rowid;
create table notify_member (
    group_id text not null,
    alert_id text not null,
    said text not null,
    primary key (group_id, alert_id)
) strict, without rowid;
create table notify_watched (
    alert_id text primary key,
    facts text not null
) strict, without rowid;
create table notify_flow (
    channel text primary key,
    flow text not null
) strict, without rowid;
create table notify_channel (
    channel text primary key,
    alert text not null
) strict, without rowid;
create table notify_watermark (
    id integer primary key check (id = 1),
    number integer not null
) strict"""

_TAKE_OVER = """
insert into notification (id, channel, subject, reason, standing, level, document, created, attempts, next_attempt,
                          last_error)
    select id, channel, alert_id,
           case json_extract(payload, '$.type') when 'alert.resolved' then 'resolved' else 'new' end,
           case json_extract(payload, '$.type') when 'alert.resolved' then 'resolved' else 'firing' end,
           coalesce(json_extract(payload, '$.data.level'), 'high'), json_object('body', payload), created, attempts,
           next_attempt, last_error
    from outbox where delivered is null order by number"""

_STILL_OPEN = """
select channel, alert_id, max(outbox.created) from outbox join alert on alert.id = alert_id
    where alert.resolved is null and json_extract(payload, '$.type') = 'alert.opened' group by channel, alert_id"""
_TAKE_OVER_GROUP = """
insert into notify_group (id, channel, route, key, due, ticks_from, told, repeats, count, number, open)
    values (?, ?, ?, ?, null, ?, ?, 0, 1, 0, 1)"""
