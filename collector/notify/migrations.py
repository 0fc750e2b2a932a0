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

from sqlite_utils import Migrations
from sqlite_utils.db import Database

MIGRATIONS = Migrations("notify")


@MIGRATIONS()
def create_notify_tables(db: Database) -> None:
    """Create the first tables, and take over what waits in the outbox of before, which knew webhooks only."""
    for statement in _TABLES.split(";"):
        db.execute(statement)
    if "outbox" in db.table_names():
        db.execute(_TAKE_OVER)
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
